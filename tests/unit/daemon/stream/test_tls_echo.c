/*
 * A connection that speaks TLS, against OpenSSL's own end: each test runs over each back end.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "certificate.h"
#include "daemon/stream/limits/sweep.h"
#include "net/tls/context.h"
#include "one_conn.h"
#include "runner.h"

/* How long what the kernel has to bring may take: ms. */
#define PATIENCE 60000

static struct certificate files;
static struct tls_context *context;
static SSL_CTX *ours;
static SSL *client;

static const struct loop_settings *
settings_of(int index)
{
	return &one_conn_configs[index % ONE_CONN_CONFIGS];
}

static void
make_context(void)
{
	const char *certificate, *key;
	const struct tls_settings settings = {
		.certificates = &certificate, .keys = &key, .certificate_count = 1, .key_count = 1,
		.ca = "", .minimum = "1.2", .ciphers = "", .groups = "",
	};
	char text[TLS_TEXT_SIZE] = "";

	ck_assert(certificate_make(&files, "localhost"));
	certificate = files.certificate;
	key = files.key;
	context = tls_context_new_server(&settings, NULL, text);
	ck_assert_msg(context != NULL, "%s", text);
	ours = SSL_CTX_new(TLS_client_method());
	ck_assert_ptr_nonnull(ours);
}

static void
remove_context(void)
{
	SSL_CTX_free(ours);
	tls_context_release(context);
	certificate_remove(&files);
}

static SSL *
client_at(int fd)
{
	SSL *made = SSL_new(ours);

	ck_assert(made != NULL && SSL_set_fd(made, fd) == 1);
	SSL_set_connect_state(made);
	return made;
}

/* True where `result` says to wait for the other end: that has a turn then. */
static bool
waits(SSL *ssl, int result)
{
	const int error = SSL_get_error(ssl, result);

	turn();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool
shake(SSL *ssl)
{
	const int64_t until = clock_ms() + PATIENCE;
	int result;

	do {
		ERR_clear_error();
		result = SSL_do_handshake(ssl);
	} while (result != 1 && waits(ssl, result) && clock_ms() < until);
	return result == 1;
}

static void
open_secure(int index, int buffer, const char *greeting)
{
	make_context();
	set_up_secure(settings_of(index), buffer, context, greeting);
	client = client_at(peer);
	ck_assert(shake(client));
	while (conn_state(conn) == CONN_SHAKING)
		turn();
}

static void
close_secure(void)
{
	SSL_free(client);
	tear_down();
	remove_context();
}

static unsigned char
byte_at(size_t at)
{
	return (unsigned char)(at * 7 + at / 251);
}

/* Writes the stream from `at` on, without waiting.  Returns how far that went. */
static size_t
write_some(size_t at, size_t end)
{
	unsigned char data[16384];
	size_t n = end - at < sizeof(data) ? end - at : sizeof(data);
	static size_t begun; /* a write that is tried again has the same size */

	if (begun != 0)
		n = begun;
	for (size_t i = 0; i < n; i++)
		data[i] = byte_at(at + i);
	ERR_clear_error();
	if (SSL_write(client, data, (int)n) <= 0) {
		ck_assert(waits(client, -1));
		begun = n;
		return at;
	}
	begun = 0;
	return at + n;
}

/* Reads what is there and compares it.  Returns how far that was; *end: close_notify. */
static size_t
read_some(size_t at, bool *end)
{
	unsigned char data[16384], expected[16384];
	int n;

	*end = false;
	ERR_clear_error();
	while ((n = SSL_read(client, data, sizeof(data))) > 0) {
		for (int i = 0; i < n; i++, at++)
			expected[i] = byte_at(at);
		ck_assert(memcmp(data, expected, (size_t)n) == 0);
	}
	*end = SSL_get_error(client, n) == SSL_ERROR_ZERO_RETURN;
	ck_assert(*end || waits(client, n));
	return at;
}

START_TEST(echoes_every_byte)
{
	const size_t size = 3 << 20;
	const int64_t until = clock_ms() + PATIENCE;
	size_t sent = 0, seen = 0;
	bool end;

	open_secure(_i, 0, "");
	SSL_set_mode(client, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	while (seen < size && clock_ms() < until) {
		if (sent < size)
			sent = write_some(sent, size);
		turn();
		seen = read_some(seen, &end);
	}
	ck_assert_uint_eq(seen, size);
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), size);
	turn();
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), size);
	ck_assert_uint_eq(ledger_read(ledger, ROW_HANDSHAKES, HANDSHAKE_FULL), 1);
	close_secure();
}
END_TEST

