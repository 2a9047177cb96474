/*
 * Where the TLS sessions of a crowd read and write, one at a time.  It comes with the first
 * of them, so that who has none does not pay for it.
 */
#ifndef DAEMON_STREAM_SECURE_ROOM_H
#define DAEMON_STREAM_SECURE_ROOM_H

#include "daemon/threads/loop.h"
#include "net/tls/wire.h"

/* All that is in what one recv(2) gave, and in a record that was not whole before. */
#define SECURE_PLAIN_SIZE (SCRATCH_SIZE + 17408)

struct secure_room {
	struct tls_wire wire;
	uint8_t plain[SECURE_PLAIN_SIZE];
};

/* Returns a room for secure_room_free(), which takes NULL; NULL where memory lacks. */
struct secure_room *secure_room_new(void);
void secure_room_free(struct secure_room *room);

#endif
