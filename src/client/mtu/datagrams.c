/*
 * mtu over datagrams: each size is tried several times, one after the other, and each try has its
 * witness, sent right behind it, of a size that comes back.  What comes back counts whenever it
 * does; what is told of a try ends the waiting for it, when its witness is there, and no more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/measure/message.h"
#include "client/mtu/mtu_internal.h"
#include "client/mtu/tries.h"
#include "client/timing.h"
#include "client/transport/probe.h"

/* What is received before timers and signals have their turn. */
#define TURN_RECEIVES 64

/* For the first reply of all: tries, each with the whole wait. */
#define FIRST_TRIES 5

/* So many tries in a row without a witness: what came back seems not to any more, or nothing. */
#define BLIND_DOUBTFUL 5
#define BLIND_SILENT 10

/* Nanoseconds: between two tries, for the last whose witness is there, and for one, beyond RTTs. */
#define PAUSE INT64_C(10000000)
#define GRACE INT64_C(50000000)
#define LEAST_WAIT INT64_C(100000000)

static void
await(struct mtu *run, enum mtu_await what, int64_t wait)
{
	run->await = what;
	run->due = timing_now() + wait;
	timing_arm(run->timer, run->due);
}

/* --- steps ------------------------------------------------------------------------- */

static bool
is_silent(enum mtu_limit limit)
{
	return limit == MTU_LIMIT_BLACK_HOLE || limit == MTU_LIMIT_SILENCE;
}

/* Chooses what is tried next.  Returns false where nothing is. */
static bool
choose(const struct mtu *run, struct mtu_step *step)
{
	const struct search *search = &run->found.search;
	const size_t next = search_next(search);

	*step = (struct mtu_step){ .witness = search->came, .begun = timing_now() };
	if (run->doubted) {
		step->purpose = MTU_DOUBT;
		step->size = search->came;
		step->witness = search->least;
	} else if (next > 0) {
		step->purpose = search->came > 0 ? MTU_SEARCH : MTU_FIRST;
		step->size = next;
	} else if (search_wants_confirmation(search)) {
		step->purpose = MTU_CONFIRM;
		step->size = search->failed;
	} else if (run->found.fragments == MTU_FRAGMENTS_UNKNOWN &&
	    is_silent(mtu_limit(&run->found))) {
		step->purpose = MTU_FRAGMENTS;
		step->size = probe_fragmented(run->channel, search->failed,
		    run->found.interface_mtu);
	}
	return step->size > 0;
}

static void
end_in_silence(struct mtu *run)
{
	const bool refused = run->found.trouble == ECONNREFUSED && run->found.received == 0;

	mtu_end(run, refused ? ENDING_REFUSED : ENDING_TIMEOUT);
}

/* How the size is tried: behind it, in the text. */
static const char *
how(const struct mtu_step *step)
{
	switch (step->purpose) {
	case MTU_CONFIRM:
	case MTU_DOUBT:
		return " again";
	case MTU_FRAGMENTS:
		return " in fragments";
	default:
		return "";
	}
}

/* None of the tries has come back. */
static void
fail_step(struct mtu *run)
{
	const struct mtu_step *step = &run->step;
	struct mtu_found *found = &run->found;

	if (step->purpose == MTU_FRAGMENTS)
		found->fragments = MTU_FRAGMENTS_LOST;
	else
		search_failed(&found->search, step->size);
	run->doubted = false;
	if (step->told_by != NULL) {
		found->told_by = step->told_by;
		found->told_size = step->size;
	}
	if (found->cut_size == step->size)
		mtu_print_cut(&run->options, step->size, found->cut_to);
	else
		mtu_print_failed(&run->options, step->size, how(step), step->missed,
		    step->told_by);
	await(run, MTU_AWAIT_STEP, 0);
}

static unsigned
tries_of(const struct mtu *run)
{
	switch (run->step.purpose) {
	case MTU_FIRST:
		return FIRST_TRIES;
	case MTU_CONFIRM:
		return tries_for_certainty(run->asked, run->missed);
	default:
		return TRIES_LEAST;
	}
}

/* The try under way has failed. */
static void
miss(struct mtu *run)
{
	struct mtu_step *step = &run->step;

	step->missed++;
	step->blind = 0;
	if (step->missed >= tries_of(run))
		fail_step(run);
	else
		await(run, MTU_AWAIT_TRY, PAUSE);
}

/* Nothing is known of the try under way. */
static void
miss_witness(struct mtu *run)
{
	struct mtu_step *step = &run->step;
	const bool least = step->witness == run->found.search.least;

	run->asked++;
	run->missed++;
	if (++step->blind < (least ? BLIND_SILENT : BLIND_DOUBTFUL)) {
		await(run, MTU_AWAIT_TRY, 0);
	} else if (least) {
		end_in_silence(run);
	} else {
		run->doubted = true;
		await(run, MTU_AWAIT_STEP, 0);
	}
}

/* --- news -------------------------------------------------------------------------- */

