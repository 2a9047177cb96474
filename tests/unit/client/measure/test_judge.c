/* What ping makes of replies: the time is an argument here, so no test waits. */
#include <math.h>
#include <string.h>

#include "client/measure/judge.h"
#include "runner.h"

#define SIZE 64
#define MS INT64_C(1000000)

static struct judge *judge;
static unsigned char messages[8][SIZE];

static void
send_message(struct judge *from, unsigned char *message, int64_t now)
{
	judge_write(from, message);
	judge_sent(from, now);
}

static struct judge *
new_judge(void)
{
	const struct sizes sizes = sizes_of_one(SIZE);

	return judge_new(false, &sizes, 0.1);
}

/* Three messages, 10 ms apart, with a wait of 100 ms. */
static void
set_up(void)
{
	judge = new_judge();
	ck_assert_ptr_nonnull(judge);
	for (int i = 1; i <= 3; i++)
		send_message(judge, messages[i], i * 10 * MS);
}

static void
tear_down(void)
{
	judge_free(judge);
}

static struct reply
answer(int number, int64_t ms)
{
	return judge_datagram(judge, messages[number], SIZE, ms * MS);
}

/* The loss is NAN where nothing is judged. */
static void
check_tally(uint64_t received, uint64_t missing, uint64_t corrupt, double loss)
{
	ck_assert_uint_eq(judge->tally.received, received);
	ck_assert_uint_eq(judge->tally.missing, missing);
	ck_assert_uint_eq(judge->tally.corrupt, corrupt);
	if (isnan(loss))
		ck_assert_double_nan(tally_loss(&judge->tally));
	else
		ck_assert_double_eq_tol(tally_loss(&judge->tally), loss, 1e-9);
}

START_TEST(right_replies)
{
	const struct reply reply = answer(1, 15);

	ck_assert_int_eq(reply.verdict, REPLY_RIGHT);
	ck_assert_uint_eq(reply.seq, 1);
	ck_assert_double_eq_tol(reply.rtt, 0.005, 1e-9);
	ck_assert(!reply.late && !reply.reordered);
	ck_assert(!judge_settled(judge));
	answer(2, 25);
	answer(3, 35);
	ck_assert(judge_settled(judge));
	check_tally(3, 0, 0, 0);
	ck_assert_uint_eq(judge->tally.rtt.count, 3);
}
END_TEST

START_TEST(duplicates)
{
	answer(1, 15);
	ck_assert_int_eq(answer(1, 16).verdict, REPLY_DUPLICATE);
	check_tally(1, 0, 0, 0);
	ck_assert_uint_eq(judge->tally.duplicate, 1);
	ck_assert_uint_eq(judge->tally.rtt.count, 1);
}
END_TEST

START_TEST(order)
{
	ck_assert(!answer(2, 25).reordered);
	ck_assert(answer(1, 26).reordered);
	ck_assert(!answer(3, 35).reordered);
	ck_assert_uint_eq(judge->tally.reordered, 1);
}
END_TEST

/* A wait ends when it is over and not before, the oldest first. */
START_TEST(waits)
{
	int64_t at;

	ck_assert(judge_next_missing(judge, &at));
	ck_assert_int_eq(at, 110 * MS);
	ck_assert_uint_eq(judge_take_missing(judge, 110 * MS - 1), 0);
	ck_assert_uint_eq(judge_take_missing(judge, 110 * MS), 1);
	ck_assert_uint_eq(judge_take_missing(judge, 110 * MS), 0);
	answer(2, 115);
	ck_assert(judge_next_missing(judge, &at));
	ck_assert_int_eq(at, 130 * MS);
	check_tally(1, 1, 0, 0.5);
}
END_TEST

START_TEST(late_replies_are_not_lost)
{
	ck_assert(!answer(2, 120).late);
	judge_take_missing(judge, 110 * MS);
	check_tally(1, 1, 0, 0.5);
	ck_assert(answer(1, 111).late);
	check_tally(2, 0, 0, 0);
	ck_assert_uint_eq(judge->tally.late, 1);
}
END_TEST

START_TEST(corrupt_replies)
{
	struct reply reply;

	messages[1][40] ^= 0xff;
	reply = answer(1, 15);
	ck_assert_int_eq(reply.verdict, REPLY_CORRUPT);
	ck_assert_uint_eq(reply.at, 40);
	ck_assert_uint_eq(reply.seen, messages[1][40]);
	ck_assert_uint_eq(reply.sent, messages[1][40] ^ 0xff);
	check_tally(0, 0, 1, 1);
	messages[1][40] ^= 0xff;
	ck_assert_int_eq(answer(1, 16).verdict, REPLY_RIGHT); /* after all */
	check_tally(1, 0, 1, 0);
	reply = judge_datagram(judge, messages[2], 20, 25 * MS);
	ck_assert_int_eq(reply.verdict, REPLY_CORRUPT);
	ck_assert_uint_eq(reply.seq, 2);
	check_tally(1, 0, 2, 0.5);
}
END_TEST

