/*
 * A connection that goes from one process to another, in each state: its peer sees nothing of it.
 * Here both are this process; between them there is a parcel.  Each test runs over each back end.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/handover/items.h"
#include "daemon/handover/parcel.h"
#include "daemon/stream/conn_internal.h"
#include "daemon/stream/limits/sweep.h"
#include "daemon/stream/packed.h"
#include "conn_ways.h"
#include "one_conn.h"
#include "runner.h"

static int held; /* the descriptor in flight */

static int
put(void *arg, const struct conn *of, int fd, const struct packed_conn *packed)
{
	const struct parcel_item item = { PARCEL_CONN, .conn = { 0, *packed } };

	ck_assert_ptr_eq(of, conn);
	ck_assert_int_eq(fd, served);
	held = dup(fd);
	return parcel_put(arg, &item);
}

static void
pack(void)
{
	const struct parcel_item service = { PARCEL_SERVICE, .service = { "", 0, 0, "" } };
	const struct parcel_item of_ledger = { PARCEL_LEDGER, .ledger = { "test", 1, 0 } };
	struct parcel_writer writer;

	kept_size = 0;
	held = -1;
	parcel_begin(&writer, keep, NULL);
	parcel_put(&writer, &service);
	parcel_put(&writer, &of_ledger);
	ck_assert_int_eq(crowd_pack(crowd, put, &writer), 0);
	ck_assert_int_eq(parcel_end(&writer), 0);
	ck_assert_int_ne(held, -1);
}

static void
free_conn(void *arg, struct conn *gone)
{
	(void)arg;
	conn_free(gone);
}

/* The one that has given it ends, by this back end or another. */
static void
leave(const struct loop_settings *settings)
{
	void (*on_closed)(void *, struct letter *) = crowd->closed;
	const int64_t bandwidth = atomic_load(&crowd->limits.bandwidth);
	struct inbox *home = loop->home;

	crowd_let_go(crowd, free_conn, NULL);
	event_base_loop(loop->base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < CONN_STATE_COUNT; i++)
		ck_assert(TAILQ_EMPTY(&crowd->lists[i]));
	ck_assert_uint_eq(crowd->own_memory, 0);
	ck_assert_uint_eq(counter_read(&crowd->blocked), 0);
	ck_assert_uint_eq(counter_read(&crowd->blocked_bytes), 0);
	ck_assert_uint_eq(loop->bulk, 0);
	ck_assert_uint_eq(ledger->holders, 1);
	crowd_free(crowd);
	loop_free(loop);
	loop = loop_new(settings, home);
	ck_assert_ptr_nonnull(loop);
	crowd = crowd_new(loop, on_closed);
	ck_assert_ptr_nonnull(crowd);
	ck_assert(sweep_look_after(crowd));
	ledger->branches[0].crowd = crowd;
	atomic_store(&crowd->limits.bandwidth, bandwidth);
}

static void
go_on(void)
{
	char why[PARCEL_WHY_SIZE];
	struct parcel_item item;
	struct parcel parcel;
	size_t descriptor;

	ck_assert_msg(parcel_open(&parcel, kept, kept_size, why), "%s", why);
	while (parcel_next(&parcel, &item, &descriptor))
		if (item.kind == PARCEL_CONN)
			conn = conn_unpack(held, &item.conn.conn, &ledger->branches[0]);
	memset(kept, 0xff, kept_size); /* it has what it needs */
	ck_assert_ptr_nonnull(conn);
	served = held;
	conn_go_on(conn);
}

static void
hand_over(int back_end)
{
	pack();
	leave(&one_conn_configs[back_end]);
	go_on();
}

/* --- each state ---------------------------------------------------------------------- */

static size_t sent; /* by the peer, to be in that state */

#define EACH_WAY (CONN_WAYS * ONE_CONN_CONFIGS)

/* Sets up by one back end what goes on by the next; returns which that is. */
static int
set_up_way(int number)
{
	const int back_end = number % ONE_CONN_CONFIGS;

	set_up(&one_conn_configs[back_end]);
	sent = conn_ways[number / ONE_CONN_CONFIGS].be();
	ck_assert(!closed);
	ck_assert_int_eq(conn_state(conn), conn_ways[number / ONE_CONN_CONFIGS].state);
	return (back_end + 1) % ONE_CONN_CONFIGS;
}

