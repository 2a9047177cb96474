/*
 * What TLS listeners have of other files: what is told of them, where, and by which listener's
 * context it ends.  Whether they have ended, a reload's matter, is in tests/integration.
 */
#include <stdlib.h>

#include "certificate.h"
#include "config_files.h"
#include "runner.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static char here[128];

static void
put(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
}

/* The folder is where relative paths begin, so that faults do not tell its name. */
static void
make_files(void)
{
	static const char other_key[] = "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	    "-----END PRIVATE KEY-----\n"; /* of RFC 8410, 10.3 */
	static const char sealed[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4=\n"
	    "-----END ENCRYPTED PRIVATE KEY-----\n";

	make_folder();
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_int_eq(chdir(folder), 0);
	put("c.pem", certificate_pem);
	put("k.pem", key_pem);
	put("other.pem", other_key);
	put("sealed.pem", sealed);
	put("empty.pem", "");
	put("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
	ck_assert_int_eq(mkdir("folder.pem", 0700), 0);
	ck_assert_int_eq(mkfifo("fifo.pem", 0600), 0);
}

static void
remove_files(void)
{
	static const char *const names[] = { "c.pem", "k.pem", "other.pem", "sealed.pem",
		"empty.pem", "cut.pem", "fifo.pem" };

	for (int i = 0; i < COUNT(names); i++)
		unlink(names[i]);
	rmdir("folder.pem");
	ck_assert_int_eq(chdir(here), 0);
	remove_folder();
}

#define LISTEN "listen a { protocol = \"tls\" port = 0 "
#define PAIR "certificate = \"c.pem\" key = \"k.pem\" "
#define SAYS "FILE:1: listener \"a\": "

static const struct {
	const char *text;
	const char *faults;
} files[] = {
	{ LISTEN PAIR "}", "" },
	{ "tls { " PAIR "} " LISTEN "}", "" },
	{ LISTEN "} tls { " PAIR "}", "" },
	{ "tls { certificate = \"x\" key = \"x\" } " LISTEN PAIR "}", "" },
	{ "tls { client_ca = \"c.pem\" client_certificate = \"required\" } " LISTEN PAIR
	    "client_certificate = \"none\" }", "" },
	{ LISTEN "}", SAYS "certificate is missing: give certificate and key, here or in the"
	    " section tls\n" },
	{ "tls { " PAIR "} " LISTEN "certificate = {} }", SAYS "certificate is missing: give"
	    " certificate and key, here or in the section tls\n" },
	{ LISTEN "certificate = \"c.pem\" }", SAYS "certificate has 1 files and key 0: give the key"
	    " of each certificate\n" },
	{ LISTEN PAIR "client_certificate = \"optional\" }", SAYS "client_certificate without"
	    " client_ca verifies nobody: give client_ca the file of those who may sign\n" },
	{ LISTEN PAIR "client_ca = \"c.pem\" }", SAYS "client_ca without client_certificate has no"
	    " effect: give client_certificate = \"optional\" or \"required\" too\n" },
	{ LISTEN "certificate = \"no.pem\" key = \"k.pem\" }", SAYS "no.pem: No such file or"
	    " directory\n" },
	{ LISTEN "certificate = \"c.pem\" key = \"no.pem\" }", SAYS "no.pem: No such file or"
	    " directory\n" },
	{ LISTEN "certificate = \"folder.pem\" key = \"k.pem\" }", SAYS "folder.pem: give a file,"
	    " of at most 8 MiB\n" },
	{ LISTEN "certificate = \"c.pem\" key = \"fifo.pem\" }", SAYS "fifo.pem: give a file,"
	    " of at most 8 MiB\n" },
	{ LISTEN "certificate = \"empty.pem\" key = \"k.pem\" }", SAYS "empty.pem: no certificate"
	    " in it: give a PEM file, with the server's certificate first\n" },
	{ LISTEN "certificate = \"cut.pem\" key = \"k.pem\" }", SAYS "cut.pem: a certificate in it"
	    " cannot be read (...\n" },
	{ LISTEN "certificate = \"c.pem\" key = \"c.pem\" }", SAYS "c.pem: no key in it that can be"
	    " read: give a PEM file, with a private key that needs no passphrase (...\n" },
	{ LISTEN "certificate = \"c.pem\" key = \"sealed.pem\" }", SAYS "sealed.pem: no key in it"
	    " that can be read: give a PEM file, with a private key that needs no passphrase...\n" },
	{ LISTEN "certificate = \"c.pem\" key = \"other.pem\" }", SAYS "other.pem: the key does not"
	    " match the certificate in c.pem\n" },
	{ LISTEN PAIR "client_ca = \"k.pem\" client_certificate = \"required\" }", SAYS "k.pem: give"
	    " a PEM file with the certificates of those whom you trust...\n" },
	{ LISTEN PAIR "ciphers = \"nix\" }", SAYS "ciphers = \"nix\": give a list of ciphers that"
	    " OpenSSL knows, see openssl-ciphers(1)...\n" },
	{ LISTEN PAIR "ciphers = \"TLS_NIX\" }", SAYS "ciphers = \"TLS_NIX\": give names of TLS"
	    " 1.3's suites that OpenSSL knows...\n" },
	{ LISTEN PAIR "groups = \"nix\" }", SAYS "groups = \"nix\": give a list of groups that"
	    " OpenSSL knows, such as \"X25519:P-256\"...\n" },
	{ "tls { certificate = {\"a\", \"a\"} key = {\"b\", \"c\"} } " LISTEN "}",
	    "FILE:1: tls.certificate = a: it is in the list twice: give it once\n" },
	/* Another fault may have taken what is missing, but does not hide what is not. */
	{ "certificat = \"c.pem\" " LISTEN "}", "FILE:1: unknown option \"certificat\": ...\n" },
	{ "certificat = \"c.pem\" " LISTEN "certificate = \"no.pem\" key = \"k.pem\" }",
	    "FILE:1: unknown option \"certificat\": ...\n" SAYS "no.pem: No such file or"
	    " directory\n" },
};

START_TEST(of_files)
{
	const struct config_source source = { .path = path };
	struct config *config;

	write_file(files[_i].text);
	if (*files[_i].faults != '\0') {
		assert_file_faults(files[_i].faults);
		return;
	}
	config = load_good(&source);
	ck_assert_ptr_nonnull(config->listen[0].tls);
	ck_assert_str_eq(tls_context_pair(config->listen[0].tls, 0)->certificate, "c.pem");
	ck_assert_ptr_null(tls_context_pair(config->listen[0].tls, 1));
	config_free(config);
}
END_TEST

/* Each listener has what it does not set itself from the section, whoever gave that. */
START_TEST(of_the_command_line)
{
	const char *const listen[] = { "tls://127.0.0.1:0", "tcp://127.0.0.1:0" };
	const char *const set[] = { "tls.certificate=\"c.p\\x65m\"", "tls.key={\"k.p\\x65m\"}",
		"tls.alpn={h2, echo}" };
	const struct config_source source = { .path = path, .listen = listen,
		.listen_count = 2, .set = set, .set_count = 3 };
	struct config *config;

	write_file("tls { alpn = \"nix\" minimum_version = \"1.3\" } listen file { port = 7 }");
	config = load_good(&source);
	ck_assert_ptr_nonnull(config->listen[0].tls);
	ck_assert_ptr_null(config->listen[1].tls);
	ck_assert_int_eq(config->listen[0].tls_options.minimum_version, 13);
	ck_assert_uint_eq(config->listen[0].tls_options.alpn.count, 2);
	ck_assert_str_eq(config->listen[0].tls_options.alpn.items[1], "echo");
	config_free(config);
}
END_TEST

START_TEST(faults_of_the_command_line)
{
	const char *const listen[] = { "tls://127.0.0.1:0" };
	const char *const set[] = { "tls.certificate=c.pem", "tls.key=no.pem" };
	const struct config_source source = { .path = path, .listen = listen,
		.listen_count = 1, .set = set, .set_count = 2 };

	write_file("");
	assert_faults(&source, "-l tls://127.0.0.1:0: listener \"tls-1\": no.pem: No such file or"
	    " directory\n");
}
END_TEST

static char told[1024];

static void
note_change(const struct config_change *change)
{
	const size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%s: %s %s %s\n", change->name, change->from,
	    change->is_set ? "and" : "to", change->to);
}

/* In a list of these the order says which is the first. */
START_TEST(changes)
{
	const struct config_source source = { .path = path };
	struct config *running, *next;

	write_file("tls { alpn = {\"a\", \"b\"} } " LISTEN PAIR "} listen b { port = 0 }");
	running = load_good(&source);
	write_file("tls { alpn = {\"b\", \"a\"} } " LISTEN PAIR "} listen b { port = 0 }");
	next = load_good(&source);
	config_tell_changes(running, next, note_change);
	ck_assert_str_eq(told, "tls.alpn: {\"a\", \"b\"} to {\"b\", \"a\"}\n"
	    "listen.a.alpn: {\"a\", \"b\"} to {\"b\", \"a\"}\n");
	ck_assert(config_is_same_listener(&running->listen[0], &next->listen[0]));
	config_free(running);
	config_free(next);
}
END_TEST

START_TEST(without_openssl)
{
	write_file(LISTEN PAIR "}");
	assert_file_faults(SAYS "protocol = \"tls\": this echod was built without OpenSSL: give"
	    " another protocol\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("credentials");
	TCase *tcase = tcase_create("credentials");

	tcase_add_checked_fixture(tcase, make_files, remove_files);
	if (tls_is_built) {
		tcase_add_loop_test(tcase, of_files, 0, COUNT(files));
		tcase_add_test(tcase, of_the_command_line);
		tcase_add_test(tcase, faults_of_the_command_line);
		tcase_add_test(tcase, changes);
	} else {
		tcase_add_test(tcase, without_openssl);
	}
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
