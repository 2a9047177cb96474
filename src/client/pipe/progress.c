/* The line that tells how far pipe is: see progress.h. */
#include "client/pipe/progress.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/report.h"
#include "client/terminal.h"
#include "client/timing.h"

#define LINE_SIZE 128

struct progress {
	struct event *timer;
	const struct pipe_tally *tally;
	int64_t told; /* when, and what had come by then */
	uint64_t told_bytes;
	uint64_t size; /* of stdin; 0: unknown */
};

/* What is still to be read of a file; 0: unknown. */
static uint64_t
size_of_stdin(void)
{
	const off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	struct stat st;

	if (at == -1 || fstat(STDIN_FILENO, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size < at)
		return 0;
	return (uint64_t)(st.st_size - at);
}

/* What is typed, or what comes back, would be erased with the line. */
static bool
has_place(void)
{
	return terminal_rewrites(STDERR_FILENO) && !isatty(STDIN_FILENO) &&
	    !isatty(STDOUT_FILENO);
}

/* With the NUL: a line that is as long as the terminal is wide begins another one. */
static size_t
room(void)
{
	const unsigned columns = terminal_columns(STDERR_FILENO);

	return columns < LINE_SIZE ? columns : LINE_SIZE;
}

static void
rewrite(const char *line)
{
	if (!terminal_is_background(STDERR_FILENO))
		report_line(line);
}

static void
print(uint64_t received, uint64_t size, double rate)
{
	char percent[16] = "", line[LINE_SIZE];

	if (size > 0)
		snprintf(percent, sizeof(percent), "  %3.0f%%",
		    100 * (double)received / (double)size);
	snprintf(line, room(), "  %.1f MiB%s  %.1f MiB/s", (double)received / 1048576, percent,
	    rate / 1048576);
	rewrite(line);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct progress *progress = arg;
	const uint64_t received = progress->tally->received;
	const int64_t now = timing_now();

	(void)fd;
	(void)what;
	print(received, progress->size, (double)(received - progress->told_bytes) /
	    timing_seconds(now - progress->told));
	progress->told = now;
	progress->told_bytes = received;
}

struct progress *
progress_begin(struct event_base *base, const struct pipe_tally *tally)
{
	const struct timeval second = { 1, 0 };
	struct progress *progress = has_place() ? calloc(1, sizeof(*progress)) : NULL;

	if (progress == NULL)
		return NULL;
	progress->tally = tally;
	progress->told = timing_now();
	progress->size = size_of_stdin();
	progress->timer = event_new(base, -1, EV_PERSIST, on_second, progress);
	if (progress->timer == NULL || event_add(progress->timer, &second) == -1) {
		progress_end(progress);
		return NULL;
	}
	return progress;
}

void
progress_end(struct progress *progress)
{
	if (progress == NULL)
		return;
	if (progress->timer != NULL)
		event_free(progress->timer);
	rewrite("");
	free(progress);
}
