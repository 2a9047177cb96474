/*
 * The bytes between a TLS session and its socket, in memory: what came is read from here, what
 * is to go is gathered here, and the caller alone receives and sends.  So a session never
 * blocks and makes no system call.  Sessions of one thread that take turns share one.
 */
#ifndef NET_TLS_WIRE_H
#define NET_TLS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_wire {
	const uint8_t *in; /* the caller's */
	size_t in_size;    /* of it unread: bytes */
	bool is_starved;   /* more was asked for than there was */
	uint8_t *out;      /* grows as needed; free() frees it */
	size_t out_size, out_room;
};

#endif
