/*
 * What pipe counts, and how it is told.
 */
#ifndef CLIENT_PIPE_PIPE_REPORT_H
#define CLIENT_PIPE_PIPE_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/ending.h"
#include "client/pipe/pipe_options.h"
#include "client/transport/channel.h"

struct pipe_tally {
	uint64_t read, sent, received; /* bytes: of stdin, to and from the server */
	uint64_t datagrams;            /* sent */
	uint64_t resent;               /* sent once more, since an error came of the way there */
	double sending_seconds;        /* from the start to the last of them */
	int trouble;                   /* the last of those errors, 0 since something came back */
	bool stdin_ended;
	enum ending end;
	int error;                     /* errno, where one was the reason */
	uint64_t offset;               /* of the byte that differs or was never sent */
	unsigned char expected, seen;  /* that byte, where it differs */
	unsigned reply, asked;         /* bytes of a truncated datagram, and of what was sent */
	uint64_t datagram;             /* the one that came back twice, from 1 */
};

/* Bytes that were sent and have to come back; of datagrams they are one. */
static inline uint64_t
pipe_tally_outstanding(const struct pipe_tally *tally)
{
	return tally->sent - tally->received;
}

/* The longest of the reasons, and the NUL. */
#define PIPE_REASON_SIZE 512

/* Writes to `reason` what went wrong, "" where nothing did. */
void pipe_reason(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, char reason[PIPE_REASON_SIZE]);

/* Prints the line of what was moved, in `seconds`, on stderr, and over TLS one of that. */
void pipe_print_summary(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, double seconds);

/* The fields of the JSON object.  `channel` is NULL where nothing was reached. */
json_t *pipe_fields(const struct pipe_options *options, const struct pipe_tally *tally,
    const struct channel *channel, double seconds);

#endif
