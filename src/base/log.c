/*
 * The log: see log.h.
 *
 * The queue is a ring of bytes, filled by whoever logs and emptied by the log
 * thread; its lock is never held over a call that can block.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
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
#include "base/log_message.h"
#include "base/log_syslog.h"

#define RING_SIZE (1U << 20)
#define STOP_SECONDS 1

/* For how long the system's logger may read nothing before its messages go to stderr: ms. */
#define LOGGER_PATIENCE 10000

struct sink {
	struct log_settings settings;
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
	bool reopened; /* the target is another one */
	uint64_t suppressed;      /* messages that found no room, ever */
	uint64_t suppressed_said; /* of these, how many the log has told */
	struct log_class *classes; /* those with similar messages to tell of */
	unsigned start, used;     /* the ring's first byte and how many it holds */
} queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.sink.settings = { .target = LOG_TARGET_STDERR, .facility = LOG_DAEMON },
};

/* Apart from what has an initial value, or the program's file would hold all of it. */
static char ring[RING_SIZE];

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

/* A message that finds no room is counted. */
static void
put(const struct log_message *message, const char *packed)
{
	if (sizeof(*message) + message->length > RING_SIZE - queue.used) {
		queue.suppressed++;
		return;
	}
	ring_put(message, sizeof(*message));
	ring_put(packed, message->length);
	if (queue.running)
		pthread_cond_signal(&queue.filled);
}

/* A message of the log's own, with fields or without as log.h says. */
static void __attribute__((format(printf, 4, 5)))
compose(struct log_message *message, char packed[LOG_MESSAGE_SIZE], int level, const char *format,
    ...)
{
	va_list args;

	*message = (struct log_message){ .level = level };
	clock_gettime(CLOCK_REALTIME, &message->when);
	va_start(args, format);
	log_message_pack(message, packed, format, args);
	va_end(args);
}

/* --- classes, under the same lock -------------------------------------------- */

static void
put_similar(const struct log_class *class, uint64_t count)
{
	struct log_message message;
	char packed[LOG_MESSAGE_SIZE];

	if (count == 0)
		return;
	compose(&message, packed, class->level, "%" PRIu64 " similar messages suppressed: %s", count,
	    class->last);
	put(&message, packed);
}

