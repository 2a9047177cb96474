/* What became of each message of ping: see judge.h. */
#include "client/measure/judge.h"

#include <math.h>
#include <stdlib.h>

#include "client/timing.h"

/* How many messages a reply without a readable head is compared with. */
#define GUESSES 64
/* How many of its bytes are compared. */
#define GUESS_BYTES 256

struct judge *
judge_new(bool stream, const struct sizes *sizes, double wait_seconds)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (judge == NULL)
		return NULL;
	judge->stream = stream;
	judge->sizes = *sizes;
	judge->wait = timing_nanoseconds(wait_seconds);
	judge->token = message_token();
	judge->expected = 1;
	judge->by_size = calloc(sizes->count, sizeof(*judge->by_size));
	if (judge->by_size == NULL || !flights_init(&judge->flights)) {
		judge_free(judge);
		return NULL;
	}
	return judge;
}

void
judge_free(struct judge *judge)
{
	if (judge == NULL)
		return;
	flights_free(&judge->flights);
	samples_free(&judge->tally.rtt);
	free(judge->by_size);
	free(judge);
}

/* --- messages and their replies ---------------------------------------------------- */

static size_t
size_of(const struct judge *judge, uint64_t seq)
{
	return sizes_of(&judge->sizes, seq);
}

static struct size_books *
books_of(struct judge *judge, uint64_t seq)
{
	return &judge->by_size[sizes_place(&judge->sizes, seq)];
}

static bool
is_lost(enum flight_state state)
{
	return state == FLIGHT_MISSING || state == FLIGHT_SPOILT;
}

/* The message has a new fate; the one that it had leaves the books. */
static void
settle(struct judge *judge, struct flight *flight, enum flight_state state)
{
	struct tally *tally = &judge->tally;
	struct size_books *books = books_of(judge, flight->seq);

	books->lost -= is_lost(flight->state);
	books->lost += is_lost(state);
	books->received += state == FLIGHT_ANSWERED;
	tally->missing -= flight->state == FLIGHT_MISSING;
	tally->spoilt -= flight->state == FLIGHT_SPOILT;
	tally->cut -= flight->state == FLIGHT_CUT;
	tally->missing += state == FLIGHT_MISSING;
	tally->spoilt += state == FLIGHT_SPOILT;
	tally->cut += state == FLIGHT_CUT;
	tally->received += state == FLIGHT_ANSWERED;
	flight->state = state;
}

size_t
judge_write(const struct judge *judge, unsigned char *data)
{
	const uint64_t seq = judge->flights.last + 1;
	const size_t size = size_of(judge, seq);

	message_write(judge->token, seq, data, size);
	return size;
}

/* A stream's replies all come, missing ones among them; of datagrams, those that wait may. */
bool
judge_is_full(struct judge *judge)
{
	const struct flight *oldest = flights_oldest(&judge->flights);
	uint64_t needed = judge->flights.last + 1;

	if (judge->stream)
		needed = judge->expected;
	else if (oldest != NULL)
		needed = oldest->seq;
	return needed + FLIGHTS_MAX <= judge->flights.last + 1;
}

void
judge_sent(struct judge *judge, int64_t now)
{
	flights_add(&judge->flights, now);
	judge->tally.sent++;
	books_of(judge, judge->flights.last)->sent++;
}

static void
add_time(struct size_books *books, double seconds)
{
	if (books->received == 0 || seconds < books->least)
		books->least = seconds;
	if (seconds > books->most)
		books->most = seconds;
	books->sum += seconds;
}

static void
take_right(struct judge *judge, struct flight *flight, struct reply *reply, int64_t now)
{
	const int64_t took = now > flight->sent ? now - flight->sent : 0;

	reply->verdict = REPLY_RIGHT;
	reply->rtt = timing_seconds(took);
	reply->late = took > judge->wait;
	reply->reordered = flight->seq < judge->highest;
	judge->tally.late += reply->late;
	judge->tally.reordered += reply->reordered;
	judge->tally.unsampled += !samples_add(&judge->tally.rtt, reply->rtt);
	add_time(books_of(judge, flight->seq), reply->rtt);
	if (flight->seq > judge->highest)
		judge->highest = flight->seq;
	settle(judge, flight, FLIGHT_ANSWERED);
}

static void
take_corrupt(struct judge *judge, struct flight *flight, struct reply *reply)
{
	reply->verdict = REPLY_CORRUPT;
	judge->tally.corrupt++;
	if (flight->state != FLIGHT_ANSWERED)
		settle(judge, flight, FLIGHT_SPOILT);
}

/* `flight` is the one that the reply should answer; NULL: none. */
static struct reply
take(struct judge *judge, struct flight *flight, const unsigned char *data, size_t size,
    int64_t now)
{
	struct reply reply = { .verdict = REPLY_FOREIGN, .size = size };

	if (flight == NULL) {
		judge->tally.corrupt++;
		return reply;
	}
	reply.seq = flight->seq;
	reply.wanted = size_of(judge, flight->seq);
	message_write(judge->token, flight->seq, judge->right, reply.wanted);
	if (size == reply.wanted)
		reply.at = message_difference(data, judge->right, size);
	if (size != reply.wanted) {
		take_corrupt(judge, flight, &reply);
	} else if (reply.at < size) {
		reply.seen = data[reply.at];
		reply.sent = judge->right[reply.at];
		take_corrupt(judge, flight, &reply);
	} else if (flight->state == FLIGHT_ANSWERED) {
		reply.verdict = REPLY_DUPLICATE;
		judge->tally.duplicate++;
	} else {
		take_right(judge, flight, &reply, now);
	}
	return reply;
}

