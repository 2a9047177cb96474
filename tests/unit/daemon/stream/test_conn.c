/*
 * A connection: back-pressure, its states, its ends, and who is served first.  Each test
 * runs over each back end.
 */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/stream/limits/sweep.h"
#include "one_conn.h"
#include "runner.h"

START_TEST(echoes)
{
	bool eof;

	set_up(&one_conn_configs[_i]);
	peer_send_all(0, 10000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 10000);
	ck_assert(!eof);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), 10000);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 10000);
	tear_down();
	ck_assert_int_eq(reason, CLOSE_STOP);
}
END_TEST

START_TEST(a_peer_that_never_reads_is_not_read)
{
	uint64_t held;

	set_up(&one_conn_configs[_i]);
	fill();
	ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	held = ledger_total(ledger, ROW_RECEIVED_BYTES) - ledger_total(ledger, ROW_SENT_BYTES);
	ck_assert_uint_gt(held, 0);
	ck_assert_uint_le(held, SCRATCH_SIZE);
	tear_down();
}
END_TEST

START_TEST(all_comes_back_once_the_peer_reads)
{
	size_t sent, end, seen = 0;
	bool eof;

	set_up(&one_conn_configs[_i]);
	sent = fill();
	end = sent + (4 << 20);
	while (seen < end) { /* ended by Check's own time-out where bytes are lost */
		seen = peer_receive(seen, &eof);
		sent = peer_send(sent, end);
		turn();
	}
	turn();
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), end);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	tear_down();
}
END_TEST

START_TEST(half_close_loses_nothing)
{
	size_t sent, seen = 0;
	bool eof = false;

	set_up(&one_conn_configs[_i]);
	sent = fill();
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	while (!eof) {
		seen = peer_receive(seen, &eof);
		turn();
	}
	ck_assert_uint_eq(seen, sent);
	sweep_watch(crowd, clock_ms());
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_PEER);
	tear_down();
}
END_TEST

START_TEST(a_fin_that_comes_with_the_data_is_seen)
{
	bool eof;

	set_up(&one_conn_configs[_i]);
	peer_send_all(0, 100);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn_until_closed();
	ck_assert_uint_eq(peer_receive(0, &eof), 100);
	ck_assert(eof);
	tear_down();
}
END_TEST

START_TEST(finish_flushes_what_waits)
{
	uint64_t read_before;
	size_t seen = 0;
	bool eof = false;

	set_up(&one_conn_configs[_i]);
	fill();
	read_before = ledger_total(ledger, ROW_RECEIVED_BYTES);
	conn_finish(conn, CLOSE_DRAIN);
	ck_assert_int_eq(conn_state(conn), CONN_FLUSHING);
	while (!eof) {
		seen = peer_receive(seen, &eof);
		turn();
	}
	ck_assert_uint_eq(seen, read_before);
	ck_assert(!closed); /* lingers until the peer ends too, which would be a reset otherwise */
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	tear_down();
}
END_TEST

START_TEST(a_lingering_connection_echoes_no_more)
{
	bool eof;

	set_up(&one_conn_configs[_i]);
	conn_finish(conn, CLOSE_IDLE);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	peer_send_all(0, 5000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 0);
	ck_assert(eof);
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), 5000);
	ck_assert(!closed);
	conn_finish(conn, CLOSE_DRAIN); /* it keeps its first reason */
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_IDLE);
	tear_down();
}
END_TEST

/* A peer that goes while bytes wait for it: the bufferevent meets the error. */
START_TEST(a_peer_that_goes_while_blocked)
{
	set_up(&one_conn_configs[_i]);
	fill();
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_RESET);
	tear_down();
}
END_TEST

static void
note_received(evutil_socket_t fd, short what, void *arg)
{
	uint64_t *bytes = arg;

	(void)fd;
	(void)what;
	*bytes = ledger_total(ledger, ROW_RECEIVED_BYTES);
}

START_TEST(who_sends_much_is_served_after_all_else)
{
	uint64_t received_before = 0;
	int pair[2];
	bool eof;

	set_up(&one_conn_configs[_i]);
	connect_pair(pair, 65536);
	peer_send_all(0, 10000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 10000);
	/* Both are ready at once, and what was ready first was so far served first. */
	peer_send_all(10000, 20000);
	ck_assert_int_eq(send(pair[1], "x", 1, 0), 1);
	event_base_once(loop->base, pair[0], EV_READ, note_received, &received_before, NULL);
	turn();
	ck_assert_uint_eq(received_before, 10000);
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), 20000);
	close(pair[0]);
	close(pair[1]);
	tear_down();
}
END_TEST

