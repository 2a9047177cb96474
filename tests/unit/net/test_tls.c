/* Contexts and sessions of TLS: a server's end and a client's, over memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certificate.h"
#include "net/tls/session.h"
#include "runner.h"

/* One end, and what waits for it. */
struct end {
	struct tls_session *session;
	struct tls_wire wire;
	uint8_t came[1 << 17];
	size_t came_size;
	enum tls_verdict verdict;
};

static struct certificate a, b;
static struct end server, client;
static char text[TLS_TEXT_SIZE];

static void
set_up(void)
{
	ck_assert(certificate_make(&a, "a.example"));
	ck_assert(certificate_make(&b, "b.example"));
	*text = '\0';
}

static void
tear_down(void)
{
	certificate_remove(&a);
	certificate_remove(&b);
}

/* What all settings of the tests begin with. */
static struct tls_settings
plain_settings(void)
{
	return (struct tls_settings){ .ca = "", .minimum = "1.2", .ciphers = "", .groups = "" };
}

static struct tls_context *
make_server(struct tls_settings settings, const struct tls_context *before)
{
	const char *const certificates[] = { a.certificate, b.certificate };
	const char *const keys[] = { a.key, b.key };
	struct tls_context *made;

	settings.certificates = certificates;
	settings.keys = keys;
	settings.certificate_count = settings.key_count = 2;
	made = tls_context_new_server(&settings, before, text);
	ck_assert_msg(made != NULL, "%s", text);
	return made;
}

static struct tls_context *
make_client(struct tls_settings settings)
{
	struct tls_context *made = tls_context_new_client(&settings, text);

	ck_assert_msg(made != NULL, "%s", text);
	return made;
}

static struct tls_context *
make_trusting_client(const char *name, const struct certificate *trusted)
{
	struct tls_settings settings = plain_settings();

	settings.name = name;
	settings.ca = trusted->certificate;
	return make_client(settings);
}

/* --- the two of them ------------------------------------------------------------------ */

static void
open_ends(struct tls_context *of_server, struct tls_context *of_client,
    const struct tls_session *earlier)
{
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	server.session = tls_session_new(of_server, &server.wire, NULL);
	client.session = tls_session_new(of_client, &client.wire, earlier);
	ck_assert(server.session != NULL && client.session != NULL);
}

static void
close_ends(void)
{
	tls_session_free(server.session);
	tls_session_free(client.session);
	free(server.wire.out);
	free(client.wire.out);
}

/* What one has gathered is what the other has got. */
static void
carry(struct end *from, struct end *to)
{
	ck_assert_uint_le(to->came_size + from->wire.out_size, sizeof(to->came));
	if (from->wire.out_size > 0)
		memcpy(to->came + to->came_size, from->wire.out, from->wire.out_size);
	to->came_size += from->wire.out_size;
	from->wire.out_size = 0;
}

/* Gives an end what came for it. */
static void
feed(struct end *end)
{
	end->wire.in = end->came;
	end->wire.in_size = end->came_size;
	end->came_size = 0;
}

static void
shake_ends(void)
{
	server.verdict = client.verdict = TLS_MORE;
	for (int i = 0; i < 6 && (server.verdict == TLS_MORE || client.verdict == TLS_MORE); i++) {
		feed(&client);
		if (client.verdict == TLS_MORE)
			client.verdict = tls_session_shake(client.session);
		carry(&client, &server);
		feed(&server);
		if (server.verdict == TLS_MORE)
			server.verdict = tls_session_shake(server.session);
		carry(&server, &client);
	}
}

/* Reads what there is.  Returns what that came to. */
static enum tls_verdict
read_end(struct end *from, struct end *end, char *data, size_t size, size_t *got)
{
	carry(from, end);
	feed(end);
	return tls_session_read(end->session, data, size, got);
}

static void
check_open(void)
{
	ck_assert_msg(server.verdict == TLS_READY && client.verdict == TLS_READY, "%s, %s",
	    tls_session_fault_text(server.session), tls_session_fault_text(client.session));
}

/* --- tests ---------------------------------------------------------------------------- */

