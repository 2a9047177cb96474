/*
 * The log: see log.h.
 *
 * The queue is a ring of bytes, filled by whoever logs and emptied by the log
 * thread; its lock is never held over a call that can block.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define RING_SIZE (1U << 20)
#define LINE_SIZE 1024
#define STOP_SECONDS 1

struct record {
	struct timespec when; /* CLOCK_REALTIME */
	int level;
	unsigned length;
};

struct sink {
	enum log_target target;
	int facility;
	bool errors_to_stderr;
};

_Atomic int log_level = LOG_NOTICE;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled; /* something to write, or `ending` */
	pthread_cond_t ended;  /* the thread has written its last line */
	pthread_t thread;
	bool running;
	bool ending;
	struct sink sink;
	uint64_t suppressed;      /* messages that found no room, ever */
	uint64_t suppressed_said; /* of these, how many the log has told */
	struct log_class *classes; /* those with similar messages to tell of */
	unsigned start, used;     /* the ring's first byte and how many it holds */
} queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.sink = { .target = LOG_TARGET_STDERR, .facility = LOG_DAEMON },
};

/* Apart from what has an initial value, or the program's file would hold all of it. */
static char ring[RING_SIZE];

const char *
log_level_name(int level)
{
	static const char *const names[] = {
		"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
	};

	return names[LOG_PRI(level)];
}

/* --- the ring, under its lock ---------------------------------------------- */

static void
ring_put(const void *data, unsigned size)
{
	const unsigned at = (queue.start + queue.used) % RING_SIZE;
	const unsigned first = size < RING_SIZE - at ? size : RING_SIZE - at;

	memcpy(ring + at, data, first);
	memcpy(ring, (const char *)data + first, size - first);
	queue.used += size;
}

static void
ring_take(void *data, unsigned size)
{
	const unsigned at = queue.start;
	const unsigned first = size < RING_SIZE - at ? size : RING_SIZE - at;

	memcpy(data, ring + at, first);
	memcpy((char *)data + first, ring, size - first);
	queue.start = (at + size) % RING_SIZE;
	queue.used -= size;
}

/* A record that finds no room is counted. */
static void
put(const struct record *record, const char *text)
{
	if (sizeof(*record) + record->length > RING_SIZE - queue.used) {
		queue.suppressed++;
		return;
	}
	ring_put(record, sizeof(*record));
	ring_put(text, record->length);
	if (queue.running)
		pthread_cond_signal(&queue.filled);
}

/* --- classes, under the same lock -------------------------------------------- */

static void
put_similar(const struct log_class *class, uint64_t count)
{
	struct record record = { .level = class->level };
	char text[sizeof(class->last) + 64];

	if (count == 0)
		return;
	clock_gettime(CLOCK_REALTIME, &record.when);
	record.length = (unsigned)snprintf(text, sizeof(text),
	    "%llu similar messages suppressed: %s", (unsigned long long)count, class->last);
	put(&record, text);
}

static void
note_suppressed(struct log_class *class, int level, const char *text)
{
	class->level = level;
	snprintf(class->last, sizeof(class->last), "%.*s", (int)sizeof(class->last) - 1, text);
	if (class->listed)
		return;
	class->listed = true;
	class->next = queue.classes;
	queue.classes = class;
	if (queue.running)
		pthread_cond_signal(&queue.filled); /* a deadline has come up */
}

/* Tells of the classes whose period is over at `now`; those with nothing left to tell leave. */
static void
settle_classes(int64_t now)
{
	struct log_class **at = &queue.classes;

	while (*at != NULL) {
		struct log_class *class = *at;

		put_similar(class, log_limit_settle(&class->limit, now));
		if (class->limit.suppressed > 0) {
			at = &class->next;
			continue;
		}
		*at = class->next;
		class->listed = false;
	}
}

/* --- writing out, by the log thread alone ----------------------------------- */

/* Says whether stderr goes to the journal: sd-daemon(3), systemd.exec(5) on JOURNAL_STREAM. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* A line that cannot be written is lost: there is no one to tell. */
static void
write_all(int fd, const char *text, size_t size)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n >= 0) {
			text += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			return;
		}
	}
}

static void
write_stderr(const struct record *record, const char *text, bool journal)
{
	char line[LINE_SIZE + 64], date[32];
	struct tm tm;
	int n;

	if (journal) {
		n = snprintf(line, sizeof(line), "<%d>%s\n", record->level, text);
	} else {
		gmtime_r(&record->when.tv_sec, &tm);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		n = snprintf(line, sizeof(line), "%s.%03ldZ %s: %s\n", date,
		    record->when.tv_nsec / 1000000, log_level_name(record->level), text);
	}
	write_all(STDERR_FILENO, line, (size_t)n);
}

static void
write_record(const struct sink *sink, const struct record *record, const char *text)
{
	const bool journal = stderr_is_journal();

	if (sink->target == LOG_TARGET_STDERR ||
	    (sink->errors_to_stderr && record->level <= LOG_ERR && !journal))
		write_stderr(record, text, journal);
	if (sink->target == LOG_TARGET_SYSLOG)
		syslog(sink->facility | record->level, "%s", text);
}

