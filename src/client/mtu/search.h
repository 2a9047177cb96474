/*
 * The longest datagram that comes back, by bisection: which size to try next, and what is known
 * by what became of it.  Pure.
 *
 * What is told, by this host or a router, only says where to look first: a limit is found when a
 * size has come back and the next one has not.
 */
#ifndef CLIENT_MTU_SEARCH_H
#define CLIENT_MTU_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

struct search {
	size_t least;   /* bytes: the first size, of which little is asked */
	size_t most;    /* what there can be */
	size_t came;    /* the longest that has come back; 0: none */
	size_t failed;  /* the shortest that has not; most + 1: none */
	size_t refused; /* the shortest that this host has not sent; most + 1: none */
	size_t hint;    /* the longest that would pass, as it was told last; 0: nothing was */
	bool confirmed; /* `failed` was tried once more since, and failed again */
	unsigned changes; /* how often what was known was proven wrong */
};

void search_init(struct search *search, size_t least, size_t most);

/* The next size to try; 0 where `came` and `failed` are neighbours, or nothing longer can be. */
size_t search_next(const struct search *search);

/* True where the limit is found, and has to be tried once more. */
bool search_wants_confirmation(const struct search *search);

/*
 * A datagram of `size` bytes came back.  Where that was not to be any more, what is known above it
 * is forgotten.
 */
void search_came(struct search *search, size_t size);

/*
 * None of them did: for the second time, where that was wanted.  Where one had come back, what is
 * known below is forgotten, but for the least.
 */
void search_failed(struct search *search, size_t size);

/* This host does not send it. */
void search_refused(struct search *search, size_t size);

/* Somebody says that none longer than `size` bytes passes; 0: that is less than any. */
void search_told(struct search *search, size_t size);

#endif