/* Three records in one segment: none of them waits for another event. */
START_TEST(all_records_that_came_go_back)
{
	const int64_t until = clock_ms() + PATIENCE;
	size_t seen = 0;
	bool end;

	open_secure(_i, 65536, "");
	for (size_t i = 0; i < 300; i++)
		ck_assert_int_eq(SSL_write(client, (unsigned char[]){ byte_at(i) }, 1), 1);
	while (seen < 300 && clock_ms() < until) {
		turn();
		seen = read_some(seen, &end);
	}
	ck_assert_uint_eq(seen, 300);
	close_secure();
}
END_TEST

/* Fills both directions without reading.  Returns how much was sent. */
static size_t
fill_secure(void)
{
	size_t sent = 0, before;

	SSL_set_mode(client, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	do {
		before = sent;
		for (int i = 0; i < 20; i++) {
			if (conn_state(conn) != CONN_BLOCKED)
				sent = write_some(sent, SIZE_MAX);
			turn();
		}
	} while (sent > before);
	ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	return sent;
}

static void
read_all(size_t size, bool ends)
{
	const int64_t until = clock_ms() + PATIENCE;
	size_t seen = 0;
	bool end = false;

	while ((seen < size || end != ends) && clock_ms() < until) {
		seen = read_some(seen, &end);
		turn();
	}
	ck_assert_uint_eq(seen, size);
	ck_assert_int_eq(end, ends);
}

START_TEST(half_close_loses_nothing)
{
	const int64_t until = clock_ms() + PATIENCE;
	size_t sent;

	open_secure(_i, 65536, "");
	sent = fill_secure();
	while (SSL_shutdown(client) < 0 && clock_ms() < until)
		; /* what it could not write before goes first */
	ck_assert(SSL_get_shutdown(client) & SSL_SENT_SHUTDOWN);
	read_all(sent, true);
	while (conn_state(conn) != CONN_LINGERING && clock_ms() < until)
		turn();
	ck_assert(!closed); /* our side is shut down, in both layers; the peer's socket is not */
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), sent);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_PEER);
	close_secure();
}
END_TEST

START_TEST(a_fin_alone_ends_it_in_order)
{
	open_secure(_i, 65536, "");
	ck_assert_int_eq(SSL_write(client, "\0\7\016", 3), 3);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	read_all(3, true);
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_PEER);
	close_secure();
}
END_TEST

START_TEST(who_ends_and_is_gone_has_had_all)
{
	open_secure(_i, 65536, "");
	ck_assert_int_eq(SSL_write(client, "\0\7\016", 3), 3);
	read_all(3, false);
	ck_assert_int_eq(SSL_shutdown(client), 0);
	close(peer); /* what is said to it now is answered by a reset */
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_PEER);
	close_secure();
}
END_TEST

START_TEST(who_ends_and_is_gone_before_it_has_all_is_not)
{
	open_secure(_i, 65536, "");
	fill_secure();
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_RESET);
	close_secure();
}
END_TEST

START_TEST(a_drain_says_close_notify)
{
	open_secure(_i, 65536, "");
	conn_finish(conn, CLOSE_DRAIN);
	conn_finish(conn, CLOSE_DRAIN);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	read_all(0, true);
	ck_assert(!closed);
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	close_secure();
}
END_TEST

START_TEST(a_drain_while_blocked_loses_nothing)
{
	size_t received;

	open_secure(_i, 65536, "");
	fill_secure();
	received = ledger_total(ledger, ROW_RECEIVED_BYTES);
	conn_finish(conn, CLOSE_DRAIN);
	ck_assert_int_eq(conn_state(conn), CONN_FLUSHING);
	read_all(received, true);
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	close_secure();
}
END_TEST

