/*
 * The one line in which "systemctl status" tells how echod does.
 */
#ifndef DAEMON_OBSERVE_STATUS_LINE_H
#define DAEMON_OBSERVE_STATUS_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define STATUS_LINE_SIZE 512
#define STATUS_LINE_COUNT_SIZE 16

struct status_line {
	uint64_t listeners;
	uint64_t connections; /* open */
	uint64_t bytes, datagrams; /* sent back */
	const char *fault; /* of the last reload, where that failed; NULL */
	time_t failed;     /* when */
};

/*
 * Writes the line to `text` and returns it: ASCII alone, cut to its size, since systemd
 * passes over a line with half a character in it.
 */
const char *status_line_format(const struct status_line *status, char text[STATUS_LINE_SIZE]);

/* The same in a drain: `open` connections are left, for at most `left` ms; without, it stops. */
const char *status_line_format_drain(uint64_t open, int64_t left, char text[STATUS_LINE_SIZE]);

/* The same where `open` connections end before a hand-over; without, that is under way. */
const char *status_line_format_hand_over(uint64_t open, int64_t left, char text[STATUS_LINE_SIZE]);

/* Writes "999 ", "1.2 k" or "34 M", rounded down, to `text` and returns it: a unit may follow. */
const char *status_line_count(uint64_t count, char text[STATUS_LINE_COUNT_SIZE]);

#endif
