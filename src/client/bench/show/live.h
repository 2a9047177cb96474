/*
 * How a run goes, second by second: on a terminal a block that is rewritten in place, elsewhere a
 * line each ten seconds.
 */
#ifndef CLIENT_BENCH_SHOW_LIVE_H
#define CLIENT_BENCH_SHOW_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/bench/seconds.h"

/* The seconds that the block looks back. */
#define LIVE_ROWS 60

/* What whoever runs it says, as of now. */
struct live_view {
	const char *target; /* as a URI */
	const char *phase;  /* "connecting", "warming up": what it does before it counts; NULL: it counts */
	double elapsed;     /* seconds since counting began; before, since the phase did */
	double seconds;     /* that it is to take; 0: as long as the messages do */
	uint64_t echoed, messages; /* of all that are to be echoed; 0: there is no such number */
	uint64_t connections;      /* that are open now, of `asked` */
	uint64_t asked;
	uint64_t errors, not_sent; /* so far; errors also before it counts */
	size_t count;              /* of rows, the oldest first: bench_clock_last() */
	struct bench_second rows[LIVE_ROWS];
};

/* What a block is drawn for. */
struct live_paper {
	unsigned columns, rows; /* rows 0: as many as there are lines */
	bool utf8, colours;
};

#define LIVE_LINES 5
#define LIVE_TEXT_SIZE 8192

/*
 * Draws the block: at most LIVE_LINES lines, or as many as the paper has rows, of fewer
 * columns than it has.  Pure.
 */
void live_draw(const struct live_view *view, const struct live_paper *paper,
    char text[LIVE_TEXT_SIZE]);

/* Writes the line for what is no terminal.  Pure. */
void live_tell(const struct live_view *view, char text[LIVE_TEXT_SIZE]);

/*
 * Begins to show on stderr, each time that live_show() is called; `is_quiet`: only the block, no
 * lines.  Faults told by report_fault() come above the block.
 */
void live_begin(bool is_quiet);

/* To be called each second, and at SIGWINCH. */
void live_show(const struct live_view *view);

/* Erases the block. */
void live_end(void);

#endif