START_TEST(each_way_ends_by_itself)
{
	struct tls_context *of_server = make_server(plain_settings(), NULL);
	struct tls_context *of_client = make_trusting_client("a.example", &a);
	char data[64];
	size_t got;

	open_ends(of_server, of_client, NULL);
	shake_ends();
	check_open();
	ck_assert(tls_session_write(client.session, "there", 5));
	tls_session_end(client.session);
	tls_session_end(client.session);
	ck_assert_int_eq(read_end(&client, &server, data, sizeof(data), &got), TLS_ENDED);
	ck_assert_mem_eq(data, "there", got);
	ck_assert_uint_eq(got, 5);
	ck_assert(tls_session_write(server.session, "and back", 8));
	ck_assert_int_eq(read_end(&server, &client, data, sizeof(data), &got), TLS_MORE);
	ck_assert_uint_eq(got, 8);
	tls_session_end(server.session);
	ck_assert_int_eq(read_end(&server, &client, data, sizeof(data), &got), TLS_ENDED);
	close_ends();
	tls_context_release(of_server);
	tls_context_release(of_client);
}
END_TEST

START_TEST(little_room_is_asked_again)
{
	struct tls_context *of_server = make_server(plain_settings(), NULL);
	struct tls_context *of_client = make_trusting_client("a.example", &a);
	char data[3];
	size_t got;

	open_ends(of_server, of_client, NULL);
	shake_ends();
	ck_assert(tls_session_write(client.session, "12", 2));
	ck_assert(tls_session_write(client.session, "34567", 5));
	ck_assert_int_eq(read_end(&client, &server, data, 3, &got), TLS_READY);
	ck_assert_mem_eq(data, "123", 3);
	ck_assert_int_eq(tls_session_read(server.session, data, 3, &got), TLS_READY);
	ck_assert_mem_eq(data, "456", 3);
	ck_assert_int_eq(tls_session_read(server.session, data, 3, &got), TLS_MORE);
	ck_assert_uint_eq(got, 1);
	close_ends();
	tls_context_release(of_server);
	tls_context_release(of_client);
}
END_TEST

START_TEST(the_name_that_is_asked_for_chooses)
{
	const struct certificate *const trusted[] = { &a, &b, &a };
	static const char *const names[] = { "a.example", "b.example", "c.example" };
	struct tls_context *of_server = make_server(plain_settings(), NULL);
	struct tls_context *of_client = make_trusting_client(names[_i], trusted[_i]);
	struct tls_facts facts;

	open_ends(of_server, of_client, NULL);
	shake_ends();
	if (_i < 2) {
		check_open();
		tls_session_facts(client.session, &facts);
		ck_assert_str_eq(facts.names, names[_i]);
		tls_session_facts(server.session, &facts);
		ck_assert_str_eq(facts.server_name, names[_i]);
	} else { /* the first, which is not for it */
		ck_assert_int_eq(client.verdict, TLS_FAULTY);
		ck_assert_int_eq(tls_session_fault(client.session), FAULT_TLS_UNVERIFIED);
		ck_assert_ptr_nonnull(strstr(tls_session_fault_text(client.session), "ostname"));
		ck_assert_int_eq(tls_session_fault(server.session), FAULT_TLS_REJECTED);
	}
	close_ends();
	tls_context_release(of_server);
	tls_context_release(of_client);
}
END_TEST

static const struct {
	const char *served[2], *offered[2];
	const char *chosen; /* NULL: none can be */
} protocols[] = {
	{ { NULL }, { "h2", "echo" }, "" },
	{ { "echo", "x" }, { NULL }, "" },
	{ { "echo", "x" }, { "x", "echo" }, "echo" },
	{ { "echo" }, { "h2" }, NULL },
};

static void
set_alpn(struct tls_settings *settings, const char *const names[2])
{
	settings->alpn = names;
	while (settings->alpn_count < 2 && names[settings->alpn_count] != NULL)
		settings->alpn_count++;
}

START_TEST(application_protocols)
{
	struct tls_settings of_server = plain_settings(), of_client = plain_settings();
	struct tls_context *contexts[2];
	struct tls_facts facts;

	set_alpn(&of_server, protocols[_i].served);
	set_alpn(&of_client, protocols[_i].offered);
	of_client.is_insecure = true;
	contexts[0] = make_server(of_server, NULL);
	contexts[1] = make_client(of_client);
	open_ends(contexts[0], contexts[1], NULL);
	shake_ends();
	if (protocols[_i].chosen != NULL) {
		check_open();
		tls_session_facts(server.session, &facts);
		ck_assert_str_eq(facts.alpn, protocols[_i].chosen);
	} else {
		ck_assert_int_eq(tls_session_fault(server.session), FAULT_TLS_ALPN);
		ck_assert_int_eq(tls_session_fault(client.session), FAULT_TLS_ALPN);
	}
	close_ends();
	tls_context_release(contexts[0]);
	tls_context_release(contexts[1]);
}
END_TEST

