/* Certificates for tests: see certificate.h. */
#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	X509_sign(made, key, EVP_sha256());
	return made;
}

static bool
write_certificate(const char *path, const X509 *certificate)
{
	FILE *file = fopen(path, "w");

	return file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0;
}

static bool
write_key(const char *path, const EVP_PKEY *key)
{
	FILE *file = fopen(path, "w");

	return file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    fclose(file) == 0;
}

bool
certificate_make(struct certificate *made, const char *name)
{
	char folder[] = "/tmp/echod-test-XXXXXX";
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = sign(key, name);
	bool written;

	if (mkdtemp(folder) == NULL)
		return false;
	snprintf(made->certificate, sizeof(made->certificate), "%s/cert.pem", folder);
	snprintf(made->key, sizeof(made->key), "%s/key.pem", folder);
	written = write_certificate(made->certificate, certificate) && write_key(made->key, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return written;
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