static void
note_suppressed(struct log_class *class, const struct log_message *message, const char *packed)
{
	char text[LOG_MESSAGE_SIZE];

	class->level = message->level;
	snprintf(class->last, sizeof(class->last), "%.*s", (int)sizeof(class->last) - 1,
	    log_message_text(message, packed, text));
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
write_stderr(const struct sink *sink, const struct log_message *message, const char *text)
{
	char line[LOG_OBJECT_SIZE + 64], time[LOG_MESSAGE_TIME_SIZE];
	int n;

	if (stderr_is_journal())
		n = snprintf(line, sizeof(line), "<%d>%s\n", message->level, text);
	else if (sink->settings.format == LOG_FORMAT_JSON)
		n = snprintf(line, sizeof(line), "%s\n", text);
	else
		n = snprintf(line, sizeof(line), "%s %s: %s\n", log_message_time(message, time),
		    log_level_name(message->level), text);
	write_all(STDERR_FILENO, line, (size_t)n);
}

static const char *
render(const struct sink *sink, const struct log_message *message, const char *packed,
    char line[LOG_OBJECT_SIZE])
{
	return sink->settings.format == LOG_FORMAT_JSON ? log_message_json(message, packed, line)
	    : log_message_text(message, packed, line);
}

/* The system's logger, as the log thread has found it.  What it says of it has any level. */
static struct {
	bool lost;
	uint64_t detoured; /* messages that went to stderr instead, since it was lost */
} logger;

static void
lose_logger(const struct sink *sink)
{
	char packed[LOG_MESSAGE_SIZE + 1], line[LOG_OBJECT_SIZE];
	struct log_message message;

	if (logger.lost)
		return;
	logger.lost = true;
	logger.detoured = 0;
	compose(&message, packed, LOG_WARNING, "cannot log to syslog, %s: %s: logging to stderr",
	    LOG_SYSLOG_PATH, strerror(errno));
	write_stderr(sink, &message, render(sink, &message, packed, line));
}

static void
find_logger(const struct sink *sink)
{
	char packed[LOG_MESSAGE_SIZE + 1], line[LOG_OBJECT_SIZE];
	struct log_message message;

	if (!logger.lost)
		return;
	logger.lost = false;
	compose(&message, packed, LOG_NOTICE, "logging to syslog again: messages_on_stderr=%" PRIu64,
	    logger.detoured);
	render(sink, &message, packed, line);
	write_stderr(sink, &message, line);
	log_syslog_send(sink->settings.facility | message.level, &message.when, line, 0);
}

/* Returns false where the message has to go another way. */
static bool
write_syslog(const struct sink *sink, const struct log_message *message, const char *text)
{
	if (log_syslog_send(sink->settings.facility | message->level, &message->when, text,
		logger.lost ? 0 : LOGGER_PATIENCE) == 0) {
		find_logger(sink);
		return true;
	}
	lose_logger(sink);
	logger.detoured++;
	return false;
}

static void
write_message(const struct sink *sink, const struct log_message *message, const char *packed)
{
	const bool to_syslog = sink->settings.target == LOG_TARGET_SYSLOG;
	char line[LOG_OBJECT_SIZE];

	render(sink, message, packed, line);
	if (!to_syslog || !write_syslog(sink, message, line) ||
	    (sink->errors_to_stderr && message->level <= LOG_ERR && !stderr_is_journal()))
		write_stderr(sink, message, line);
}

static void
write_suppressed(const struct sink *sink, uint64_t count)
{
	char packed[LOG_MESSAGE_SIZE + 1];
	struct log_message message;

	compose(&message, packed, LOG_WARNING, "%" PRIu64 " messages suppressed: the log was too slow",
	    count);
	write_message(sink, &message, packed);
}

/* Takes the oldest message and writes it; called and left with the lock held. */
static void
write_oldest(void)
{
	const struct sink sink = queue.sink;
	const uint64_t unsaid = queue.suppressed - queue.suppressed_said;
	struct log_message message;
	char packed[LOG_MESSAGE_SIZE + 1];

	ring_take(&message, sizeof(message));
	ring_take(packed, message.length);
	packed[message.length] = '\0';
	queue.suppressed_said = queue.suppressed;
	pthread_mutex_unlock(&queue.lock);
	write_message(&sink, &message, packed);
	if (unsaid > 0)
		write_suppressed(&sink, unsaid);
	pthread_mutex_lock(&queue.lock);
}

/* Looks at once whether there is a logger; called and left with the lock held. */
static void
reopen(void)
{
	const struct sink sink = queue.sink;

	queue.reopened = false;
	pthread_mutex_unlock(&queue.lock);
	log_syslog_close();
	logger.lost = false;
	if (sink.settings.target == LOG_TARGET_SYSLOG) {
		if (log_syslog_connect() == -1)
			lose_logger(&sink);
		else if (isatty(STDERR_FILENO))
			dprintf(STDERR_FILENO, "%s: logging to syslog (%s); -f logs here\n",
			    program_invocation_short_name,
			    log_syslog_facility(sink.settings.facility));
	}
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
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		settle_classes(clock_ms());
		if (queue.reopened)
			reopen();
		else if (queue.used > 0)
			write_oldest();
		else if (queue.ending)
			break;
		else
			wait_for_more();
	}
	queue.running = false;
	pthread_cond_signal(&queue.ended);
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

/* --- what others call --------------------------------------------------------- */

void
log_open(const struct log_settings *settings)
{
	struct log_settings *now = &queue.sink.settings;

	pthread_mutex_lock(&queue.lock);
	queue.reopened |= settings->target != now->target || settings->facility != now->facility;
	*now = *settings;
	if (queue.running)
		pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
	atomic_store(&log_level, settings->level);
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
put_limited(struct log_class *class, const struct log_message *message, const char *packed)
{
	if (log_limit_allows(&class->limit, clock_ms()))
		put(message, packed);
	else
		note_suppressed(class, message, packed);
}

/* `class` is NULL where nothing limits the line.  Keeps errno. */
static void __attribute__((format(printf, 3, 0)))
write_line(struct log_class *class, struct log_message *message, const char *format, va_list args)
{
	const int saved_errno = errno;
	char packed[LOG_MESSAGE_SIZE];

	clock_gettime(CLOCK_REALTIME, &message->when);
	log_message_pack(message, packed, format, args);
	pthread_mutex_lock(&queue.lock);
	if (class != NULL)
		put_limited(class, message, packed);
	else
		put(message, packed);
	pthread_mutex_unlock(&queue.lock);
	errno = saved_errno;
}

void
log_write(int level, const char *format, ...)
{
	struct log_message message = { .level = LOG_PRI(level) };
	va_list args;

	va_start(args, format);
	write_line(NULL, &message, format, args);
	va_end(args);
}

void
log_write_limited(struct log_class *class, int level, const char *format, ...)
{
	struct log_message message = { .level = LOG_PRI(level) };
	va_list args;

	va_start(args, format);
	write_line(class, &message, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 2, 3)))
write_numbers(struct log_message *message, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(NULL, message, format, args);
	va_end(args);
}

void
log_numbers(int level, const char *words, const char *fields)
{
	struct log_message message = { .level = LOG_PRI(level), .has_numbers = true };

	if (log_wants(level))
		write_numbers(&message, "%s: %s", words, fields);
}

void
log_settle(void)
{
	pthread_mutex_lock(&queue.lock);
	settle_classes(clock_ms() + LOG_LIMIT_PERIOD); /* by then each is over */
	pthread_mutex_unlock(&queue.lock);
}
