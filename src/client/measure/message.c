/* The messages of ping: see message.h. */
#include "client/measure/message.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t
message_token(void)
{
	uint64_t token;
	struct timespec now;

	if (getrandom(&token, sizeof(token), 0) == sizeof(token))
		return token;
	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) ^ (uint64_t)getpid() << 16;
}

/* splitmix64, by Sebastiano Vigna (public domain): short, and good enough to compare bytes. */
static uint64_t
next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void
message_write(uint64_t token, uint64_t seq, unsigned char *data, size_t size)
{
	const uint64_t head[2] = { htobe64(seq), token };
	uint64_t state = token ^ seq, word;
	size_t at = sizeof(head), part;

	memcpy(data, head, sizeof(head));
	for (; at < size; at += part) {
		word = next(&state);
		part = size - at < sizeof(word) ? size - at : sizeof(word);
		memcpy(data + at, &word, part);
	}
}

bool
message_read(uint64_t token, const unsigned char *data, size_t size, uint64_t *seq)
{
	uint64_t head[2];

	if (size < sizeof(head))
		return false;
	memcpy(head, data, sizeof(head));
	*seq = be64toh(head[0]);
	return head[1] == token;
}

size_t
message_difference(const unsigned char *a, const unsigned char *b, size_t size)
{
	size_t at = 0;

	if (memcmp(a, b, size) == 0)
		return size;
	while (a[at] == b[at])
		at++;
	return at;
}
