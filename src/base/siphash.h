/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of nine bytes: a hash for tables whose keys
 * strangers choose.  Without the key nobody can choose some that meet in one place.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

/* The hash of the eight bytes of `word`, the lowest first, and of `last`. */
uint64_t siphash(const uint64_t key[2], uint64_t word, uint8_t last);

#endif
