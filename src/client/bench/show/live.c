/* How a run goes, second by second: see live.h. */
#include "client/bench/show/live.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/bench/show/bars.h"
#include "client/bench/show/line.h"
#include "client/bench/show/units.h"
#include "client/report.h"
#include "client/terminal.h"

typedef unsigned long long ull;

#define SECONDS_EACH_LINE 10
#define BAR_COLUMNS_MAX 100

/* --- what a view amounts to ------------------------------------------------------------ */

/* The last second, all 0 before there is one. */
static struct bench_second
last_of(const struct live_view *view)
{
	return view->count > 0 ? view->rows[view->count - 1] : (struct bench_second){ 0 };
}

/* How much of it is done: by what ends it first. */
static double
part_of(const struct live_view *view)
{
	const double by_time = view->seconds > 0 ? view->elapsed / view->seconds : 0;
	const double by_messages = view->messages > 0
	    ? (double)view->echoed / (double)view->messages : 0;

	return view->phase != NULL ? 0 : fmin(fmax(by_time, by_messages), 1);
}

/* --- the block ------------------------------------------------------------------------- */

static void
draw_head(const struct live_view *view, struct line *line)
{
	if (view->phase != NULL)
		line_add(line, "%s, %.0f s", view->phase, view->elapsed);
	else if (view->seconds > 0)
		line_add(line, "%.0f s of %.10g s", view->elapsed, view->seconds);
	else
		line_add(line, "%.0f s", view->elapsed);
	line_add(line, "%llu of %llu connections", (ull)view->connections, (ull)view->asked);
	line_add(line, "%s", view->target);
}

static void
draw_progress(const struct live_view *view, struct line *line)
{
	const double part = part_of(view);
	char percent[8];
	unsigned room;

	snprintf(percent, sizeof(percent), "%3.0f%%", floor(part * 100));
	room = line_left(line) > strlen(percent) + 4 ? line_left(line) -
	    (unsigned)strlen(percent) - 2 : 0;
	if (room > BAR_COLUMNS_MAX)
		room = BAR_COLUMNS_MAX;
	bar_add_progress(line, room, part);
	line_add(line, "%s", percent);
}

static void
draw_rates(const struct live_view *view, struct line *line)
{
	const struct bench_second last = last_of(view);
	char rate[UNITS_SIZE], bytes[UNITS_SIZE], p50[UNITS_SIZE], p99[UNITS_SIZE], max[UNITS_SIZE];

	line_add(line, "%s/s", units_number((double)last.echoed, rate));
	if (last.echoed > 0) {
		line_add(line, "p50 %s", units_time(last.p50, p50));
		line_add(line, "p99 %s", units_time(last.p99, p99));
	}
	line_add(line, "%s/s", units_bytes((double)last.echoed_bytes, bytes));
	if (last.echoed > 0)
		line_add(line, "max %s", units_time(last.max, max));
}

static void
draw_errors(const struct live_view *view, struct line *line)
{
	if (view->errors > 0)
		line_add_red(line, "%llu errors", (ull)view->errors);
	else
		line_add(line, "no errors");
	if (view->not_sent > 0)
		line_add(line, "%llu not sent", (ull)view->not_sent);
	line_add(line, "%llu echoed", (ull)view->echoed);
}

/* As much of the last minute as there is room for: a second that has no row is empty. */
static void
draw_spark(const struct live_view *view, struct line *line)
{
	const uint64_t last = last_of(view).second;
	const unsigned room = line_left(line) < LIVE_ROWS ? line_left(line) : LIVE_ROWS;
	const uint64_t first = last + 1 > room ? last + 1 - room : 0;
	double rates[LIVE_ROWS] = { 0 }, most = 0;
	char text[UNITS_SIZE];

	if (view->count == 0)
		return;
	for (size_t i = 0; i < view->count; i++)
		if (view->rows[i].second >= first) {
			rates[view->rows[i].second - first] = (double)view->rows[i].echoed;
			most = fmax(most, (double)view->rows[i].echoed);
		}
	spark_add(line, rates, (size_t)(last + 1 - first));
	line_add(line, "up to %s/s", units_number(most, text));
}

static void (*const drawn[LIVE_LINES])(const struct live_view *view, struct line *line) = {
	draw_head, draw_progress, draw_rates, draw_errors, draw_spark,
};

