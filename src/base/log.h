/*
 * The log: what happened, to the system's logger or stderr, as text or JSON.
 *
 * Callers never wait.  A message goes into a bounded queue; one thread empties
 * it and alone meets whatever blocks in the C library, the terminal or the
 * system's logger.  What does not fit is counted, and the count is said as soon
 * as there is room.  Every function here keeps errno.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include "base/log_limit.h"

enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_settings {
	enum log_target target;
	enum log_format format;
	int facility; /* as in syslog.h */
	int level;    /* as in syslog.h */
};

/* The level up to which messages are taken, as in syslog.h; read by log_wants(). */
extern _Atomic int log_level;

static inline bool
log_wants(int level)
{
	return level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/*
 * Opens the log, or changes where it goes, how it looks and how much it takes.  Until the first
 * call, messages up to LOG_NOTICE go to stderr as text.  The queue is kept: what was logged
 * before goes to the new target.
 *
 * What the system's logger does not take goes to stderr, which is said once there, and once on
 * both when the logger is back.  Where stderr is a terminal and the logger there, a line on it
 * says where to look.
 */
void log_open(const struct log_settings *settings);

/*
 * Starts the log thread, with every signal blocked.  Messages from before wait
 * in the queue until then.  Returns 0, or -1 with errno.
 */
int log_start(void);

/*
 * Empties the queue, for at most one second, and ends the thread.  Where none was
 * started yet, it starts one for that second.  Not to be called by two threads.
 */
void log_stop(void);

/*
 * While true, errors go to stderr as well when the target is syslog and stderr
 * is not the journal: whoever starts the daemon by hand sees why it does not start.
 */
void log_errors_to_stderr(bool enabled);

/* How many messages found the queue full, ever. */
uint64_t log_suppressed(void);

/*
 * One message, a line without its newline.  Call it by the macros below.
 *
 * A format that is words without a conversion, ": " and behind it NAME=CONVERSION and nothing
 * else, with a space between them, has fields:
 *
 *	log_info("connection opened: peer=%s listener=%s", peer, name);
 *
 * As text it is what printf(3) would print.  As JSON the words are the "message", and each field
 * is a member by its name: a string for %s, a number for %d, %u (with l, ll, z) and %.3f.  So the
 * conversion says the type, for good; "time", "level" and "message" are no names for a field.
 * Any other format has no fields: all of its text is the "message".
 */
void log_write(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * An event whose fields, all of them numbers, are only known when it happens: `fields` has them as
 * "NAME=NUMBER NAME=NUMBER".  The line is "WORDS: FIELDS".
 */
void log_numbers(int level, const char *words, const char *fields);

/* The arguments are not evaluated when the level is off. */
#define log_at(level, ...)                              \
	do {                                            \
		if (log_wants(level))                   \
			log_write((level), __VA_ARGS__); \
	} while (0)
#define log_error(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/*
 * The messages of one place in the source where trouble that lasts would log the same
 * again and again.  Of each place one is taken in a period (log_limit.h); at its end
 * "N similar messages suppressed" says how many more there were, with the last of them.
 * Its members are the log's own.
 */
struct log_class {
	struct log_limit limit;
	struct log_class *next; /* of those that have something to tell */
	bool listed;
	int level;
	char last[256];
};

/* Call it by the macros below.  A class may be used by all threads. */
void log_write_limited(struct log_class *class, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_at_limited(level, ...)                                            \
	do {                                                                  \
		static struct log_class log_class_here;                       \
                                                                              \
		if (log_wants(level))                                         \
			log_write_limited(&log_class_here, (level), __VA_ARGS__); \
	} while (0)
#define log_error_limited(...) log_at_limited(LOG_ERR, __VA_ARGS__)
#define log_warning_limited(...) log_at_limited(LOG_WARNING, __VA_ARGS__)

/* Says now how many messages of each place were suppressed, not at the end of its period. */
void log_settle(void);

#endif
