/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012) of nine bytes: a hash for tables whose keys
 * strangers choose.  Without the key nobody can choose some that meet in one place.
 *
 * A round for each block and three at the end, as hash tables have it elsewhere (the kernel's,
 * Python's, Rust's): the 2-4 of authentication codes is for those who see the hash.  Here
 * nobody does; all that shows is whether two keys meet.  A multiplication by the key would do
 * with a tenth of it, but being linear it gives the key away to who finds some that meet, and an
 * IPv6 network has keys enough to look for them.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

/* The hash of the eight bytes of `word`, the lowest first, and of `last`. */
uint64_t siphash(const uint64_t key[2], uint64_t word, uint8_t last);

#endif