START_TEST(key_updates_without_data_are_a_flood)
{
	const int64_t until = clock_ms() + PATIENCE;

	open_secure(_i, 0, "");
	signal(SIGPIPE, SIG_IGN);
	while (!closed && clock_ms() < until) {
		for (int i = 0; i < 100; i++) {
			ERR_clear_error();
			if (SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED) != 1 ||
			    SSL_do_handshake(client) != 1)
				break;
		}
		turn();
	}
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_TLS);
	ck_assert_int_eq(fault, FAULT_TLS_FLOOD);
	ck_assert_uint_eq(ledger_read(ledger, ROW_TLS_FAULTS, FAULT_TLS_FLOOD), 1);
	close_secure();
}
END_TEST

START_TEST(a_key_update_now_and_then_is_taken)
{
	size_t seen = 0;
	bool end;

	open_secure(_i, 65536, "");
	for (size_t i = 0; i < 100; i++) {
		ck_assert_int_eq(SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED), 1);
		ck_assert_int_eq(SSL_write(client, (unsigned char[]){ byte_at(i) }, 1), 1);
		turn();
		seen = read_some(seen, &end);
	}
	while (seen < 100) {
		turn();
		seen = read_some(seen, &end);
	}
	close_secure();
}
END_TEST

START_TEST(what_is_no_tls_is_told_so)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	unsigned char alert[64];
	ssize_t n;

	make_context();
	set_up_secure(settings_of(_i), 65536, context, "");
	ck_assert_int_eq(send(peer, text, strlen(text), 0), (ssize_t)strlen(text));
	while (conn_state(conn) != CONN_LINGERING)
		turn();
	ck_assert_uint_eq(ledger_read(ledger, ROW_TLS_FAULTS, FAULT_TLS_PLAIN), 1);
	/* More of it does not turn the end into a reset. */
	ck_assert_int_eq(send(peer, text, strlen(text), 0), (ssize_t)strlen(text));
	turn();
	while ((n = recv(peer, alert, sizeof(alert), 0)) != 0)
		ck_assert(n > 0 || errno == EAGAIN);
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_TLS);
	ck_assert_int_eq(fault, FAULT_TLS_PLAIN);
	tear_down();
	remove_context();
}
END_TEST

START_TEST(the_deadline_of_a_handshake_is_absolute)
{
	static const unsigned char hello[] = { 22, 3, 1, 2, 0, 1, 0, 1, 252 };

	make_context();
	set_up_secure(settings_of(_i), 65536, context, "");
	for (size_t i = 0; i < sizeof(hello); i++) {
		ck_assert_int_eq(send(peer, &hello[i], 1, 0), 1);
		turn();
		sweep_due(crowd, clock_ms() + 9000, 1000);
		ck_assert(!closed);
	}
	ck_assert_int_eq(conn_state(conn), CONN_SHAKING);
	sweep_due(crowd, clock_ms() + 10100, 1000);
	turn_until_closed();
	ck_assert_int_eq(fault, FAULT_TLS_TIMEOUT);
	tear_down();
	remove_context();
}
END_TEST

START_TEST(nothing_at_all_is_out_of_time_too)
{
	make_context();
	set_up_secure(settings_of(_i), 65536, context, "");
	ck_assert_int_eq(conn_state(conn), CONN_EXPECTED);
	ck_assert_ptr_null(crowd->secure); /* it costs no more than another connection */
	sweep_due(crowd, clock_ms() + 10100, 1000);
	turn_until_closed();
	ck_assert_int_eq(fault, FAULT_TLS_TIMEOUT);
	tear_down();
	remove_context();
}
END_TEST

static void
begin_and_stop(int fd)
{
	static const unsigned char hello[] = { 22, 3, 1, 2, 0, 1, 1, 255, 255 };

	ck_assert_int_eq(send(fd, hello, sizeof(hello), 0), sizeof(hello));
}

