/* Certificates for tests: see certificate.h. */
#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

static X509 *
sign(EVP_PKEY *key, const char *name)
{
	X509 *made = X509_new();
	char names[128];
	X509_EXTENSION *extension;

	snprintf(names, sizeof(names), "DNS:%s", name);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_set_version(made, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
	X509_gmtime_adj(X509_getm_notBefore(made), -3600);
	X509_gmtime_adj(X509_getm_notAfter(made), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(made, X509_get_subject_name(made));
	X509_set_pubkey(made, key);
	X509_add_ext(made, extension, -1);
	X509_EXTENSION_free(extension);
	ck_assert_int_gt(X509_sign(made, key, EVP_sha256()), 0);
	return made;
}

void
certificate_make(struct certificate *made, const char *name)
{
	char folder[] = "/tmp/echod-test-XXXXXX";
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = sign(key, name);
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(made->certificate, sizeof(made->certificate), "%s/cert.pem", folder);
	snprintf(made->key, sizeof(made->key), "%s/key.pem", folder);
	file = fopen(made->certificate, "w");
	ck_assert(file != NULL && PEM_write_X509(file, certificate) == 1);
	fclose(file);
	file = fopen(made->key, "w");
	ck_assert(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void
certificate_remove(const struct certificate *made)
{
	char folder[sizeof(made->key)];

	snprintf(folder, sizeof(folder), "%s", made->key);
	*strrchr(folder, '/') = '\0';
	unlink(made->certificate);
	unlink(made->key);
	rmdir(folder);
}