static void
assert_same_facts(const struct conn_facts *a, const struct conn_facts *b)
{
	ck_assert_int_eq(a->state, b->state);
	ck_assert_int_eq(a->opened, b->opened);
	ck_assert_uint_eq(a->received, b->received);
	ck_assert_uint_eq(a->sent, b->sent);
	ck_assert_uint_eq(a->waiting, b->waiting);
}

START_TEST(all_that_is_known_of_it_travels)
{
	const int next = set_up_way(_i);
	struct conn_facts before, after;
	const int64_t begun = clock_ms(), later = begun + 60000;
	int64_t silence, blocked;

	conn_facts(conn, &before);
	silence = conn_silence(conn, later);
	blocked = conn_blocked_for(conn, later);
	hand_over(next);
	conn_facts(conn, &after);
	assert_same_facts(&before, &after);
	ck_assert_int_ge(conn_silence(conn, later), silence - (clock_ms() - begun));
	ck_assert_int_le(conn_silence(conn, later), silence);
	ck_assert_int_eq(conn_blocked_for(conn, later), blocked);
	ck_assert_int_eq(event_pending(crowd->watcher, EV_TIMEOUT, NULL) != 0,
	    conn_ways[_i / ONE_CONN_CONFIGS].is_watched);
	ck_assert_uint_eq(counter_read(&crowd->blocked), before.waiting > 0);
	ck_assert_uint_eq(counter_read(&crowd->blocked_bytes), before.waiting);
	tear_down();
}
END_TEST

/* Nothing that is packed is changed by that, and what was in flight is gone. */
START_TEST(one_that_comes_back_goes_on)
{
	struct conn_facts before, after;
	bool eof;

	set_up_way(_i);
	conn_facts(conn, &before);
	pack();
	close(held);
	conn_facts(conn, &after);
	assert_same_facts(&before, &after);
	if (before.state == CONN_READING) {
		peer_send_all(0, 1000);
		turn();
		ck_assert_uint_eq(peer_receive(0, &eof), 1000);
	}
	tear_down();
}
END_TEST

START_TEST(a_reset_while_it_is_held_is_told)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	const int next = set_up_way(_i);

	pack();
	leave(&one_conn_configs[next]);
	ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(peer);
	peer = -1;
	go_on();
	turn();
	sweep_watch(crowd, clock_ms() + 1000);
	turn();
	ck_assert(closed);
	ck_assert_int_eq(reason, conn_ways[_i / ONE_CONN_CONFIGS].reason);
	ck_assert_int_eq(sweep_watch(crowd, clock_ms() + 1000), 0);
	tear_down();
}
END_TEST

/* Before and after it, and while nobody has it. */
START_TEST(a_stream_is_whole_over_many)
{
	size_t at = 0, seen = 0;
	bool eof = false;

	set_up(&one_conn_configs[_i]);
	for (int i = 0; i < 12; i++) {
		at = peer_send(at, at + 50000);
		turn();
		seen = peer_receive(seen, &eof);
		pack();
		leave(&one_conn_configs[(_i + i) % ONE_CONN_CONFIGS]);
		at = peer_send(at, at + 20000);
		seen = peer_receive(seen, &eof);
		go_on();
		turn();
	}
	while (seen < at) {
		turn();
		seen = peer_receive(seen, &eof);
	}
	ck_assert(!eof);
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), at);
	tear_down();
}
END_TEST

/* The end waits behind what the kernel has, and that behind what the process has. */
START_TEST(what_waits_arrives_then_the_end)
{
	size_t seen = 0;
	bool eof = false;

	set_up(&one_conn_configs[_i]);
	sent = be_blocked();
	ck_assert_uint_gt(sent, 100000);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	for (int i = 0; !eof; i++) {
		if (i % 4 == 0 && !closed)
			hand_over((_i + i) % ONE_CONN_CONFIGS);
		seen = peer_receive(seen, &eof);
		turn();
		sweep_watch(crowd, clock_ms());
		turn();
	}
	ck_assert_uint_eq(seen, sent);
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_PEER);
	tear_down();
}
END_TEST

