/*
 * Where the TLS sessions of a crowd read and write, one at a time.  It comes with the first
 * of them, so that who has none does not pay for it.
 */
#ifndef DAEMON_STREAM_SECURE_ROOM_H
#define DAEMON_STREAM_SECURE_ROOM_H

#include "daemon/threads/loop.h"
#include "net/tls/wire.h"

/* What one recv(2) takes at most: a scratch of bytes, in records as large as there are. */
#define SECURE_TAKE (SCRATCH_SIZE + 1024)

/* The largest record, and what belongs to it. */
#define SECURE_RECORD 17408

/*
 * What came is opened in place: that begins so far before it that it never overtakes what is still
 * sealed, though the session may hold a record that was not whole before.
 */
struct secure_room {
	struct tls_wire wire;
	uint8_t plain[SECURE_RECORD + SECURE_TAKE];
};

static inline uint8_t *
secure_sealed(struct secure_room *room)
{
	return room->plain + SECURE_RECORD;
}

/* Returns a room for secure_room_free(), which takes NULL; NULL where memory lacks. */
struct secure_room *secure_room_new(void);
void secure_room_free(struct secure_room *room);

#endif
