/* What a message of bench consists of: see payload.h. */
#include "client/bench/load/payload.h"

#include <endian.h>
#include <string.h>

#include "client/measure/message.h"

/* By this connections differ in heads: odd, so that INVERSE undoes it. */
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define INVERSE UINT64_C(0xf1de83e19937733d)

/* How far the slices of neighbours are apart: primes. */
#define CONNECTION_STEP 7919
#define NUMBER_STEP 40503

void
payload_init(struct payload *payload, uint64_t token)
{
	uint64_t x = FACTOR;

	payload->token = token;
	for (size_t i = 0; i < PAYLOAD_TABLE; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		payload->table[i] = (unsigned char)(x >> 32);
	}
}

void
payload_write_head(const struct payload *payload, const struct message *message,
    unsigned char head[PAYLOAD_HEAD])
{
	const uint64_t words[2] = {
		htobe64(message->number),
		htobe64(payload->token + message->connection * FACTOR),
	};

	memcpy(head, words, sizeof(words));
}

void
payload_read_head(const struct payload *payload, const unsigned char head[PAYLOAD_HEAD],
    uint64_t *connection, uint64_t *number)
{
	uint64_t words[2];

	memcpy(words, head, sizeof(words));
	*number = be64toh(words[0]);
	*connection = (be64toh(words[1]) - payload->token) * INVERSE;
}

/* Where the byte at `offset` of the message, behind its head, stands in the table. */
static size_t
place_of(const struct payload *payload, const struct message *message, size_t offset)
{
	return (size_t)((payload->token % PAYLOAD_TABLE + message->connection * CONNECTION_STEP +
	    message->number * NUMBER_STEP + offset) % PAYLOAD_TABLE);
}

struct piece
payload_piece(const struct payload *payload, const struct message *message, size_t offset)
{
	const size_t place = place_of(payload, message, offset);
	const size_t left = message->size - offset, room = PAYLOAD_TABLE - place;

	return (struct piece){ payload->table + place, left < room ? left : room };
}

void
payload_write(const struct payload *payload, const struct message *message, size_t offset,
    unsigned char *data, size_t size)
{
	unsigned char head[PAYLOAD_HEAD];
	size_t part;

	if (message_has_head(message) && offset < PAYLOAD_HEAD) {
		payload_write_head(payload, message, head);
		part = least(size, PAYLOAD_HEAD - offset);
		if (part == PAYLOAD_HEAD)
			memcpy(data, head, PAYLOAD_HEAD); /* which is no call */
		else
			memcpy(data, head + offset, part);
		data += part;
		offset += part;
		size -= part;
	}
	for (; size > 0; size -= part) {
		const struct piece piece = payload_piece(payload, message, offset);

		part = least(size, piece.size);
		memcpy(data, piece.data, part);
		data += part;
		offset += part;
	}
}

size_t
payload_compare(const struct payload *payload, const struct message *message, size_t offset,
    const unsigned char *data, size_t size)
{
	unsigned char head[PAYLOAD_HEAD];
	size_t at = 0, same, part;

	if (message_has_head(message) && offset < PAYLOAD_HEAD) {
		payload_write_head(payload, message, head);
		at = least(size, PAYLOAD_HEAD - offset);
		if (at < PAYLOAD_HEAD || memcmp(data, head, PAYLOAD_HEAD) != 0)
			part = message_difference(data, head + offset, at);
		else
			part = at;
		if (part < at)
			return part;
	}
	for (; at < size; at += part) {
		const struct piece piece = payload_piece(payload, message, offset + at);

		part = least(size - at, piece.size);
		same = message_difference(data + at, piece.data, part);
		if (same < part)
			return at + same;
	}
	return at;
}

bool
payload_knows(const struct payload *payload, const unsigned char *data, size_t size)
{
	const unsigned char *table = payload->table;

	if (memmem(table, PAYLOAD_TABLE, data, size) != NULL)
		return true;
	for (size_t end = 1; end < size; end++) /* behind its end it begins anew */
		if (memcmp(table + PAYLOAD_TABLE - end, data, end) == 0 &&
		    memcmp(table, data + end, size - end) == 0)
			return true;
	return false;
}

size_t
payload_find(const struct payload *payload, const struct message *message,
    const unsigned char *data, size_t size)
{
	const size_t first = place_of(payload, message, 0);
	size_t offset = 0;

	for (; offset < PAYLOAD_TABLE && offset + size <= message->size; offset++) {
		const size_t place = (first + offset) % PAYLOAD_TABLE;

		if (payload->table[place] == *data && (!message_has_head(message) ||
		    offset >= PAYLOAD_HEAD) && payload_compare(payload, message, offset, data,
		    size) == size)
			return offset;
	}
	return message->size;
}