START_TEST(what_is_flushed_arrives_then_our_end)
{
	size_t seen = 0;
	bool eof = false;

	set_up(&one_conn_configs[_i]);
	be_flushing();
	hand_over(_i);
	while (!eof) {
		seen = peer_receive(seen, &eof);
		turn();
	}
	ck_assert_uint_gt(seen, 0);
	ck_assert_uint_eq(seen, ledger_total(ledger, ROW_SENT_BYTES));
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	hand_over(_i);
	close(peer);
	peer = -1;
	turn_until_closed();
	ck_assert_int_eq(reason, CLOSE_DRAIN);
	tear_down();
}
END_TEST

START_TEST(one_that_closes_is_closed_once_all_is_taken)
{
	size_t seen = 0;
	bool eof = false;

	set_up(&one_conn_configs[_i]);
	sent = be_closing();
	hand_over(_i);
	sweep_watch(crowd, clock_ms());
	ck_assert(!closed);
	while (!eof)
		seen = peer_receive(seen, &eof);
	ck_assert_uint_eq(seen, sent);
	while (!closed) {
		sweep_watch(crowd, clock_ms());
		turn();
	}
	ck_assert_int_eq(reason, CLOSE_PEER);
	tear_down();
}
END_TEST

/* What is still to be paid for is not forgiven. */
START_TEST(a_paced_one_waits_as_long_as_it_would_have)
{
	const int64_t begun = clock_ms();
	size_t seen = 0;
	bool eof;

	set_up(&one_conn_configs[_i]);
	atomic_store(&crowd->limits.bandwidth, 100000);
	peer_send_all(0, 30000);
	while (seen < 30000) {
		if (conn_state(conn) == CONN_PACED)
			hand_over(_i);
		event_base_loop(loop->base, EVLOOP_ONCE);
		seen = peer_receive(seen, &eof);
	}
	ck_assert_int_ge(clock_ms() - begun, 150); /* two of three pieces were paid for */
	tear_down();
}
END_TEST

static int
receive_buffer(void)
{
	int value;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(served, SOL_SOCKET, SO_RCVBUF, &value, &length), 0);
	return value;
}

/* Sends and reads so much more. */
static void
exchange(size_t *at, size_t more)
{
	const size_t end = *at + more;
	size_t to = *at;
	bool eof;

	while (*at < end) {
		to = peer_send(to, end);
		turn();
		*at = peer_receive(*at, &eof);
	}
}

/* One that was let grow is not held again. */
START_TEST(a_buffer_that_has_grown_stays)
{
	size_t at = 0;
	int before;

	set_up_with(&one_conn_configs[_i], 0);
	atomic_store(&crowd->limits.blocked_memory, 0);
	crowd->memory_room = UINT64_MAX;
	exchange(&at, 1 << 20);
	ck_assert(conn->grows);
	before = receive_buffer();
	hand_over(_i);
	ck_assert(conn->grows);
	exchange(&at, 100000);
	ck_assert_int_ge(receive_buffer(), before);
	tear_down();
}
END_TEST

/* One that was silent for nearly all of its time has what is left of it. */
START_TEST(an_idle_time_goes_on)
{
	int64_t now;

	set_up(&one_conn_configs[_i]);
	now = clock_ms();
	hand_over(_i);
	atomic_store(&crowd->limits.idle, 60000);
	sweep_due(crowd, now + 59000, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_READING);
	sweep_due(crowd, now + 60010, 1000);
	ck_assert_int_eq(conn_state(conn), CONN_LINGERING);
	tear_down();
}
END_TEST

static void
look(struct walk *walk, const struct conn *looked_at)
{
	const int64_t end = clock_us() + 20; /* so that a slice has few of them */

	(void)walk;
	(void)looked_at;
	while (clock_us() < end)
		continue;
}

static bool walked;

static void
done(struct walk *walk)
{
	(void)walk;
	walked = true;
}

