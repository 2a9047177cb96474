/*
 * What was found out about a path, and what that amounts to: which limit it is, what is wrong, in
 * words, and the exit status.  That is 0 where nothing is wrong, so that the two agree.  Pure.
 */
#ifndef CLIENT_MTU_MTU_VERDICT_H
#define CLIENT_MTU_MTU_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/ending.h"
#include "client/mtu/mtu_options.h"
#include "client/mtu/search.h"
#include "client/transport/channel.h"

#define MTU_HOPS_MAX 8
#define MTU_REASONS_MAX 6
#define MTU_REASON_SIZE 320

/* Who says that a datagram is too long. */
struct mtu_hop {
	char from[ADDRESS_HOST_SIZE]; /* "": nobody knows */
	unsigned mtu; /* what it says that passes, headers among it; 0: it does not */
};

/* Whether longer ones come back in fragments. */
enum mtu_fragments {
	MTU_FRAGMENTS_UNKNOWN,
	MTU_FRAGMENTS_CAME,
	MTU_FRAGMENTS_LOST,
};

struct mtu_found {
	struct search search; /* datagrams */
	size_t headers;       /* of a datagram: bytes */
	struct mtu_hop hops[MTU_HOPS_MAX];
	size_t hop_count;
	/* Who has said so of the last datagram that failed and of which somebody has: its size. */
	const struct mtu_hop *told_by;
	size_t told_size;
	unsigned interface_mtu; /* of this host's; 0: it was not met */
	size_t reply_fragment;  /* the largest fragment of a reply; 0: none came in any */
	size_t cut_size, cut_to; /* the shortest that came back cut, and how much of it did */
	enum mtu_fragments fragments;
	uint64_t sent, received, corrupt; /* datagrams */
	bool has_segments;
	struct channel_segments segments;
	uint64_t echoed, asked; /* bytes of a stream */
	enum ending ending;
	bool is_spent;          /* as many datagrams as may be are sent: ENDING_DEADLINE */
	int trouble;            /* what the system said last of the way; 0: nothing */
	const char *lost;       /* how the connection ended early; NULL: it did not */
	const char *stranger;   /* who answered instead; NULL: nobody did */
};

/* Why no longer datagram comes back. */
enum mtu_limit {
	MTU_LIMIT_UNKNOWN,
	MTU_LIMIT_DATAGRAM,  /* none can be longer */
	MTU_LIMIT_INTERFACE, /* this host's */
	MTU_LIMIT_HOP,       /* somebody on the way says so */
	MTU_LIMIT_SERVER,    /* it cuts them */
	/* They vanish in silence, and in fragments they come back; or full segments do. */
	MTU_LIMIT_BLACK_HOLE,
	MTU_LIMIT_SILENCE,   /* in fragments neither */
};

struct mtu_verdict {
	int status;
	size_t count;
	char reasons[MTU_REASONS_MAX][MTU_REASON_SIZE];
};

enum mtu_limit mtu_limit(const struct mtu_found *found);

/* The word that JSON has for it; NULL: unknown. */
const char *mtu_limit_word(enum mtu_limit limit);

/* The hop whose limit it is, or NULL. */
const struct mtu_hop *mtu_limiting_hop(const struct mtu_found *found);

/* With its headers: of the longest datagram that came back; 0: none has, or it is unknown. */
size_t mtu_of_path(const struct mtu_found *found);

/* True where the path falls short of --min-mtu, or of --min-mss, or is not known to reach it. */
bool mtu_misses_mtu(const struct mtu_options *options, const struct mtu_found *found);
bool mtu_misses_mss(const struct mtu_options *options, const struct mtu_found *found);

/* `peer` is its address. */
struct mtu_verdict mtu_judge(const struct mtu_options *options, const struct mtu_found *found,
    const char *peer);

#endif