/* A line that is as long as the terminal is wide would begin another one. */
void
live_draw(const struct live_view *view, const struct live_paper *paper,
    char text[LIVE_TEXT_SIZE])
{
	const unsigned rows = paper->rows > 0 ? paper->rows : LIVE_LINES;
	struct line line;
	size_t length = 0;

	for (size_t i = 0; i < LIVE_LINES && (i == 0 || i < rows); i++) {
		line_begin(&line, paper->columns > 1 ? paper->columns - 1 : 1, paper->utf8,
		    paper->colours);
		drawn[i](view, &line);
		length += (size_t)snprintf(text + length, LIVE_TEXT_SIZE - length, "%s%s",
		    i > 0 ? "\n" : "", line.text);
	}
}

/* --- a line ---------------------------------------------------------------------------- */

void
live_tell(const struct live_view *view, char text[LIVE_TEXT_SIZE])
{
	const size_t count = view->count < SECONDS_EACH_LINE ? view->count : SECONDS_EACH_LINE;
	char rate[UNITS_SIZE], bytes[UNITS_SIZE], p50[UNITS_SIZE], p99[UNITS_SIZE];
	const struct bench_second last = last_of(view);
	double echoed = 0, size = 0;

	for (size_t i = view->count - count; i < view->count; i++) {
		echoed += (double)view->rows[i].echoed;
		size += (double)view->rows[i].echoed_bytes;
	}
	if (count > 0) {
		echoed /= (double)count;
		size /= (double)count;
	}
	if (view->phase != NULL)
		snprintf(text, LIVE_TEXT_SIZE, "%.0f s: %s, %llu of %llu connections, %llu errors",
		    view->elapsed, view->phase, (ull)view->connections, (ull)view->asked,
		    (ull)view->errors);
	else
		snprintf(text, LIVE_TEXT_SIZE, "%.0f s: %s/s, %s/s, p50 %s, p99 %s, %llu errors",
		    view->elapsed, units_number(echoed, rate), units_bytes(size, bytes),
		    units_time(last.p50, p50), units_time(last.p99, p99), (ull)view->errors);
}

/* --- where it goes --------------------------------------------------------------------- */

static struct {
	bool rewrites, is_quiet, utf8, colours;
	unsigned columns; /* of what stands; 0: nothing does */
	double told;      /* seconds: the last ten that a line was for */
	char block[LIVE_TEXT_SIZE];
} shown;

/*
 * It was stopped, and what the shell said since then stands below the block.  Any thread may be told,
 * so that it is an atomic one.
 */
static atomic_bool was_stopped;

static void
on_continue(int number)
{
	(void)number;
	atomic_store(&was_stopped, true);
}

void
live_begin(bool is_quiet)
{
	const struct sigaction action = { .sa_handler = on_continue, .sa_flags = SA_RESTART };

	sigaction(SIGCONT, &action, NULL);
	memset(&shown, 0, sizeof(shown));
	shown.rewrites = terminal_rewrites(STDERR_FILENO);
	shown.is_quiet = is_quiet;
	shown.utf8 = terminal_has_utf8();
	shown.colours = terminal_has_colours(STDERR_FILENO);
}

/* A terminal that became narrower has broken each line of the block to several. */
static unsigned
rows_by_now(const char *block, unsigned columns)
{
	unsigned rows = 0;
	char line[LINE_SIZE];
	size_t length;

	for (; *block != '\0'; block += length + (block[length] == '\n')) {
		length = strcspn(block, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)length, block);
		rows += (line_width_of(line) + columns - 1) / columns;
		rows += length == 0;
	}
	return rows;
}

static void
rewrite(const struct live_view *view)
{
	const struct live_paper paper = { terminal_columns(STDERR_FILENO),
	    terminal_rows(STDERR_FILENO), shown.utf8, shown.colours };
	unsigned rows = 0;

	if (terminal_is_background(STDERR_FILENO))
		return;
	if (shown.columns != 0 && shown.columns != paper.columns)
		rows = rows_by_now(shown.block, paper.columns);
	if (atomic_exchange(&was_stopped, false))
		rows = 1;
	live_draw(view, &paper, shown.block);
	report_block(shown.block, rows);
	shown.columns = paper.columns;
}

void
live_show(const struct live_view *view)
{
	char text[LIVE_TEXT_SIZE];

	if (shown.rewrites) {
		rewrite(view);
		return;
	}
	if (view->elapsed < shown.told)
		shown.told = 0; /* another phase */
	if (!shown.is_quiet && view->elapsed >= shown.told + SECONDS_EACH_LINE) {
		shown.told = floor(view->elapsed / SECONDS_EACH_LINE) * SECONDS_EACH_LINE;
		live_tell(view, text);
		fprintf(stderr, "%s\n", text);
	}
}

void
live_end(void)
{
	if (shown.columns != 0)
		report_block("", 0);
	shown.columns = 0;
}
