/* The steps of a ping as JSON: see ping_events.h. */
#include "client/ping/ping_events.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "client/report.h"

/* Digits of a time since 1970 down to its microseconds. */
#define PRECISION 16

static void
print(json_t *object)
{
	if (object == NULL) {
		report_fault("cannot print a JSON object: %s", strerror(ENOMEM));
		return;
	}
	/* Whether that fails is looked at where all of stdout is. */
	json_dumpf(object, stdout, JSON_REAL_PRECISION(PRECISION));
	putchar('\n');
	json_decref(object);
}

void
ping_event(const struct ping_options *options, const char *event, const char *format, ...)
{
	const char *uri = options->common.uri;
	struct timeval now;
	json_t *object, *fields;
	va_list args;

	if (!options->stream)
		return;
	gettimeofday(&now, NULL);
	object = json_pack("{ss sf so so?}", "event", event,
	    "time", (double)now.tv_sec + (double)now.tv_usec / 1e6,
	    "uri", report_bytes(uri, strlen(uri)),
	    "flow", options->flow > 0 ? json_integer((json_int_t)options->flow) : NULL);
	va_start(args, format);
	fields = json_vpack_ex(NULL, 0, format, args);
	va_end(args);
	if (json_object_update(object, fields) == -1) {
		json_decref(object);
		object = NULL;
	}
	json_decref(fields);
	print(object);
}

void
ping_event_reason(const struct ping_options *options, const char *event, const char *reason)
{
	if (options->stream)
		ping_event(options, event, "{so}", "reason", report_bytes(reason, strlen(reason)));
}

static json_t *
known(int value)
{
	return value >= 0 ? json_integer(value) : NULL;
}

void
ping_event_reply(const struct ping_options *options, const char *peer, const struct reply *reply,
    const struct marks_told *marks)
{
	static const char *const words[] = {
		[REPLY_RIGHT] = "right",
		[REPLY_DUPLICATE] = "duplicate",
		[REPLY_CORRUPT] = "corrupt",
		[REPLY_FOREIGN] = "foreign",
	};
	const bool is_right = reply->verdict == REPLY_RIGHT;

	if (options->stream && marks->news == MARKS_NEW)
		ping_event(options, "changed", "{so? so? so? so?}",
		    "ttl", known(marks->now.ttl), "tos", known(marks->now.tos),
		    "ttl_before", known(marks->before.ttl),
		    "tos_before", known(marks->before.tos));
	if (options->stream && !options->quiet)
		ping_event(options, "reply", "{ss sI so? ss so? sb sb so? so?}", "address", peer,
		    "size", (json_int_t)reply->size,
		    "seq", reply->seq != 0 ? json_integer((json_int_t)reply->seq) : NULL,
		    "verdict", words[reply->verdict],
		    "rtt_seconds", is_right ? json_real(reply->rtt) : NULL,
		    "late", is_right && reply->late, "reordered", is_right && reply->reordered,
		    "ttl", known(marks->now.ttl), "tos", known(marks->now.tos));
}