static void
write_suppressed(const struct sink *sink, uint64_t count)
{
	struct record record = { .level = LOG_WARNING };
	char text[64];

	clock_gettime(CLOCK_REALTIME, &record.when);
	snprintf(text, sizeof(text), "%llu messages suppressed: the log was too slow",
	    (unsigned long long)count);
	write_record(sink, &record, text);
}

/* Takes the oldest record and writes it; called and left with the lock held. */
static void
write_oldest(void)
{
	const struct sink sink = queue.sink;
	const uint64_t unsaid = queue.suppressed - queue.suppressed_said;
	struct record record;
	char text[LINE_SIZE];

	ring_take(&record, sizeof(record));
	ring_take(text, record.length);
	text[record.length] = '\0';
	queue.suppressed_said = queue.suppressed;
	pthread_mutex_unlock(&queue.lock);
	write_record(&sink, &record, text);
	if (unsaid > 0)
		write_suppressed(&sink, unsaid);
	pthread_mutex_lock(&queue.lock);
}

/* Waits until there is something to write, or a class to settle; the lock is held. */
static void
wait_for_more(void)
{
	int64_t until = INT64_MAX;
	struct timespec deadline;

	for (const struct log_class *class = queue.classes; class != NULL; class = class->next)
		if (class->limit.until < until)
			until = class->limit.until;
	if (until == INT64_MAX) {
		pthread_cond_wait(&queue.filled, &queue.lock);
		return;
	}
	deadline = (struct timespec){ until / 1000, until % 1000 * 1000000 };
	pthread_cond_timedwait(&queue.filled, &queue.lock, &deadline);
}

static void *
run(void *arg)
{
	(void)arg;
	openlog(program_invocation_short_name, LOG_PID, LOG_DAEMON);
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		settle_classes(clock_ms());
		while (queue.used == 0 && !queue.ending) {
			wait_for_more();
			settle_classes(clock_ms());
		}
		if (queue.used == 0)
			break;
		write_oldest();
	}
	queue.running = false;
	pthread_cond_signal(&queue.ended);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

/* --- what others call --------------------------------------------------------- */

void
log_open(enum log_target target, int facility, int level)
{
	pthread_mutex_lock(&queue.lock);
	queue.sink.target = target;
	queue.sink.facility = facility;
	pthread_mutex_unlock(&queue.lock);
	atomic_store(&log_level, level);
}

void
log_errors_to_stderr(bool enabled)
{
	pthread_mutex_lock(&queue.lock);
	queue.sink.errors_to_stderr = enabled;
	pthread_mutex_unlock(&queue.lock);
}

int
log_start(void)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int error;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&queue.filled, &monotonic);
	pthread_cond_init(&queue.ended, &monotonic);
	pthread_condattr_destroy(&monotonic);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	queue.ending = false;
	queue.running = true;
	error = pthread_create(&queue.thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		queue.running = false;
		errno = error;
		return -1;
	}
	pthread_setname_np(queue.thread, "log");
	return 0;
}

void
log_stop(void)
{
	struct timespec deadline;
	pthread_t thread;
	bool stuck;

	if (!queue.running && log_start() == -1) {
		pthread_mutex_lock(&queue.lock);
		while (queue.used > 0)
			write_oldest();
		pthread_mutex_unlock(&queue.lock);
		return;
	}
	pthread_mutex_lock(&queue.lock);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += STOP_SECONDS;
	queue.ending = true;
	pthread_cond_signal(&queue.filled);
	while (queue.running &&
	    pthread_cond_timedwait(&queue.ended, &queue.lock, &deadline) != ETIMEDOUT)
		;
	stuck = queue.running;
	thread = queue.thread;
	pthread_mutex_unlock(&queue.lock);
	if (stuck)
		pthread_detach(thread);
	else
		pthread_join(thread, NULL);
}

uint64_t
log_suppressed(void)
{
	uint64_t count;

	pthread_mutex_lock(&queue.lock);
	count = queue.suppressed;
	pthread_mutex_unlock(&queue.lock);
	return count;
}

static void
put_limited(struct log_class *class, const struct record *record, const char *text)
{
	if (log_limit_allows(&class->limit, clock_ms()))
		put(record, text);
	else
		note_suppressed(class, record->level, text);
}

/* `class` is NULL where nothing limits the line. */
static void __attribute__((format(printf, 3, 0)))
write_line(struct log_class *class, int level, const char *format, va_list args)
{
	const int saved_errno = errno;
	struct record record = { .level = LOG_PRI(level) };
	char text[LINE_SIZE];
	const int n = vsnprintf(text, sizeof(text), format, args);

	if (n >= 0) {
		clock_gettime(CLOCK_REALTIME, &record.when);
		record.length = n < LINE_SIZE ? (unsigned)n : LINE_SIZE - 1;
		pthread_mutex_lock(&queue.lock);
		if (class != NULL)
			put_limited(class, &record, text);
		else
			put(&record, text);
		pthread_mutex_unlock(&queue.lock);
	}
	errno = saved_errno;
}

void
log_write(int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(NULL, level, format, args);
	va_end(args);
}

void
log_write_limited(struct log_class *class, int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(class, level, format, args);
	va_end(args);
}

void
log_settle(void)
{
	pthread_mutex_lock(&queue.lock);
	settle_classes(clock_ms() + LOG_LIMIT_PERIOD); /* by then each is over */
	pthread_mutex_unlock(&queue.lock);
}
