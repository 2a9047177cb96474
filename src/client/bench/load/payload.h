/*
 * What a message of bench consists of, so that no byte can come back in the place of another: a
 * head of 16 bytes, its number and whose it is, and behind that a slice of one table, which
 * begins elsewhere for each message.  So a message is not kept while it is on its way, and comparing
 * it costs little more than reading it.  What is shorter than a head is of the table alone.  Pure.
 */
#ifndef CLIENT_BENCH_LOAD_PAYLOAD_H
#define CLIENT_BENCH_LOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_HEAD 16

/* A prime, so that of a long message no number of bytes that programs deal in is gone unseen. */
#define PAYLOAD_TABLE 65521

struct payload {
	uint64_t token; /* of the run */
	unsigned char table[PAYLOAD_TABLE];
};

/* A message: the `number`th of its connection, from 0. */
struct message {
	uint64_t connection, number;
	size_t size;
};

/* Some bytes that follow each other in memory. */
struct piece {
	const unsigned char *data;
	size_t size;
};

static inline size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* `token` is the run's own.  The table is the same for all runs: what is of another is known. */
void payload_init(struct payload *payload, uint64_t token);

static inline bool
message_has_head(const struct message *message)
{
	return message->size >= PAYLOAD_HEAD;
}

void payload_write_head(const struct payload *payload, const struct message *message,
    unsigned char head[PAYLOAD_HEAD]);

/*
 * Reads a head.  *connection is what stands for one: of this run where it is the number of one of
 * its connections, else anything.
 */
void payload_read_head(const struct payload *payload, const unsigned char head[PAYLOAD_HEAD],
    uint64_t *connection, uint64_t *number);

/* As much as there is together of the message from `offset` on, behind the head. */
struct piece payload_piece(const struct payload *payload, const struct message *message,
    size_t offset);

/* Writes `size` bytes of the message, from `offset` on. */
void payload_write(const struct payload *payload, const struct message *message, size_t offset,
    unsigned char *data, size_t size);

/* The first of `size` bytes that is not that of the message from `offset` on; `size`: all are. */
size_t payload_compare(const struct payload *payload, const struct message *message,
    size_t offset, const unsigned char *data, size_t size);

/* Returns where `size` bytes stand in the message behind its head, or its size: nowhere. */
size_t payload_find(const struct payload *payload, const struct message *message,
    const unsigned char *data, size_t size);

/* True where they stand in the table anywhere. */
bool payload_knows(const struct payload *payload, const unsigned char *data, size_t size);

#endif
