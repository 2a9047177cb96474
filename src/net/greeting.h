/*
 * What a listener says first to each that connects: a text of the configuration, in which %h
 * stands for the host, %n for the listener, %p for the peer, and %% for a percent sign.  Pure.
 */
#ifndef NET_GREETING_H
#define NET_GREETING_H

#include <stddef.h>

/* The most that is said, and that each name may have: bytes. */
#define GREETING_MOST 1024
#define GREETING_NAME_MOST 72

/* NULL where `text` is a greeting, however long the names are; else what would be right. */
const char *greeting_check(const char *text);

struct greeting_names {
	const char *host, *listener, *peer;
};

/* Writes what `text` says of these to `said`, cut where it does not fit.  Returns its size. */
size_t greeting_format(const char *text, const struct greeting_names *names,
    char said[GREETING_MOST]);

#endif
