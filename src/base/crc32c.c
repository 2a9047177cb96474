/* CRC32c: see crc32c.h. */
#include "base/crc32c.h"

/* 0x1edc6f41, the polynomial, with its bits in the order in which they are sent. */
#define POLYNOMIAL UINT32_C(0x82f63b78)

/* Half a byte at a time: a header has a few dozen bytes, and a larger table would be cold. */
static uint32_t
take_half(uint32_t crc)
{
	for (int bit = 0; bit < 4; bit++)
		crc = crc >> 1 ^ (POLYNOMIAL & -(crc & 1));
	return crc;
}

uint32_t
crc32c(uint32_t before, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t crc = ~before;

	for (size_t i = 0; i < size; i++)
		crc = take_half(take_half(crc ^ bytes[i]));
	return ~crc;
}
