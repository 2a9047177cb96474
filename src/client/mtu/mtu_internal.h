/* What a run of mtu is made of, for its files alone. */
#ifndef CLIENT_MTU_MTU_INTERNAL_H
#define CLIENT_MTU_MTU_INTERNAL_H

#include "client/mtu/mtu_options.h"
#include "client/mtu/mtu_report.h"
#include "client/mtu/mtu_verdict.h"
#include "client/transport/channel.h"

/* The longest that there can be: over IPv6. */
#define MTU_DATAGRAM_MOST 65527

/* So many are sent at most. */
#define MTU_SHOTS_MOST 2000

/* A datagram that was sent. */
struct mtu_shot {
	size_t size;
	bool fragmented; /* it might be */
	bool came;       /* it has come back */
	int64_t sent;    /* timing_now() */
};

/* Why a size is tried. */
enum mtu_purpose {
	MTU_FIRST,     /* does anybody answer? */
	MTU_SEARCH,
	MTU_CONFIRM,   /* it has failed: does it again? */
	MTU_DOUBT,     /* it came back: does it still? */
	MTU_FRAGMENTS, /* does it come back in fragments? */
};

/* A size that is tried, several times. */
struct mtu_step {
	enum mtu_purpose purpose;
	size_t size, witness; /* bytes; 0: no witness */
	int64_t begun;
	unsigned missed; /* tries that failed */
	unsigned blind;  /* tries in a row whose witness was lost, too */
	const struct mtu_hop *told_by; /* who says that it is too long; NULL: nobody yet */
	/* Of the try under way. */
	uint64_t seq, witness_seq; /* of the datagrams; 0: not sent */
	bool witness_came;
	bool was_told;             /* that it is too long */
};

/* What the timer is for. */
enum mtu_await {
	MTU_AWAIT_STEP,  /* the next size is tried */
	MTU_AWAIT_TRY,   /* the next try is made */
	MTU_AWAIT_REPLY, /* the wait is over */
};

struct mtu {
	struct mtu_options options;
	struct event_base *base;
	struct channel *channel; /* NULL: nothing was reached */
	struct event *timer, *deadline_timer;
	int64_t started, due; /* timing_now() */
	bool ended;
	struct mtu_found found;
	char peer[CHANNEL_TEXT_SIZE], stranger[CHANNEL_TEXT_SIZE];
	char lost[CHANNEL_TEXT_SIZE + 200];
	uint64_t token;
	/* Datagrams. */
	struct mtu_step step;
	enum mtu_await await;
	bool doubted;           /* what came back seems not to any more */
	bool refused;           /* this host has just said that one is too long */
	unsigned asked, missed; /* witnesses whose fate is known, and those that were lost */
	int64_t rtt; /* the longest of late, in nanoseconds */
	uint64_t last; /* the number of the last shot; they count from 1 */
	struct mtu_shot shots[MTU_SHOTS_MOST + 1];
	/* Streams. */
	uint64_t sent;  /* bytes */
	int64_t moved;  /* timing_now() when the last one was */
	unsigned char out[MTU_DATAGRAM_MOST], in[MTU_DATAGRAM_MOST + 1];
};

/* --- mtu.c --------------------------------------------------------------------------- */

void mtu_end(struct mtu *run, enum ending why);

/* --- datagrams.c --------------------------------------------------------------------- */

/* Looks for the longest datagram: until mtu_end(). */
void mtu_begin_datagrams(struct mtu *run);
void mtu_on_timer_of_datagrams(struct mtu *run);

extern const struct channel_user mtu_datagrams_user;

/* --- segments.c ---------------------------------------------------------------------- */

/* Echoes as much as fills some segments: until mtu_end(). */
void mtu_begin_segments(struct mtu *run);
void mtu_on_timer_of_segments(struct mtu *run);

extern const struct channel_user mtu_segments_user;

#endif
