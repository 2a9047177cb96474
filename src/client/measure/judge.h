/*
 * What became of each message of ping: which reply is right, and what is wrong with
 * the others.  Pure: no sockets, and the time is an argument, in nanoseconds.
 */
#ifndef CLIENT_MEASURE_JUDGE_H
#define CLIENT_MEASURE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/measure/flights.h"
#include "client/measure/marks_seen.h"
#include "client/measure/message.h"
#include "client/measure/samples.h"
#include "client/measure/sizes.h"

struct tally {
	uint64_t sent;     /* messages */
	uint64_t unsent;   /* messages that were due, and nothing was sent */
	uint64_t received; /* messages that came back right, late ones among them */
	uint64_t missing;  /* messages whose wait is over */
	uint64_t corrupt, late, duplicate, reordered; /* replies */
	uint64_t spoilt;   /* messages that came back corrupt and not right */
	uint64_t cut;      /* messages that were on their way when their stream ended */
	uint64_t unsampled; /* right replies whose time found no memory */
	uint64_t reconnects; /* connections, or sockets for datagrams, after the first */
	int64_t without;     /* for how long the peer was away, in nanoseconds */
	uint64_t strangers;  /* datagrams from others than the peer */
	struct marks_seen marks;
	struct samples rtt;
};

/* What became of the messages of one size: there is one for each of struct sizes. */
struct size_books {
	uint64_t sent, received;
	uint64_t lost;           /* missing or spoilt */
	double least, most, sum; /* times of right replies: seconds */
};

enum verdict {
	REPLY_RIGHT,
	REPLY_DUPLICATE, /* right, of a message that has had its right reply */
	REPLY_CORRUPT,   /* it answers a message, and differs from it */
	REPLY_FOREIGN,   /* it is like none of the messages */
};

struct reply {
	enum verdict verdict;
	size_t size;
	size_t wanted;        /* the size of its message */
	uint64_t seq;         /* 0: foreign */
	double rtt;           /* seconds, where it is right */
	bool late, reordered; /* likewise */
	size_t at;            /* corrupt: the first byte that differs, where the size is right */
	unsigned char seen, sent; /* that byte */
};

struct judge {
	bool stream;  /* replies come in order, or not at all */
	struct sizes sizes; /* of messages */
	struct size_books *by_size;
	int64_t wait; /* for a reply */
	uint64_t token;
	uint64_t highest;  /* the highest number that was answered */
	uint64_t expected; /* streams: the number whose bytes come next */
	struct flights flights;
	struct tally tally;
	unsigned char right[MESSAGE_MOST];
};

/* Returns a judge, for judge_free(), or NULL with errno. */
struct judge *judge_new(bool stream, const struct sizes *sizes, double wait_seconds);
void judge_free(struct judge *judge);

/* True when one more message would make the judge forget one whose reply may still come. */
bool judge_is_full(struct judge *judge);

/* Writes the next message to `data` and returns its size; then counts it as sent at `now`. */
size_t judge_write(const struct judge *judge, unsigned char *data);
void judge_sent(struct judge *judge, int64_t now);

/* How many bytes of a stream the next reply has. */
size_t judge_stream_size(const struct judge *judge);

/* Counts a reply that came at `now`: a datagram, or the next judge_stream_size() bytes of a stream. */
struct reply judge_datagram(struct judge *judge, const unsigned char *data, size_t size,
    int64_t now);
struct reply judge_stream(struct judge *judge, const unsigned char *data, int64_t now);

/* The stream has ended: what is on its way does not come back.  The next message begins another. */
void judge_cut(struct judge *judge);

/* When the next wait is over; false where none runs. */
bool judge_next_missing(struct judge *judge, int64_t *at);

/* Counts one message as missing whose wait is over at `now`.  Returns its number, 0: none. */
uint64_t judge_take_missing(struct judge *judge, int64_t now);

/* True when no message waits for its reply. */
bool judge_settled(struct judge *judge);

/* Adds the books of one size. */
void size_books_add(struct size_books *books, const struct size_books *other);

/* Adds the books of another judge; `without` is the longest of them. */
void tally_add(struct tally *tally, const struct tally *other);

/* How many messages came back, right or not, or are missing. */
uint64_t tally_judged(const struct tally *tally);

/* Messages of which nothing is known: their wait is not over. */
uint64_t tally_undecided(const struct tally *tally);

/*
 * Of the messages that are judged, the part that did not come back right: 0 to 1; NAN of none, of
 * which json_real() makes NULL.
 */
double tally_loss(const struct tally *tally);

#endif