static const struct {
	enum tls_demand demand;
	int gives; /* 0: no certificate; 1: one that is trusted; 2: another */
	enum tls_fault fault;
} demands[] = {
	{ TLS_CERTIFICATE_NONE, 2, TLS_FAULT_NONE },
	{ TLS_CERTIFICATE_OPTIONAL, 0, TLS_FAULT_NONE },
	{ TLS_CERTIFICATE_OPTIONAL, 1, TLS_FAULT_NONE },
	{ TLS_CERTIFICATE_OPTIONAL, 2, FAULT_TLS_UNVERIFIED },
	{ TLS_CERTIFICATE_REQUIRED, 0, FAULT_TLS_NO_CERTIFICATE },
	{ TLS_CERTIFICATE_REQUIRED, 1, TLS_FAULT_NONE },
	{ TLS_CERTIFICATE_REQUIRED, 2, FAULT_TLS_UNVERIFIED },
};

START_TEST(certificates_of_clients)
{
	const struct certificate *given = demands[_i].gives == 1 ? &a : &b;
	const char *certificate = given->certificate, *key = given->key;
	struct tls_settings of_server = plain_settings(), of_client = plain_settings();
	struct tls_context *contexts[2];
	struct tls_facts facts;

	of_server.demand = demands[_i].demand;
	of_server.ca = a.certificate;
	of_client.is_insecure = true;
	of_client.certificates = &certificate;
	of_client.keys = &key;
	of_client.certificate_count = of_client.key_count = demands[_i].gives > 0;
	contexts[0] = make_server(of_server, NULL);
	contexts[1] = make_client(of_client);
	open_ends(contexts[0], contexts[1], NULL);
	shake_ends();
	ck_assert_int_eq(tls_session_fault(server.session), demands[_i].fault);
	tls_session_facts(server.session, &facts);
	if (demands[_i].gives == 1)
		ck_assert_str_eq(facts.subject, "CN=a.example");
	close_ends();
	tls_context_release(contexts[0]);
	tls_context_release(contexts[1]);
}
END_TEST

/* --- tickets -------------------------------------------------------------------------- */

/* The client's end of a connection to `of_server` that got its tickets; close_ends() is due. */
static void
open_with_tickets(struct tls_context *of_server, struct tls_context *of_client,
    const struct tls_session *earlier)
{
	char data[8];
	size_t got;

	open_ends(of_server, of_client, earlier);
	shake_ends();
	check_open();
	ck_assert_int_eq(read_end(&server, &client, data, sizeof(data), &got), TLS_MORE);
}

/* True where a session of `before` goes on at `after`, which takes its place. */
static bool
goes_on(struct tls_context *before, struct tls_context *after)
{
	struct tls_context *of_client = make_trusting_client("a.example", &a);
	struct tls_session *earlier;
	bool resumed;

	open_with_tickets(before, of_client, NULL);
	ck_assert(!tls_session_is_resumed(server.session));
	earlier = client.session;
	client.session = NULL;
	tls_session_free(server.session);
	free(server.wire.out);
	free(client.wire.out);
	open_with_tickets(after, of_client, earlier);
	resumed = tls_session_is_resumed(server.session);
	ck_assert_int_eq(tls_session_is_resumed(client.session), resumed);
	close_ends();
	tls_session_free(earlier);
	tls_context_release(of_client);
	return resumed;
}

START_TEST(tickets_last_as_long_as_the_trust)
{
	struct tls_settings settings = plain_settings();
	struct tls_context *first, *same, *other, *demanding;

	settings.ca = a.certificate;
	settings.demand = TLS_CERTIFICATE_OPTIONAL;
	first = make_server(settings, NULL);
	same = make_server(settings, first);
	settings.ca = b.certificate;
	other = make_server(settings, first);
	settings.ca = a.certificate;
	settings.demand = TLS_CERTIFICATE_NONE;
	demanding = make_server(settings, first);
	ck_assert(goes_on(first, first));
	ck_assert(goes_on(first, same));
	ck_assert(!goes_on(first, other));
	ck_assert(!goes_on(first, demanding));
	tls_context_release(first);
	tls_context_release(same);
	tls_context_release(other);
	tls_context_release(demanding);
}
END_TEST