START_TEST(who_holds_up_others_makes_way)
{
	const int64_t until = clock_ms() + PATIENCE;
	int other;

	make_context();
	set_up_secure(settings_of(_i), 65536, context, "");
	atomic_store(&crowd->limits.handshakes, 1);
	begin_and_stop(peer);
	while (conn_state(conn) != CONN_SHAKING)
		turn();
	other = another_peer(context);
	client = client_at(other);
	for (int i = 0; i < 10; i++) {
		ck_assert(SSL_do_handshake(client) != 1);
		turn();
	}
	ck_assert(!TAILQ_EMPTY(&crowd->lists[CONN_QUEUED]));
	ck_assert_int_gt(sweep_watch(crowd, clock_ms() + 900), 0);
	ck_assert(!closed);
	sweep_watch(crowd, clock_ms() + 1100);
	while (!closed && clock_ms() < until)
		turn();
	ck_assert_int_eq(fault, FAULT_TLS_CROWDED);
	ck_assert(shake(client));
	SSL_free(client);
	close(other);
	while (closed_count < 2 && clock_ms() < until)
		turn();
	tear_down();
	remove_context();
}
END_TEST

START_TEST(a_greeting_is_the_first_that_is_sealed)
{
	char text[16] = "";
	int n;

	open_secure(_i, 65536, "hello\n");
	while ((n = SSL_read(client, text, sizeof(text))) <= 0)
		ck_assert(waits(client, n));
	ck_assert_int_eq(n, 6);
	ck_assert_str_eq(text, "hello\n");
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 0);
	close_secure();
}
END_TEST

/* What another connection left in OpenSSL's queue of errors is not this one's. */
START_TEST(an_old_error_is_nobodys)
{
	bool end;
	size_t seen = 0;

	open_secure(_i, 65536, "");
	ck_assert_int_eq(SSL_write(client, "\0\7\016", 3), 3);
	ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_LENGTH, __FILE__, __LINE__);
	turn();
	while (seen < 3)
		seen = read_some(seen, &end);
	/* Why nothing is read, where a record is not whole, OpenSSL says by that queue. */
	ERR_put_error(ERR_LIB_SSL, 0, SSL_R_BAD_LENGTH, __FILE__, __LINE__);
	ck_assert_int_eq(send(peer, "\027\3\3", 3, 0), 3);
	turn();
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	close_secure();
}
END_TEST

START_TEST(a_broken_record_is_a_fault)
{
	static const unsigned char record[] = { 23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		12, 13, 14, 15, 16, 17, 18, 19, 20 };

	open_secure(_i, 65536, "");
	ck_assert_int_eq(send(peer, record, sizeof(record), 0), sizeof(record));
	while (conn_state(conn) != CONN_LINGERING)
		turn();
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(fault, FAULT_TLS_BROKEN);
	close_secure();
}
END_TEST

START_TEST(a_reset_in_the_handshake_is_one)
{
	static const struct linger at_once = { .l_onoff = 1 };

	make_context();
	set_up_secure(settings_of(_i), 65536, context, "");
	begin_and_stop(peer);
	while (conn_state(conn) != CONN_SHAKING)
		turn();
	ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_RESET);
	tear_down();
	remove_context();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_echo");
	TCase *tests = tcase_create("tls_echo");

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, echoes_every_byte, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, all_records_that_came_go_back, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, half_close_loses_nothing, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_fin_alone_ends_it_in_order, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, who_ends_and_is_gone_has_had_all, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, who_ends_and_is_gone_before_it_has_all_is_not, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_drain_says_close_notify, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_drain_while_blocked_loses_nothing, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, key_updates_without_data_are_a_flood, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_key_update_now_and_then_is_taken, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, what_is_no_tls_is_told_so, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, the_deadline_of_a_handshake_is_absolute, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, nothing_at_all_is_out_of_time_too, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, who_holds_up_others_makes_way, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_greeting_is_the_first_that_is_sealed, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, an_old_error_is_nobodys, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_broken_record_is_a_fault, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_reset_in_the_handshake_is_one, 0, ONE_CONN_CONFIGS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