/* With the number or the token wrong the message is found by its other bytes. */
START_TEST(heads_that_are_wrong)
{
	messages[2][_i] ^= 0x80;
	ck_assert_uint_eq(answer(2, 25).seq, 2);
	ck_assert_int_eq(judge->flights.ring[2].state, FLIGHT_SPOILT);
	check_tally(0, 0, 1, 1);
}
END_TEST

START_TEST(strangers)
{
	unsigned char other[SIZE] = "not one of ours";
	const struct reply reply = judge_datagram(judge, other, SIZE, 15 * MS);

	ck_assert_int_eq(reply.verdict, REPLY_FOREIGN);
	ck_assert_uint_eq(reply.seq, 0);
	ck_assert_int_eq(judge_datagram(judge, other, 0, 15 * MS).verdict, REPLY_FOREIGN);
	check_tally(0, 0, 2, (double)NAN);
	ck_assert_int_eq(answer(1, 16).verdict, REPLY_RIGHT);
}
END_TEST

START_TEST(another_run)
{
	struct judge *other = new_judge();

	ck_assert_ptr_nonnull(other);
	send_message(other, messages[1], 0);
	ck_assert_int_eq(answer(1, 15).verdict, REPLY_FOREIGN);
	judge_free(other);
}
END_TEST

START_TEST(streams)
{
	ck_assert_uint_eq(judge_stream(judge, messages[1], 15 * MS).seq, 1);
	judge_cut(judge);
	send_message(judge, messages[4], 40 * MS);
	ck_assert_uint_eq(judge_stream(judge, messages[4], 45 * MS).seq, 4);
	ck_assert_int_eq(judge_stream(judge, messages[4], 46 * MS).verdict, REPLY_FOREIGN);
	ck_assert_uint_eq(judge_take_missing(judge, 1000 * MS), 0); /* what was cut waits no more */
	check_tally(2, 0, 1, 0);
	ck_assert_uint_eq(judge->tally.cut, 2);
	ck_assert_uint_eq(tally_judged(&judge->tally), 2);
	ck_assert_uint_eq(tally_undecided(&judge->tally), 0);
}
END_TEST

/* What is missing when its stream ends stays so; of nothing that is judged no loss is known. */
START_TEST(cut)
{
	judge_cut(judge);
	check_tally(0, 0, 0, (double)NAN);
	ck_assert_uint_eq(tally_judged(&judge->tally), 0);
	ck_assert_uint_eq(judge->tally.cut, 3);
	send_message(judge, messages[4], 40 * MS);
	ck_assert_uint_eq(tally_undecided(&judge->tally), 1);
	judge_take_missing(judge, 140 * MS);
	judge_cut(judge);
	check_tally(0, 1, 0, 1);
	ck_assert_uint_eq(judge->tally.cut, 3);
}
END_TEST

/* Of datagrams, what waits is remembered; of a stream, all that is still to come. */
START_TEST(full)
{
	judge->stream = _i == 1;
	for (int i = 3; i < FLIGHTS_MAX; i++) {
		ck_assert(!judge_is_full(judge));
		send_message(judge, messages[4], 40 * MS);
	}
	ck_assert(judge_is_full(judge));
	ck_assert_uint_eq(judge_take_missing(judge, 110 * MS), 1);
	ck_assert_int_eq(judge_is_full(judge), judge->stream);
	judge_stream(judge, messages[1], 111 * MS);
	ck_assert(!judge_is_full(judge));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("judge");
	TCase *tests = tcase_create("judge");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, right_replies);
	tcase_add_test(tests, duplicates);
	tcase_add_test(tests, order);
	tcase_add_test(tests, waits);
	tcase_add_test(tests, late_replies_are_not_lost);
	tcase_add_test(tests, corrupt_replies);
	tcase_add_loop_test(tests, heads_that_are_wrong, 0, 16);
	tcase_add_test(tests, strangers);
	tcase_add_test(tests, another_run);
	tcase_add_test(tests, streams);
	tcase_add_test(tests, cut);
	tcase_add_loop_test(tests, full, 0, 2);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