/* --- settings --------------------------------------------------------------------------- */

START_TEST(ciphers_of_both_kinds)
{
	struct tls_settings settings = plain_settings();
	struct tls_context *of_server, *of_client;
	struct tls_facts facts;

	settings.ciphers = "ECDHE+CHACHA20, TLS_AES_128_GCM_SHA256";
	settings.groups = "P-384:X25519";
	of_server = make_server(settings, NULL);
	of_client = make_trusting_client("a.example", &a);
	open_ends(of_server, of_client, NULL);
	shake_ends();
	check_open();
	tls_session_facts(client.session, &facts);
	ck_assert_str_eq(facts.version, "TLSv1.3");
	ck_assert_str_eq(facts.cipher, "TLS_AES_128_GCM_SHA256");
	close_ends();
	tls_context_release(of_server);
	tls_context_release(of_client);
}
END_TEST

static void
check_fault(const struct tls_settings *settings, const char *file, const char *fault)
{
	*text = '\0';
	ck_assert_ptr_null(tls_context_new_server(settings, NULL, text));
	ck_assert_int_ne(errno, ENOMEM);
	ck_assert_msg(strncmp(text, file, strlen(file)) == 0, "%s", text);
	ck_assert_msg(strstr(text, fault) != NULL, "%s", text);
}

START_TEST(what_is_wrong_is_named)
{
	struct tls_settings settings = plain_settings();
	const char *certificate = a.certificate, *key = b.key;
	char fifo[sizeof(a.key) + 8];

	settings.certificates = &certificate;
	settings.keys = &key;
	settings.certificate_count = settings.key_count = 1;
	check_fault(&settings, b.key, "does not match the certificate in");
	key = a.certificate;
	check_fault(&settings, a.certificate, "no key in it");
	key = a.key;
	certificate = a.key;
	check_fault(&settings, a.key, "no certificate in it");
	certificate = "/nowhere/at/all.pem";
	check_fault(&settings, "/nowhere/at/all.pem", "No such file");
	snprintf(fifo, sizeof(fifo), "%s.fifo", a.key);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	certificate = fifo;
	check_fault(&settings, fifo, "give a file");
	unlink(fifo);
	certificate = a.certificate;
	settings.ciphers = "ROT13";
	check_fault(&settings, "ciphers = \"ROT13\"", "give a list of ciphers");
	settings.ciphers = "TLS_ROT13";
	check_fault(&settings, "ciphers = \"TLS_ROT13\"", "TLS 1.3's suites");
	settings.ciphers = "";
	settings.groups = "P-1";
	check_fault(&settings, "groups = \"P-1\"", "give a list of groups");
	settings.groups = "";
	settings.ca = a.key;
	check_fault(&settings, a.key, "certificates of those whom you trust");
}
END_TEST

START_TEST(pairs_are_told)
{
	struct tls_context *context = make_server(plain_settings(), NULL);
	struct tls_context *again = make_server(plain_settings(), context);
	const struct tls_pair *pair = tls_context_pair(context, 1);

	ck_assert_str_eq(pair->certificate, b.certificate);
	ck_assert_str_eq(pair->key, b.key);
	ck_assert_int_gt(pair->end, time(NULL) + 80000);
	ck_assert_int_lt(pair->end, time(NULL) + 90000);
	ck_assert_ptr_null(tls_context_pair(context, 2));
	ck_assert(tls_context_has(again, context, 0) && tls_context_has(again, context, 1));
	tls_context_release(again);
	certificate_remove(&b);
	ck_assert(certificate_make(&b, "b.example"));
	again = make_server(plain_settings(), context);
	ck_assert(tls_context_has(again, context, 0) && !tls_context_has(again, context, 1));
	tls_context_release(again);
	tls_context_release(context);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int
main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tests = tcase_create("tls");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, each_way_ends_by_itself);
	tcase_add_test(tests, little_room_is_asked_again);
	tcase_add_loop_test(tests, the_name_that_is_asked_for_chooses, 0, 3);
	tcase_add_loop_test(tests, application_protocols, 0, COUNT(protocols));
	tcase_add_loop_test(tests, certificates_of_clients, 0, COUNT(demands));
	tcase_add_test(tests, tickets_last_as_long_as_the_trust);
	tcase_add_test(tests, ciphers_of_both_kinds);
	tcase_add_test(tests, what_is_wrong_is_named);
	tcase_add_test(tests, pairs_are_told);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
