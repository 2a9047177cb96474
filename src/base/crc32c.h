/* CRC32c (RFC 4960, appendix B): the checksum of SCTP and of the PROXY protocol. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `size` bytes that follow those of checksum `before`, 0 for none. */
uint32_t crc32c(uint32_t before, const void *data, size_t size);

#endif