static bool little_is_bulk;

static void
on_little(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	little_is_bulk = loop_prioritize(loop, arg, little_is_bulk, false, clock_ms());
}

START_TEST(who_always_asks_for_little_does_not_hold_up_who_sends_much)
{
	struct event *little;
	int pair[2];
	bool eof;

	set_up(&one_conn_configs[_i]);
	peer_send_all(0, 10000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 10000);
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1); /* it is never read */
	little = event_new(loop->base, pair[0], EV_READ | EV_PERSIST, on_little, event_self_cbarg());
	ck_assert_int_eq(event_add(little, NULL), 0);
	peer_send_all(10000, 20000);
	while (ledger_total(ledger, ROW_RECEIVED_BYTES) < 20000) /* ended by Check's own time-out where not */
		event_base_loop(loop->base, EVLOOP_ONCE);
	if (little_is_bulk)
		loop_set_bulk(loop, little, false);
	event_free(little);
	close(pair[0]);
	close(pair[1]);
	tear_down();
}
END_TEST

/* What it sends from here on goes to nobody's books. */
START_TEST(a_greeting_comes_first_and_is_not_counted)
{
	char first[16];
	bool eof;

	set_up_greeted(&one_conn_configs[_i], "hello\r\n", false);
	ck_assert_int_eq(recv(peer, first, sizeof(first), 0), 7);
	ck_assert_mem_eq(first, "hello\r\n", 7);
	peer_send_all(0, 1000);
	turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 1000);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 1000);
	tear_down();
}
END_TEST

/* Takes what made its socket full, and the greeting, and no more. */
static void
take_greeting(const char *greeting)
{
	size_t zeros = 0, matched = 0;
	char byte;

	while (greeting[matched] != '\0') { /* ended by Check's own time-out where bytes are lost */
		if (recv(peer, &byte, 1, 0) != 1) {
			turn();
		} else if (byte == '\0') {
			zeros++;
		} else {
			ck_assert_int_eq(byte, greeting[matched]);
			matched++;
		}
	}
	ck_assert_uint_gt(zeros, 0);
}

START_TEST(a_greeting_that_the_socket_does_not_take_waits)
{
	bool eof;

	set_up_greeted(&one_conn_configs[_i], "hello\r\n", true);
	ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	peer_send_all(0, 100);
	turn();
	ck_assert_uint_eq(ledger_total(ledger, ROW_RECEIVED_BYTES), 0);
	take_greeting("hello\r\n");
	while (ledger_total(ledger, ROW_SENT_BYTES) < 100)
		turn();
	ck_assert_uint_eq(peer_receive(0, &eof), 100);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 100);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	tear_down();
}
END_TEST

START_TEST(a_greeting_that_waits_is_sent_before_its_connection_ends)
{
	bool eof;

	set_up_greeted(&one_conn_configs[_i], "hello\r\n", true);
	conn_finish(conn, CLOSE_DRAIN);
	ck_assert_int_eq(conn_state(conn), CONN_FLUSHING);
	take_greeting("hello\r\n");
	turn();
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	ck_assert_uint_eq(peer_receive(0, &eof), 0);
	ck_assert(eof);
	tear_down();
}
END_TEST

START_TEST(all_are_finished_then_aborted)
{
	set_up(&one_conn_configs[_i]);
	sweep_finish_all(crowd, CLOSE_DRAIN, false);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	sweep_abort_all(crowd, CLOSE_STOP, false);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	tear_down();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tests = tcase_create("conn");

	signal(SIGPIPE, SIG_IGN); /* as main() does: a bufferevent writes without MSG_NOSIGNAL */
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, echoes, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_peer_that_never_reads_is_not_read, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, all_comes_back_once_the_peer_reads, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, half_close_loses_nothing, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_fin_that_comes_with_the_data_is_seen, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, finish_flushes_what_waits, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_lingering_connection_echoes_no_more, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_peer_that_goes_while_blocked, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, who_sends_much_is_served_after_all_else, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, who_always_asks_for_little_does_not_hold_up_who_sends_much, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_greeting_comes_first_and_is_not_counted, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_greeting_that_the_socket_does_not_take_waits, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_greeting_that_waits_is_sent_before_its_connection_ends, 0,
	    ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, all_are_finished_then_aborted, 0, ONE_CONN_CONFIGS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
