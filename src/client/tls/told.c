/* A connection and TLS, as they are told: see told.h. */
#include "client/tls/told.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "client/report.h"

#define BETWEEN_NAMES ", "

/* The date is the first ten. */
#define END_SIZE sizeof("2026-12-31T23:59:59Z")
#define DATE_LENGTH 10

/* Writes when the certificate ends, "" where that is not known. */
static void
write_end(int64_t end, char text[END_SIZE])
{
	const time_t time = (time_t)end;
	struct tm tm;

	if (end == 0 || gmtime_r(&time, &tm) == NULL ||
	    strftime(text, END_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		*text = '\0';
}

/* The peer chose it: nothing in it ends the line. */
static const char *
escape(const char *name, char *text)
{
	return escape_bytes(name, strlen(name), text);
}

const char *
tls_told(const struct channel *channel, char text[TLS_TOLD_SIZE])
{
	double seconds;
	const struct tls_facts *facts = channel != NULL ? channel_tls(channel, &seconds) : NULL;
	char names[TLS_SUBJECT_SIZE * 4 + 1], alpn[TLS_NAME_SIZE * 4 + 1];
	char end[END_SIZE];

	if (facts == NULL)
		return NULL;
	write_end(facts->end, end);
	snprintf(text, TLS_TOLD_SIZE, "%s, %s, in %.3f ms%s%s%s, certificate%s of %s%s%.*s",
	    facts->version, facts->cipher, seconds * 1000, facts->is_resumed ? ", resumed" : "",
	    *facts->alpn != '\0' ? ", ALPN " : "", escape(facts->alpn, alpn),
	    facts->is_verified ? "" : ", not verified,",
	    escape(*facts->names != '\0' ? facts->names : facts->subject, names),
	    *end != '\0' ? " until " : "", DATE_LENGTH, end);
	return text;
}

static json_t *
names_array(const char *names)
{
	json_t *array = json_array();

	while (*names != '\0') {
		const char *end = strstr(names, BETWEEN_NAMES);
		const size_t size = end != NULL ? (size_t)(end - names) : strlen(names);

		json_array_append_new(array, report_bytes(names, size));
		names += size + (end != NULL ? strlen(BETWEEN_NAMES) : 0);
	}
	return array;
}

static json_t *
certificate_object(const struct tls_facts *facts)
{
	char end[END_SIZE];

	write_end(facts->end, end);
	return json_pack("{so so so? sb}",
	    "subject", report_bytes(facts->subject, strlen(facts->subject)),
	    "names", names_array(facts->names), "not_after", *end != '\0' ? json_string(end) : NULL,
	    "verified", (int)facts->is_verified);
}

json_t *
tls_told_json(const struct channel *channel)
{
	double seconds;
	const struct tls_facts *facts = channel != NULL ? channel_tls(channel, &seconds) : NULL;

	if (facts == NULL)
		return NULL;
	return json_pack("{ss ss so? sb sf so}",
	    "version", facts->version, "cipher", facts->cipher, "alpn", *facts->alpn != '\0'
	    ? report_bytes(facts->alpn, strlen(facts->alpn)) : NULL,
	    "resumed", (int)facts->is_resumed, "seconds", seconds,
	    "certificate", certificate_object(facts));
}

void
told_connected(const struct channel *channel, const char *label)
{
	char peer[CHANNEL_TEXT_SIZE], text[ESCAPE_TEXT_SIZE], tls[TLS_TOLD_SIZE];
	const char *greeting;
	const size_t size = channel_greeting(channel, &greeting);

	printf("%sconnected to %s in %.3f ms", label, channel_peer(channel, peer),
	    channel_connect_seconds(channel) * 1000);
	if (size > 0)
		printf(", greeted by %s", escape_payload(greeting, size, text));
	putchar('\n');
	if (tls_told(channel, tls) != NULL)
		printf("%sover %s\n", label, tls);
}
