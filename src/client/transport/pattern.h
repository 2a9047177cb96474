/*
 * What a greeting must be like: a text in which * stands for any bytes and ? for any one.  Bytes
 * come as a stream, so that its end has to be seen: it is where all of the pattern fits for the
 * first time, and no pattern ends with *.  Pure.
 */
#ifndef CLIENT_TRANSPORT_PATTERN_H
#define CLIENT_TRANSPORT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_MOST 1024 /* bytes, and what stands for some */

struct pattern {
	size_t size; /* 0: there is none */
	int16_t pieces[PATTERN_MOST]; /* a byte, or one of those in pattern.c */
};

/*
 * Reads `text`, where \n, \r, \t, \xHH, \\, \* and \? stand for one byte each.  Returns NULL, or
 * what would be right.
 */
const char *pattern_parse(struct pattern *pattern, const char *text);

/* How far it fits: at how many of its pieces what came may stand. */
struct pattern_match {
	const struct pattern *pattern;
	bool at[PATTERN_MOST + 1];
};

enum pattern_verdict {
	PATTERN_FITS,
	PATTERN_PARTIAL, /* it may still fit */
	PATTERN_DIFFERS, /* whatever comes */
};

void pattern_begin(struct pattern_match *match, const struct pattern *pattern);

/* Goes on by one byte, after PATTERN_PARTIAL or pattern_begin(). */
enum pattern_verdict pattern_take(struct pattern_match *match, unsigned char byte);

#endif
