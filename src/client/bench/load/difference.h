/*
 * What is wrong with a stream that does not come back as it was sent: from the first wrong byte on
 * it is looked for what stands there instead.  Pure.
 */
#ifndef CLIENT_BENCH_LOAD_DIFFERENCE_H
#define CLIENT_BENCH_LOAD_DIFFERENCE_H

#include "client/bench/counts.h"
#include "client/bench/load/payload.h"
#include "client/bench/load/mix.h"

/* The stream, and where in it the first wrong byte is. */
struct difference {
	const struct payload *payload;
	const struct mix *sizes;
	uint64_t connection, connections; /* its own, and how many there are */
	uint64_t first;   /* message of the stream */
	uint64_t message; /* that the byte is in, and at which of its bytes */
	size_t at;
	uint64_t begun; /* messages: the last of them has `out` bytes sent */
	size_t out;
	/* True where bytes are on the way on another connection now; NULL: it is not known. */
	bool (*is_of_another)(const void *arg, const unsigned char *data, size_t size);
	const void *arg;
};

/*
 * Judges the `size` bytes, one at least, that came from the first wrong byte on, before nothing more
 * did for a while.  Returns what is wrong, and in *message with which of the connection's own.
 * Without memory it is just wrong.
 */
enum bench_error difference_judge(const struct difference *difference, const unsigned char *data,
    size_t size, uint64_t *message);

/* Writes the byte that should be there, and returns true, where one was sent. */
bool difference_expected(const struct difference *difference, unsigned char *byte);

#endif
