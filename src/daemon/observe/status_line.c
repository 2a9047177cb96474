/* The line for "systemctl status": see status_line.h. */
#include "daemon/observe/status_line.h"

#include <stdio.h>

#include "base/plural.h"

const char *
status_line_count(uint64_t count, char text[STATUS_LINE_COUNT_SIZE])
{
	static const char prefixes[] = "kMGTPE";
	const char *prefix = prefixes;

	if (count < 1000) {
		snprintf(text, STATUS_LINE_COUNT_SIZE, "%u ", (unsigned)count);
		return text;
	}
	for (; count >= 1000000; count /= 1000)
		prefix++;
	if (count < 10000)
		snprintf(text, STATUS_LINE_COUNT_SIZE, "%u.%u %c", (unsigned)count / 1000,
		    (unsigned)count / 100 % 10, *prefix);
	else
		snprintf(text, STATUS_LINE_COUNT_SIZE, "%u %c", (unsigned)count / 1000, *prefix);
	return text;
}

/* A fault may quote any byte of the file. */
static void
make_ascii(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

const char *
status_line_format(const struct status_line *status, char text[STATUS_LINE_SIZE])
{
	char bytes[STATUS_LINE_COUNT_SIZE], datagrams[STATUS_LINE_COUNT_SIZE], when[32] = "";
	struct tm utc;
	int used;

	used = snprintf(text, STATUS_LINE_SIZE,
	    "serving %llu listener%s, %llu connection%s; echoed %sB, %s%sdatagram%s",
	    (unsigned long long)status->listeners, plural(status->listeners),
	    (unsigned long long)status->connections, plural(status->connections),
	    status_line_count(status->bytes, bytes), status_line_count(status->datagrams, datagrams),
	    status->datagrams < 1000 ? "" : " ", plural(status->datagrams));
	if (status->fault == NULL)
		return text;
	if (gmtime_r(&status->failed, &utc) != NULL)
		strftime(when, sizeof(when), " %Y-%m-%d %H:%M UTC", &utc);
	snprintf(text + used, STATUS_LINE_SIZE - (size_t)used, "; reload failed%s: %s", when,
	    status->fault);
	make_ascii(text + used);
	return text;
}

static int64_t
seconds_of(int64_t left)
{
	return left > 0 ? (left + 999) / 1000 : 0;
}

const char *
status_line_format_hand_over(uint64_t open, int64_t left, char text[STATUS_LINE_SIZE])
{
	const int64_t seconds = seconds_of(left);

	if (open == 0)
		snprintf(text, STATUS_LINE_SIZE, "handing over");
	else
		snprintf(text, STATUS_LINE_SIZE, "handing over once %llu TLS connection%s ended, within "
		    "%lld second%s", (unsigned long long)open, open == 1 ? " has" : "s have",
		    (long long)seconds, plural((uint64_t)seconds));
	return text;
}

const char *
status_line_format_drain(uint64_t open, int64_t left, char text[STATUS_LINE_SIZE])
{
	const int64_t seconds = seconds_of(left);

	if (open == 0) {
		snprintf(text, STATUS_LINE_SIZE, "stopping");
		return text;
	}
	snprintf(text, STATUS_LINE_SIZE, "draining %llu connection%s, for at most %lld second%s",
	    (unsigned long long)open, plural(open), (long long)seconds, plural((uint64_t)seconds));
	return text;
}