/* Who says that one is too long.  A full list keeps its last place for it. */
static const struct mtu_hop *
note_hop(struct mtu_found *found, const struct probe_news *news)
{
	struct mtu_hop *hop = found->hops;
	struct mtu_hop *const end = found->hops + found->hop_count;

	while (hop < end && (hop->mtu != news->mtu || strcmp(hop->from, news->from) != 0))
		hop++;
	if (hop == found->hops + MTU_HOPS_MAX)
		hop--;
	else if (hop == end)
		found->hop_count++;
	hop->mtu = news->mtu;
	memcpy(hop->from, news->from, sizeof(hop->from));
	return hop;
}

static bool
is_under_way(const struct mtu *run)
{
	return run->await == MTU_AWAIT_REPLY;
}

/* The number of the shot that the news quote; of one without a quote that of the try under way. */
static uint64_t
shot_of(const struct mtu *run, const struct probe_news *news)
{
	uint64_t seq;

	if (news->quoted == 0)
		return is_under_way(run) ? run->step.seq : 0;
	if (!message_read(run->token, news->quote, news->quoted, &seq) || seq > run->last)
		return 0;
	return seq;
}

static void
take_too_long(struct mtu *run, const struct probe_news *news)
{
	struct mtu_found *found = &run->found;
	const uint64_t seq = shot_of(run, news);
	const struct mtu_hop *hop;

	search_told(&found->search, news->mtu > found->headers ? news->mtu - found->headers : 0);
	if (news->is_own) {
		run->refused = true;
		found->interface_mtu = news->mtu;
		return;
	}
	if (seq == 0)
		return;
	hop = note_hop(found, news);
	if (seq != run->step.seq || !is_under_way(run))
		return;
	run->step.was_told = true;
	run->step.told_by = hop;
	if (run->step.witness_came)
		miss(run);
}

static void
take_news(struct mtu *run)
{
	struct probe_news news;

	while (!run->ended && probe_take_news(run->channel, &news)) {
		if (news.error == EMSGSIZE) {
			take_too_long(run, &news);
			continue;
		}
		run->found.trouble = news.error;
		if (news.error == ECONNREFUSED && run->step.purpose == MTU_FIRST &&
		    is_under_way(run))
			miss(run);
	}
}

/* --- receiving --------------------------------------------------------------------- */

/* The next try, or step, where the reply to `shot` decides of the one that is under way. */
static void
settle(struct mtu *run, uint64_t seq, const struct mtu_shot *shot)
{
	struct mtu_step *step = &run->step;
	const bool fragments = step->purpose == MTU_FRAGMENTS;

	if (run->await == MTU_AWAIT_STEP)
		return;
	if (shot->fragmented == fragments && shot->size >= step->size &&
	    (step->purpose != MTU_DOUBT || shot->sent >= step->begun)) {
		if (fragments)
			run->found.fragments = MTU_FRAGMENTS_CAME;
		run->doubted = false;
		mtu_print_came(&run->options, shot->size, how(step),
		    timing_seconds(timing_now() - shot->sent), probe_fragment(run->channel));
		await(run, MTU_AWAIT_STEP, 0);
	} else if (seq == step->witness_seq && is_under_way(run)) {
		step->witness_came = true;
		run->asked++;
		/* What its witness has overtaken may still come while others are tried. */
		if (step->was_told || step->missed + 1 < tries_of(run))
			miss(run);
		else
			await(run, MTU_AWAIT_REPLY, GRACE + (timing_now() - shot->sent) / 2);
	}
}

/* A whole reply to the shot has come. */
static void
take_reply(struct mtu *run, uint64_t seq)
{
	struct mtu_found *found = &run->found;
	struct mtu_shot *shot = &run->shots[seq];
	const size_t fragment = probe_fragment(run->channel);
	const int64_t rtt = timing_now() - shot->sent;

	if (shot->came)
		return; /* twice */
	shot->came = true;
	found->received++;
	found->trouble = 0;
	run->rtt = rtt > run->rtt ? rtt : (run->rtt * 7 + rtt) / 8;
	if (fragment > found->reply_fragment && !shot->fragmented)
		found->reply_fragment = fragment;
	if (!shot->fragmented)
		search_came(&found->search, shot->size);
	settle(run, seq, shot);
}

/* Its first `size` bytes have come. */
static void
take_cut(struct mtu *run, uint64_t seq, size_t size)
{
	struct mtu_found *found = &run->found;

	if (found->cut_size == 0 || run->shots[seq].size <= found->cut_size) {
		found->cut_size = run->shots[seq].size;
		found->cut_to = size;
	}
	if (seq == run->step.seq && is_under_way(run))
		miss(run);
}

static void
take_datagram(struct mtu *run, size_t size)
{
	uint64_t seq;

	if (!message_read(run->token, run->in, size, &seq) || seq == 0 || seq > run->last ||
	    size > run->shots[seq].size) {
		run->found.corrupt++;
		return;
	}
	message_write(run->token, seq, run->out, run->shots[seq].size);
	if (memcmp(run->out, run->in, size) != 0)
		run->found.corrupt++;
	else if (size < run->shots[seq].size)
		take_cut(run, seq, size);
	else
		take_reply(run, seq);
}