/* --- which message it answers --------------------------------------------------- */

static size_t
likeness(struct judge *judge, const struct flight *flight, const unsigned char *data, size_t common)
{
	size_t same = 0;

	message_write(judge->token, flight->seq, judge->right, GUESS_BYTES);
	for (size_t i = 0; i < common; i++)
		same += data[i] == judge->right[i];
	return same;
}

/* How many bytes of a reply may be compared with those of a message. */
static size_t
common_size(const struct judge *judge, const struct flight *flight, size_t size)
{
	const size_t own = size_of(judge, flight->seq), least = size < own ? size : own;

	return least < GUESS_BYTES ? least : GUESS_BYTES;
}

/* A reply whose head is not right: the message that it is most like, if more than half like any. */
static struct flight *
guess(struct judge *judge, const unsigned char *data, size_t size)
{
	struct flight *best = NULL;
	size_t most = 0;

	for (uint64_t back = 0; back < GUESSES && back < judge->flights.last; back++) {
		struct flight *flight = flights_find(&judge->flights, judge->flights.last - back);
		size_t common, same;

		if (flight == NULL || flight->state == FLIGHT_ANSWERED)
			continue;
		common = common_size(judge, flight, size);
		same = likeness(judge, flight, data, common);
		if (same > common / 2 && same > most) {
			most = same;
			best = flight;
		}
	}
	return best;
}

struct reply
judge_datagram(struct judge *judge, const unsigned char *data, size_t size, int64_t now)
{
	struct flight *flight = NULL;
	uint64_t seq;

	if (message_read(judge->token, data, size, &seq))
		flight = flights_find(&judge->flights, seq);
	if (flight == NULL)
		flight = guess(judge, data, size);
	return take(judge, flight, data, size, now);
}

size_t
judge_stream_size(const struct judge *judge)
{
	return size_of(judge, judge->expected);
}

struct reply
judge_stream(struct judge *judge, const unsigned char *data, int64_t now)
{
	struct flight *flight = flights_find(&judge->flights, judge->expected);
	const size_t size = judge_stream_size(judge);

	if (judge->expected <= judge->flights.last)
		judge->expected++;
	return take(judge, flight, data, size, now);
}

void
judge_cut(struct judge *judge)
{
	struct flight *flight;

	while ((flight = flights_oldest(&judge->flights)) != NULL)
		settle(judge, flight, FLIGHT_CUT);
	judge->expected = judge->flights.last + 1;
}

/* --- waits ------------------------------------------------------------------------ */

bool
judge_next_missing(struct judge *judge, int64_t *at)
{
	const struct flight *oldest = flights_oldest(&judge->flights);

	if (oldest == NULL)
		return false;
	*at = oldest->sent + judge->wait;
	return true;
}

uint64_t
judge_take_missing(struct judge *judge, int64_t now)
{
	struct flight *oldest = flights_oldest(&judge->flights);

	if (oldest == NULL || now < oldest->sent + judge->wait)
		return 0;
	settle(judge, oldest, FLIGHT_MISSING);
	return oldest->seq;
}

bool
judge_settled(struct judge *judge)
{
	return flights_oldest(&judge->flights) == NULL;
}

void
size_books_add(struct size_books *books, const struct size_books *other)
{
	if (other->received > 0 && (books->received == 0 || other->least < books->least))
		books->least = other->least;
	if (other->most > books->most)
		books->most = other->most;
	books->sum += other->sum;
	books->sent += other->sent;
	books->received += other->received;
	books->lost += other->lost;
}

void
tally_add(struct tally *tally, const struct tally *other)
{
	tally->sent += other->sent;
	tally->unsent += other->unsent;
	tally->received += other->received;
	tally->missing += other->missing;
	tally->corrupt += other->corrupt;
	tally->late += other->late;
	tally->duplicate += other->duplicate;
	tally->reordered += other->reordered;
	tally->spoilt += other->spoilt;
	tally->cut += other->cut;
	tally->unsampled += other->unsampled;
	tally->reconnects += other->reconnects;
	tally->strangers += other->strangers;
	marks_seen_add(&tally->marks, &other->marks);
	if (tally->without < other->without)
		tally->without = other->without;
	for (size_t i = 0; i < other->rtt.count; i++)
		tally->unsampled += !samples_add(&tally->rtt, other->rtt.values[i]);
}

uint64_t
tally_judged(const struct tally *tally)
{
	return tally->received + tally->missing + tally->spoilt;
}

uint64_t
tally_undecided(const struct tally *tally)
{
	return tally->sent - tally_judged(tally) - tally->cut;
}

double
tally_loss(const struct tally *tally)
{
	const uint64_t judged = tally_judged(tally);

	return judged == 0 ? (double)NAN :
	    (double)(tally->missing + tally->spoilt) / (double)judged;
}
