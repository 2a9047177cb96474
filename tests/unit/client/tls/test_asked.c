/* What the client's options ask for of TLS: whose certificate, which protocols. */
#include "client/tls/asked.h"
#include "runner.h"

static const struct {
	const char *sni, *host, *server;
} servers[] = {
	{ NULL, "box.example", "box.example" },
	{ NULL, "box.example.", "box.example" },
	{ NULL, "192.0.2.1", "192.0.2.1" },
	{ NULL, "2001:db8::1", "2001:db8::1" },
	{ NULL, "fe80::1%eth0", "fe80::1" },
	{ "a.example", "192.0.2.1", "a.example" },
	{ "a.example.", "192.0.2.1", "a.example" },
	{ "192.0.2.2", "192.0.2.1", "192.0.2.2" },
	{ NULL, ".", "." },
};

START_TEST(whose_certificate_it_has_to_be)
{
	struct tls_asked asked = { .name = NULL };
	char name[ENDPOINT_HOST_SIZE];

	if (servers[_i].sni != NULL)
		ck_assert_ptr_null(tls_asked_name(&asked, servers[_i].sni));
	tls_asked_server(&asked, servers[_i].host, name);
	ck_assert_str_eq(name, servers[_i].server);
}
END_TEST

START_TEST(names_of_nobody)
{
	static const char *const texts[] = { "", ".", ".a", "a b", "a:7", "[::1]", "::1%lo", "a/",
		"caf\xc3\xa9.example", "\x1b" };
	struct tls_asked asked = { .name = NULL };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(tls_asked_name(&asked, texts[i]) != NULL, "\"%s\"", texts[i]);
	ck_assert_str_eq(asked.option, "--sni");
}
END_TEST

START_TEST(protocols_between_commas)
{
	struct tls_asked asked = { .name = NULL };

	ck_assert_ptr_null(tls_asked_alpn(&asked, "one"));
	ck_assert_ptr_null(tls_asked_alpn(&asked, "h2,http/1.1"));
	ck_assert_uint_eq(asked.protocol_count, 2);
	ck_assert_str_eq(asked.protocols[0], "h2");
	ck_assert_str_eq(asked.protocols[1], "http/1.1");
	ck_assert_ptr_nonnull(tls_asked_alpn(&asked, ""));
	ck_assert_ptr_nonnull(tls_asked_alpn(&asked, "a,"));
	ck_assert_ptr_nonnull(tls_asked_alpn(&asked, ",a"));
}
END_TEST

START_TEST(what_goes_together)
{
	struct tls_asked asked = { .ca = "ca" };

	ck_assert_ptr_null(tls_asked_check(&asked));
	asked.is_insecure = true;
	ck_assert_ptr_nonnull(tls_asked_check(&asked));
	asked = (struct tls_asked){ .key = "key" };
	ck_assert_ptr_nonnull(tls_asked_check(&asked));
	asked.certificate = "certificate";
	ck_assert_ptr_null(tls_asked_check(&asked));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("asked");
	TCase *cases = tcase_create("asked");

	tcase_add_loop_test(cases, whose_certificate_it_has_to_be, 0,
	    sizeof(servers) / sizeof(servers[0]));
	tcase_add_test(cases, names_of_nobody);
	tcase_add_test(cases, protocols_between_commas);
	tcase_add_test(cases, what_goes_together);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