static void
receive(struct mtu *run)
{
	take_news(run);
	for (int i = 0; i < TURN_RECEIVES && !run->ended; i++) {
		const ssize_t n = channel_receive(run->channel, run->in, sizeof(run->in), NULL);

		if (n >= 0)
			take_datagram(run, (size_t)n);
		else if (errno == EAGAIN)
			return;
	}
}

static void
on_readable(void *arg)
{
	receive(arg);
}

static void
on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size)
{
	struct mtu *run = arg;

	(void)head;
	(void)kept;
	(void)size;
	channel_strangers(run->channel, run->stranger);
	run->found.stranger = run->stranger;
}

/* --- sending ----------------------------------------------------------------------- */

/* Returns 0, EMSGSIZE where this host refuses it, or EAGAIN: it is not sent for another reason. */
static int
send_message(struct mtu *run, size_t size)
{
	/* What was told of an earlier one is told once more, in place of sending this one. */
	for (int i = 0; i < 4; i++) {
		take_news(run);
		run->refused = false;
		if (channel_send(run->channel, run->out, size) >= 0)
			return 0;
		if (errno == EAGAIN)
			return EAGAIN;
		if (errno != EMSGSIZE)
			run->found.trouble = errno;
		take_news(run);
		if (run->refused)
			return EMSGSIZE;
	}
	return EAGAIN;
}

/* Sends one more datagram.  Returns its number, or 0 with errno, as above. */
static uint64_t
shoot(struct mtu *run, size_t size, bool fragmented)
{
	const uint64_t seq = run->last + 1;
	int error;

	message_write(run->token, seq, run->out, size);
	run->shots[seq] = (struct mtu_shot){ .size = size, .fragmented = fragmented,
		.sent = timing_now() };
	error = send_message(run, size);
	errno = error;
	if (error != 0)
		return 0;
	run->last = seq;
	run->found.sent++;
	return seq;
}

/* This host does not send so long a one. */
static void
refuse(struct mtu *run, size_t size)
{
	mtu_print_refused(&run->options, size, run->found.interface_mtu);
	search_refused(&run->found.search, size);
	run->doubted = false;
	await(run, MTU_AWAIT_STEP, 0);
}

/* For a witness: each one that is lost doubles it. */
static int64_t
wait_for_witness(const struct mtu *run)
{
	const int64_t most = timing_nanoseconds(run->options.wait);
	const int64_t wait = (LEAST_WAIT + 4 * run->rtt) << run->step.blind;

	return run->step.purpose == MTU_FIRST || wait > most ? most : wait;
}

/* Returns false with errno where it was not sent. */
static bool
shoot_once(struct mtu *run)
{
	const bool fragmented = run->step.purpose == MTU_FRAGMENTS;

	if (fragmented && !probe_allow_fragments(run->channel, true))
		return false;
	run->step.seq = shoot(run, run->step.size, fragmented);
	if (fragmented)
		probe_allow_fragments(run->channel, false);
	return run->step.seq != 0;
}

static void
try_once(struct mtu *run)
{
	struct mtu_step *step = &run->step;

	step->seq = step->witness_seq = 0;
	step->witness_came = step->was_told = false;
	if (run->last + 2 > MTU_SHOTS_MOST) {
		run->found.is_spent = true;
		mtu_end(run, ENDING_DEADLINE);
		return;
	}
	/* From here on news may be of it. */
	await(run, MTU_AWAIT_REPLY, wait_for_witness(run));
	if (!shoot_once(run) && errno == EMSGSIZE && step->purpose != MTU_FRAGMENTS) {
		refuse(run, step->size);
		return;
	}
	if (step->witness == 0 || run->await != MTU_AWAIT_REPLY || run->ended)
		return;
	step->witness_seq = shoot(run, step->witness, false);
	if (step->witness_seq == 0 && errno == EMSGSIZE)
		refuse(run, step->witness);
}

static void
begin_step(struct mtu *run)
{
	if (choose(run, &run->step))
		try_once(run);
	else if (run->found.search.came == 0)
		end_in_silence(run);
	else
		mtu_end(run, ENDING_DONE);
}

/* Where the process was stopped, what came meanwhile is read first. */
void
mtu_on_timer_of_datagrams(struct mtu *run)
{
	receive(run);
	if (run->ended)
		return;
	if (timing_now() < run->due)
		timing_arm(run->timer, run->due);
	else if (run->await == MTU_AWAIT_STEP)
		begin_step(run);
	else if (run->await == MTU_AWAIT_TRY)
		try_once(run);
	else if (run->step.witness == 0 || run->step.witness_came)
		miss(run);
	else
		miss_witness(run);
}

void
mtu_begin_datagrams(struct mtu *run)
{
	run->found.headers = probe_headers(run->channel);
	search_init(&run->found.search, MESSAGE_LEAST, probe_most(run->channel));
	await(run, MTU_AWAIT_STEP, 0);
}

const struct channel_user mtu_datagrams_user = {
	.readable = on_readable,
	.stranger = on_stranger,
};