/* As somebody asks who is connected. */
START_TEST(a_walk_goes_past_those_that_have_left)
{
	struct walk walk = { .look = look, .done = done };
	int peers[300];

	set_up(&one_conn_configs[_i]);
	for (size_t i = 0; i < 300; i++)
		peers[i] = another_peer(NULL);
	walked = false;
	walk_begin(&walk, crowd);
	ck_assert(!walked);
	ck_assert_ptr_nonnull(walk.next);
	crowd_let_go(crowd, free_conn, NULL);
	ck_assert_ptr_null(walk.next);
	closed = true; /* it is gone */
	while (!walked)
		event_base_loop(loop->base, EVLOOP_ONCE);
	ck_assert_ptr_null(crowd->walk);
	for (size_t i = 0; i < 300; i++)
		close(peers[i]);
	tear_down();
}
END_TEST

/* By whom it came, and that the log has no line for it. */
START_TEST(a_proxied_one_is_still_its_peers)
{
	const struct conn_via via = { { .in4 = { .sin_family = AF_INET, .sin_port = 9 } }, true };
	const struct packed_conn packed = { .state = CONN_READING, .is_proxied = true, .via = via,
		.peer = { .in4 = { .sin_family = AF_INET, .sin_port = 5 } } };
	struct conn *proxied;

	set_up(&one_conn_configs[_i]);
	proxied = conn_unpack(-1, &packed, &ledger->branches[0]);
	ck_assert_ptr_nonnull(proxied);
	ck_assert(address_equal(&conn_via(proxied)->proxy, &via.proxy));
	ck_assert(conn_via(proxied)->is_quiet);
	ck_assert(address_equal(conn_peer(proxied), &packed.peer));
	conn_free(proxied);
	tear_down();
}
END_TEST

/* A greeting that waits is no echo, and is not counted. */
START_TEST(a_greeting_that_waits_goes_on)
{
	static char greeting[1000], seen[sizeof(greeting)];
	char drain[4096];
	ssize_t n, last = 0;

	memset(greeting, 'g', sizeof(greeting));
	greeting[sizeof(greeting) - 1] = '\0';
	set_up_greeted(&one_conn_configs[_i], greeting, true);
	ck_assert_int_eq(conn_state(conn), CONN_BLOCKED);
	hand_over(_i);
	while (conn_state(conn) == CONN_BLOCKED || (n = recv(peer, drain, sizeof(drain), 0)) > 0) {
		n = conn_state(conn) == CONN_BLOCKED ? recv(peer, drain, sizeof(drain), 0) : n;
		for (ssize_t i = 0; i < n; i++)
			seen[last++ % (ssize_t)sizeof(seen)] = drain[i];
		turn();
	}
	for (size_t i = 1; i < sizeof(greeting); i++)
		ck_assert_int_eq(seen[((size_t)last - i) % sizeof(seen)], 'g');
	ck_assert_uint_eq(ledger_total(ledger, ROW_SENT_BYTES), 0);
	tear_down();
}
END_TEST

/* An adoption that is given up frees all, and leaves the descriptor where it fails. */
START_TEST(one_that_never_goes_on_is_freed)
{
	const struct packed_conn packed = { .state = CONN_BLOCKED, .waiting = "x", .waiting_size = 1 };

	set_up(&one_conn_configs[_i]);
	conn_free(conn_unpack(dup(served), &packed, &ledger->branches[0]));
	ck_assert_uint_eq(crowd->own_memory, 0);
	tear_down();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("packed");
	TCase *tests = tcase_create("packed");

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, all_that_is_known_of_it_travels, 0, EACH_WAY);
	tcase_add_loop_test(tests, one_that_comes_back_goes_on, 0, EACH_WAY);
	tcase_add_loop_test(tests, a_reset_while_it_is_held_is_told, 0, EACH_WAY);
	tcase_add_loop_test(tests, a_stream_is_whole_over_many, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, what_waits_arrives_then_the_end, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, what_is_flushed_arrives_then_our_end, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, one_that_closes_is_closed_once_all_is_taken, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_paced_one_waits_as_long_as_it_would_have, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_buffer_that_has_grown_stays, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, an_idle_time_goes_on, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_walk_goes_past_those_that_have_left, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_proxied_one_is_still_its_peers, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, a_greeting_that_waits_goes_on, 0, ONE_CONN_CONFIGS);
	tcase_add_loop_test(tests, one_that_never_goes_on_is_freed, 0, ONE_CONN_CONFIGS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
