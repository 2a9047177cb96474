/*
 * What the load consists of: workers, a thread each, and links, the connections that are theirs
 * alone.  For the files of this folder alone.
 */
#ifndef CLIENT_BENCH_LOAD_LOAD_INTERNAL_H
#define CLIENT_BENCH_LOAD_LOAD_INTERNAL_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/bench/load/payload.h"
#include "client/bench/load/plan.h"
#include "client/bench/load/schedule.h"
#include "client/bench/result.h"

/* What is sent, and received, at once: bytes. */
#define LOAD_BUFFER 65536

/* Where such a buffer begins: the kernel copies to a page faster than across pages. */
#define LOAD_ALIGNMENT 4096

enum link_state {
	LINK_CLOSED,
	LINK_CONNECTING,
	LINK_OPEN,
	LINK_ENDING, /* we have shut down our side, and wait for the peer's */
};

/* What became of a datagram.  Messages of a stream are what their place in it says. */
enum flight_state {
	FLIGHT_FLYING,
	FLIGHT_MISSING,
	FLIGHT_SPOILT,
	FLIGHT_ECHOED,
};

/* One of the last messages. */
struct flight {
	uint64_t number; /* on its connection */
	int64_t planned; /* when it was due; UNPLANNED: never */
	int64_t sent;    /* when its first byte was */
	enum flight_state state;
};

#define UNPLANNED INT64_MIN

/* Of two times. */
static inline int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

struct worker;
struct suspicion;

struct link {
	struct worker *worker;
	struct channel *channel; /* NULL: none yet */
	uint64_t index;          /* of all connections of the plan: heads have it */
	enum link_state state;
	int64_t since;  /* it is in that state */
	uint64_t due;   /* open loop: messages that were, until now */
	uint64_t begun; /* messages: at least a byte of each is sent, or a connection for it begun */
	uint64_t unplanned; /* those of them that were not due */
	uint64_t uncounted; /* the first of them: due before counting began */
	uint64_t settled;   /* messages that came back, or will not: at least so many, of datagrams */
	size_t flying;    /* messages begun of which nothing is known yet */
	size_t out, out_size; /* bytes that are sent of the last one begun, and all that it has */
	size_t in, in_size;   /* bytes that came back of the next one, and all that it has */
	uint64_t offset;      /* in the stream, of that one */
	uint64_t highest;     /* datagrams: the highest number that came back, and 1 */
	bool is_blocked;      /* the peer, or the socket, takes no more now */
	bool has_probed;      /* streams: one more is sent than may be in flight; see link.c */
	bool is_to_probe;     /* it is to be sent */
	bool told_error;      /* datagrams: of this socket */
	int64_t heard; /* when something came last */
	int64_t room;  /* since when it is taken again */
	int64_t *freed;         /* when places in flight became free: a ring of plan->in_flight */
	struct flight *flights; /* a ring of worker->flights */
	struct suspicion *suspicion; /* streams: what came is not what was sent; NULL: all is well */
};

/* In this order.  One is woken for RUNNING and STOPPED; the others it comes to by itself. */
enum worker_stage {
	WORKER_OPENING, /* its links connect */
	WORKER_READY,   /* all of them have, or cannot */
	WORKER_RUNNING, /* messages become due, or begin as they come back */
	WORKER_DRAINING, /* none does any more: what is on its way is awaited */
	WORKER_ENDING,   /* and that the peers close, so that nothing more can come */
	WORKER_STOPPED,
};

struct worker {
	const struct plan *plan;
	bool is_stream; /* it is for connections, else for datagrams */
	const struct payload *payload;
	struct times times; /* all 0 before it runs: when an error was is told from 0 until then */
	struct bench_clock *clock;
	struct bench_result *result; /* its own */
	struct bench_tick tick;
	unsigned index;
	pthread_t thread;
	struct event_base *base;
	enum worker_stage stage;
	int64_t since; /* it is at that stage */
	struct event *wake, *pace, *ticker;
	int wake_fd;
	struct address peer;
	struct link *links;
	size_t count;   /* of links */
	size_t flights; /* of a link: a power of two */
	size_t begun;   /* links that have begun to connect */
	size_t opening; /* links that are connecting */
	atomic_size_t open; /* links that are: the watching thread reads it, too */
	atomic_uint_least64_t errors; /* all that it has told: likewise */
	size_t alive;   /* links that messages may begin on */
	size_t awaited; /* messages, and ends of connections */
	uint64_t left;  /* closed loop: messages that may begin; UINT64_MAX: no end */
	struct schedule schedule; /* open loop */
	uint64_t second;          /* that is under way */
	uint64_t searched; /* bytes of messages, for what came on a connection that is not theirs */
	int64_t last;             /* when the last message that counts came back */
	int64_t over;             /* when it ran no more */
	bool is_counting;
	bool is_cut_off;          /* no link was left while it ran */
	atomic_uint *manned;      /* workers that have a link: of the whole load */
	double cpu_before;        /* counting began */
	struct times told_times;  /* by whoever wakes it */
	atomic_bool told_stop;    /* likewise, at any time */
	int open_error; /* the first errno with which a connection did not open; 0: none */
	unsigned char *in, *out; /* LOAD_BUFFER each */
	void (*report)(void *arg); /* it is ready, or has ended: from its thread */
	void *arg;
};

