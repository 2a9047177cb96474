/* Where TLS sessions read and write: see secure_room.h. */
#include "daemon/stream/secure_room.h"

#include <stdlib.h>

struct secure_room *
secure_room_new(void)
{
	return calloc(1, sizeof(struct secure_room));
}

void
secure_room_free(struct secure_room *room)
{
	if (room == NULL)
		return;
	free(room->wire.out);
	free(room);
}
