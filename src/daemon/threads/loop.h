/*
 * What runs a thread: an event_base, and what all kinds of things share that it carries.
 * One thread owns all of it: the worker's, once that runs.
 */
#ifndef DAEMON_THREADS_LOOP_H
#define DAEMON_THREADS_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inbox;

enum event_method { EVENT_METHOD_AUTO, EVENT_METHOD_EPOLL, EVENT_METHOD_POLL, EVENT_METHOD_SELECT };

/* How events are waited for. */
struct loop_settings {
	enum event_method method;
	bool edge_triggered; /* epoll alone */
};

/*
 * The order in which a loop serves what is ready at once: connections that send much wait
 * for all else, so that a flood of bytes does not delay an answer.  libevent gives an event
 * the middle one.
 */
enum loop_priority {
	LOOP_PRIORITY_FIRST, /* libevent's own */
	LOOP_PRIORITY_OTHERS,
	LOOP_PRIORITY_BULK,
	LOOP_PRIORITIES,
};

/* What one recv(2) takes at most; a datagram of 65,507 bytes fits. */
#define SCRATCH_SIZE 65536

/*
 * What a drain does, in steps, each told at most once and in this order.  What is tied to this
 * process cannot travel to another one; all is tied to it that speaks TLS.
 */
enum drain_step {
	DRAIN_TIED,  /* to finish what is tied and falls silent */
	FINISH_TIED, /* to finish all that is tied */
	ABORT_TIED,  /* to abort it */
	DRAIN_ALL,   /* to finish what falls silent */
	FINISH_ALL,
	ABORT_ALL,
	DRAIN_STEPS,
};

/*
 * Who looks after one kind of things that a loop carries, in the loop's thread.  It lives
 * inside what it looks after, and as long as the loop.
 */
struct caretaker {
	/*
	 * Ends what is due at `now` (clock_ms()).  Returns in how many milliseconds more may be
	 * due, at most `most`.
	 */
	int64_t (*beat)(struct caretaker *caretaker, int64_t now, int64_t most);
	void (*drain)(struct caretaker *caretaker, enum drain_step step);
	struct caretaker *next; /* the loop's */
};

struct loop {
	struct event_base *base;
	bool edge_triggered;
	struct inbox *home; /* the control thread's: where goes what is done with */
	size_t bulk;         /* events of LOOP_PRIORITY_BULK */
	unsigned bulk_turns; /* of those who sent much */
	int64_t bulk_served; /* clock_ms() when one of them last had its turn */
	struct caretaker *caretakers;
	unsigned char scratch[SCRATCH_SIZE];
};

/*
 * Makes an event_base of that method, without locks and deaf to libevent's environment
 * variables.  Returns NULL where there is none.
 */
struct event_base *loop_base_new(const struct loop_settings *settings);

/*
 * Runs `base` until event_base_loopbreak().  A wait that fails, as poll(2) does where
 * the kernel lacks memory, is told in the log and tried again.
 */
void loop_run(struct event_base *base);

/* Returns a loop that carries nothing, or NULL; loop_free() frees it, once it carries nothing. */
struct loop *loop_new(const struct loop_settings *settings, struct inbox *home);
void loop_free(struct loop *loop);

/* Before the loop runs: `caretaker` is called from here on. */
void loop_add_caretaker(struct loop *loop, struct caretaker *caretaker);

/* How long those who sent much wait for all others: ms. */
#define LOOP_BULK_WAIT 50

/*
 * How many of them have a turn before it is looked what else has come.  Who sent little, and waits
 * behind them, is not counted, as libevent would: each look costs as much as there is ready, and
 * where thousands wait they would all but never have a turn.
 */
#define LOOP_BULK_MOST 16

/* Has `event` wait with those who sent much, or no longer; before it was told it does not. */
void loop_set_bulk(struct loop *loop, struct event *event, bool is_bulk);

/* Has it wait with them; where none of them does, their wait begins at `now` (clock_ms()). */
void loop_queue_as_bulk(struct loop *loop, struct event *event, int64_t now);

/*
 * From the callback of `event`, at `now` (clock_ms()), for its next turns: whoever asked for
 * little is served before those who sent much.  Where these have waited for 50 ms, it queues
 * behind them once.  `is_bulk` is what was returned the last time, or set by loop_set_bulk().
 * An event that ends as bulk is taken back by loop_set_bulk() first.
 */
static inline bool
loop_prioritize(struct loop *loop, struct event *event, bool is_bulk, bool sent_much, int64_t now)
{
	bool next;

	if (is_bulk)
		loop->bulk_served = now;
	if (is_bulk && sent_much && ++loop->bulk_turns % LOOP_BULK_MOST == 0)
		event_base_loopcontinue(loop->base);
	next = sent_much || (loop->bulk > 0 && now - loop->bulk_served > LOOP_BULK_WAIT);
	if (next != is_bulk)
		loop_set_bulk(loop, event, next);
	return next;
}

/* Has `timer` fire in `ms` milliseconds, once.  Returns 0, or -1 with errno. */
int loop_set_timer(struct event *timer, int64_t ms);

#endif