/* --- account.c: what is counted ---------------------------------------------------------- */

/* Message begins: it was due, and there was a place for it since `freed`. */
void account_sent(struct worker *worker, const struct flight *flight, int64_t freed, size_t size);
void account_echoed(struct worker *worker, const struct flight *flight, int64_t now, size_t size);
void account_undecided(struct worker *worker, const struct flight *flight);
/* It was due, and was not sent: or not as a whole, though its beginning was. */
void account_not_sent(struct worker *worker, int64_t planned);
void account_cut_short(struct worker *worker, const struct flight *flight, size_t size);
void account_missing(const struct link *link, const struct flight *flight, int error);
void account_error(struct worker *worker, enum bench_error kind, struct bench_fault fault);

/* The same of `message` of the link, at its offset in the stream. */
void account_link_error(const struct link *link, enum bench_error kind, uint64_t message, int error);

/* --- link.c: what all links have in common --------------------------------------------- */

static inline struct message
link_message(const struct link *link, uint64_t number)
{
	const struct mix *sizes = &link->worker->plan->sizes;

	return (struct message){ link->index, number, mix_pick(sizes, link->index, number) };
}

static inline struct flight *
link_flight(const struct link *link, uint64_t number)
{
	return &link->flights[number & (link->worker->flights - 1)];
}

/* The first message that may still fly. */
uint64_t link_oldest(const struct link *link);

/* How many messages may begin now. */
uint64_t link_allowance(const struct link *link);

/* The next message begins, at `now`. */
void link_begin(struct link *link, int64_t now);

/* A message flies no more: another one may. */
void link_land(struct link *link, int64_t now);

/* A message has become due. */
void link_plan(struct link *link);

/* Nothing is known of what flies. */
void link_forget(struct link *link);

/* What was due and has not begun is not sent; where we were told to stop nobody knows. */
void link_cancel(struct link *link);

/* The same, but of the next connection's; and what flies does not come back any more. */
void link_abandon(struct link *link, int error);

/* Sends what may begin. */
void link_push(struct link *link);

/* Whether the link is called when it can send on. */
void link_set_blocked(struct link *link, bool blocked);

/* To be called now and then, when it is open. */
void link_look(struct link *link, int64_t now);

/* --- opening.c: their beginning and end -------------------------------------------------- */

/*
 * Begins to connect, which was to be at `due`.  Returns false where there is no room for it now: it
 * is to be tried again.
 */
bool link_open(struct link *link, int64_t due);

/* Its channel has been opened by other means. */
void link_opened(struct link *link);

/* Shuts down our side: the link is closed when the peer has closed its own. */
void link_end(struct link *link);

/* The channel has ended by this errno. */
void link_lose(struct link *link, int error);

/* It is open, and nothing comes. */
void link_lose_mute(struct link *link);

/* Closes it, and nothing is known of what flies. */
void link_give_up(struct link *link);

/* --- stream.c, datagram.c: the ways of messages ---------------------------------------- */

void stream_push(struct link *link);
void stream_receive(struct link *link);
void datagram_push(struct link *link);
void datagram_receive(struct link *link);
void datagram_look(struct link *link, int64_t now);

/* --- suspicion.c: what came over a stream is not what was sent -------------------------- */

/* From `data` on; `link->in` is where that is in its message. */
void suspicion_begin(struct link *link, const unsigned char *data, size_t size);
void suspicion_add(struct link *link, const unsigned char *data, size_t size);
void suspicion_look(struct link *link, int64_t now);

/* Nothing more is to come: tells what it is, and closes the link. */
void suspicion_settle(struct link *link);

/* --- worker.c -------------------------------------------------------------------------- */

/* A link has opened, or will not. */
void load_worker_settle(struct worker *worker);

/* So many things less are awaited. */
void load_worker_unawait(struct worker *worker, size_t count);

/* Hands in the seconds that are over at `now`: what is counted then is of the next one. */
void load_worker_hand_in(struct worker *worker, int64_t now);

/* A link is no more. */
void load_worker_bury(struct worker *worker);

#endif
