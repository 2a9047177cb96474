/*
 * The messages of ping: a sequence number and the run's random token, then bytes
 * from a generator seeded by both, so that no two are alike and each byte of a
 * reply can be checked.
 */
#ifndef CLIENT_MEASURE_MESSAGE_H
#define CLIENT_MEASURE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_LEAST 16
#define MESSAGE_MOST 65507

/* A token that no other run has. */
uint64_t message_token(void);

/* Writes message `seq` of `size` bytes. */
void message_write(uint64_t token, uint64_t seq, unsigned char *data, size_t size);

/* Reads the head of `size` bytes.  Returns false where they are not of this run. */
bool message_read(uint64_t token, const unsigned char *data, size_t size, uint64_t *seq);

/* The offset of the first byte in which they differ; `size` where they do not. */
size_t message_difference(const unsigned char *a, const unsigned char *b, size_t size);

#endif
