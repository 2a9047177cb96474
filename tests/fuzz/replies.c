/*
 * What comes back to the client's ping, in any order of sending, waiting and coming back: right
 * messages, altered ones, cut ones, anything.  A reply is right when it is a message that was
 * sent, byte by byte, and each message has one fate.
 */
#include "client/measure/judge.h"
#include "fuzz.h"

#define TOKEN UINT64_C(0x746f6b656e206f66)
#define MILLISECOND INT64_C(1000000)
#define REPLY_MAX 2048

static struct input input;
static struct judge *judge;
static int64_t now;
static unsigned char message[MESSAGE_MOST];
static unsigned char copy[REPLY_MAX];

/* --- books --------------------------------------------------------------------------- */

/* Those of each size are those of all. */
static void
check_sizes(void)
{
	const struct tally *tally = &judge->tally;
	struct size_books total = { 0 };

	for (size_t i = 0; i < judge->sizes.count; i++) {
		const struct size_books *books = &judge->by_size[i];

		fuzz_assert(books->received + books->lost <= books->sent);
		fuzz_assert(books->least <= books->most);
		size_books_add(&total, books);
	}
	fuzz_assert(total.sent == tally->sent && total.received == tally->received);
	fuzz_assert(total.lost == tally->missing + tally->spoilt);
}

static void
check_books(void)
{
	const struct tally *tally = &judge->tally;
	uint64_t waiting = 0;
	int64_t at;

	for (uint64_t seq = 1; seq <= judge->flights.last; seq++) {
		const struct flight *flight = flights_find(&judge->flights, seq);

		waiting += flight != NULL && flight->state == FLIGHT_WAITING;
	}
	fuzz_assert(tally->sent == judge->flights.last);
	fuzz_assert(tally_judged(tally) + tally->cut + waiting == tally->sent);
	fuzz_assert(tally_undecided(tally) == waiting);
	fuzz_assert(tally->rtt.count + tally->unsampled == tally->received);
	fuzz_assert(tally->late <= tally->received && tally->reordered <= tally->received);
	check_sizes();
	fuzz_assert(tally_judged(tally) == 0 || (tally_loss(tally) >= 0 && tally_loss(tally) <= 1));
	fuzz_assert(judge_settled(judge) == (waiting == 0));
	fuzz_assert(judge_next_missing(judge, &at) == (waiting > 0));
}

/* --- replies -------------------------------------------------------------------------- */

/* `size` bytes at `data` came back: is that what message `seq` was? */
static bool
is_message(uint64_t seq, const unsigned char *data, size_t size)
{
	if (seq == 0 || seq > judge->flights.last || size != sizes_of(&judge->sizes, seq))
		return false;
	message_write(TOKEN, seq, message, size);
	return memcmp(message, data, size) == 0;
}

static void
check_reply(const struct reply *reply, const unsigned char *data, size_t size)
{
	const bool right = is_message(reply->seq, data, size);

	fuzz_assert(reply->size == size);
	switch (reply->verdict) {
	case REPLY_RIGHT:
		fuzz_assert(right && reply->rtt >= 0);
		break;
	case REPLY_DUPLICATE:
		fuzz_assert(right && !judge->stream);
		break;
	case REPLY_CORRUPT:
		fuzz_assert(!right && reply->seq != 0);
		fuzz_assert(size != reply->wanted || (reply->at < size &&
		    reply->seen == data[reply->at] && reply->sent != reply->seen));
		break;
	case REPLY_FOREIGN:
		fuzz_assert(reply->seq == 0);
		break;
	}
}

/* `whole`: it is message `seq` as it was sent. */
static void
come_back(size_t size, uint64_t seq, bool whole)
{
	/* Of its size and no more, so that a sanitizer sees what is read behind it. */
	unsigned char *data = malloc(size);
	struct reply reply;

	fuzz_assert(data != NULL || size == 0);
	if (size > 0)
		memcpy(data, copy, size);
	if (judge->stream && size == judge_stream_size(judge)) {
		reply = judge_stream(judge, data, now);
		check_reply(&reply, data, size);
	} else if (!judge->stream) {
		reply = judge_datagram(judge, data, size, now);
		check_reply(&reply, data, size);
		fuzz_assert(!whole || reply.seq == seq);
		fuzz_assert(!whole || reply.verdict == REPLY_RIGHT ||
		    reply.verdict == REPLY_DUPLICATE);
	}
	free(data);
}

/* Message `seq`, with up to three bytes altered, and cut or lengthened. */
static void
return_message(uint64_t seq, bool altered)
{
	size_t size = sizes_of(&judge->sizes, seq);

	if (seq > judge->flights.last)
		return;
	message_write(TOKEN, seq, copy, size);
	for (unsigned left = altered ? 1 + input_byte(&input) % 3 : 0; left > 0; left--)
		copy[input_short(&input) % size] ^= (unsigned char)input_byte(&input);
	if (altered && input_byte(&input) % 2 == 1)
		size = input_short(&input) % REPLY_MAX;
	come_back(size, seq, !altered);
}

/* --- what happens ------------------------------------------------------------------------ */

static void
send_message(void)
{
	size_t size;

	if (judge_is_full(judge))
		return;
	size = judge_write(judge, message);
	judge_sent(judge, now);
	fuzz_assert(is_message(judge->flights.last, message, size));
}

static void
pass_time(void)
{
	uint64_t seq, last = 0;

	now += (int64_t)input_short(&input) * MILLISECOND / 4;
	while ((seq = judge_take_missing(judge, now)) != 0) {
		fuzz_assert(seq > last);
		last = seq;
	}
}

static void
do_next(void)
{
	const unsigned what = input_byte(&input);

	switch (what % 6) {
	case 0:
		send_message();
		break;
	case 1:
		return_message(1 + input_byte(&input), false);
		break;
	case 2:
		return_message(1 + input_byte(&input), true);
		break;
	case 3:
		input_bytes(&input, copy, REPLY_MAX);
		come_back(judge->stream ? judge_stream_size(judge) : input.left % REPLY_MAX, 0,
		    false);
		break;
	case 4:
		pass_time();
		break;
	default:
		judge_cut(judge);
		break;
	}
}

/* One, or an odd byte makes it two. */
static struct sizes
read_sizes(void)
{
	const unsigned byte = input_byte(&input);
	struct sizes sizes = sizes_of_one(MESSAGE_LEAST + byte * 2);

	if (byte % 2 == 1) {
		sizes.part[1] = (struct sizes_part){ MESSAGE_LEAST + byte, 1, 1 };
		sizes.count = sizes.parts = 2;
	}
	return sizes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sizes sizes;
	unsigned first;

	input = (struct input){ data, size };
	now = MILLISECOND;
	first = input_byte(&input);
	sizes = read_sizes();
	judge = judge_new(first % 2 == 1, &sizes, (first >> 1) / 64.0);
	fuzz_assert(judge != NULL);
	judge->token = TOKEN;
	while (input.left > 0)
		do_next();
	check_books();
	judge_free(judge);
	return 0;
}
