/*
 * A message of the log between its call and its line: what was said is packed where it is said,
 * and the log thread makes a line of text or a JSON object of it.  Both are made of the same
 * format and values, so that they cannot diverge.  Pure.
 */
#ifndef BASE_LOG_MESSAGE_H
#define BASE_LOG_MESSAGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* What is packed of a message, and its text with the NUL; what is longer is cut. */
#define LOG_MESSAGE_SIZE 1024

/* An object of it, and the NUL. */
#define LOG_OBJECT_SIZE 16384

struct log_message {
	struct timespec when; /* CLOCK_REALTIME */
	const char *format;   /* a literal with fields; NULL: what is packed is text */
	int level;            /* as in syslog.h, without a facility */
	unsigned length;      /* of what is packed: bytes; a reader finds a NUL behind */
	bool has_numbers;     /* log_numbers(): the text has fields behind the first ": " */
};

/*
 * Packs what vprintf(3) would print.  The fields of a format that has some
 * (log.h) are packed as
 * values, and the message then has `format`; anything else is packed as text.  Sets `format` and
 * `length`.
 */
void log_message_pack(struct log_message *message, char packed[LOG_MESSAGE_SIZE],
    const char *format, va_list args) __attribute__((format(printf, 3, 0)));

/* Writes what vprintf(3) would have printed.  Returns `text`. */
const char *log_message_text(const struct log_message *message, const char *packed,
    char text[LOG_MESSAGE_SIZE]);

/*
 * Writes a JSON object on one line, in ASCII: "time", "level", "message" and the fields.  Bytes
 * that are no UTF-8 are escaped as escape.h does.  Where memory runs out it says so instead of
 * what was said.  Returns `object`.
 */
const char *log_message_json(const struct log_message *message, const char *packed,
    char object[LOG_OBJECT_SIZE]);

/* "err", "warning", "notice", "info", "debug", …: the names that syslog.conf(5) has. */
const char *log_level_name(int level);

#define LOG_MESSAGE_TIME_SIZE 40

/* The time as in RFC 3339, in UTC and with milliseconds.  Returns `text`. */
const char *log_message_time(const struct log_message *message, char text[LOG_MESSAGE_TIME_SIZE]);

#endif
