/* SipHash: see siphash.h. */
#include "base/siphash.h"

/* The last block has the length of what is hashed, in bytes, at its top. */
#define LENGTH (UINT64_C(9) << 56)

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline struct state
mix(struct state s)
{
	s.v0 += s.v1;
	s.v1 = rotate(s.v1, 13) ^ s.v0;
	s.v0 = rotate(s.v0, 32);
	s.v2 += s.v3;
	s.v3 = rotate(s.v3, 16) ^ s.v2;
	s.v0 += s.v3;
	s.v3 = rotate(s.v3, 21) ^ s.v0;
	s.v2 += s.v1;
	s.v1 = rotate(s.v1, 17) ^ s.v2;
	s.v2 = rotate(s.v2, 32);
	return s;
}

static inline struct state
take_block(struct state s, uint64_t block)
{
	s.v3 ^= block;
	s = mix(s);
	s.v0 ^= block;
	return s;
}

uint64_t
siphash(const uint64_t key[2], uint64_t word, uint8_t last)
{
	struct state s = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};

	s = take_block(take_block(s, word), LENGTH | last);
	s.v2 ^= 0xff;
	s = mix(mix(mix(s)));
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
