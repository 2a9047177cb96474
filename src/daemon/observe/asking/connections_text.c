/* What echod --status --connections prints: see connections_text.h. */
#include "daemon/observe/asking/connections_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "daemon/observe/asking/line.h"
#include "daemon/observe/status_line.h"

/* A peer with an IPv4 address has as many; one that has more has a line of its own. */
#define PEER_COLUMNS 21

/* What is left for the listener's name; longer ones are cut, with a "+". */
#define LISTENER_COLUMNS 13

#define SHORT_SIZE 32

static const char *
string_of(const json_t *object, const char *name, char text[LINE_TEXT_SIZE])
{
	const char *string = json_string_value(json_object_get(object, name));

	return line_shown(string != NULL ? string : "?", text);
}

static uint64_t
number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* "999 B", "1.2 kB". */
static const char *
bytes_of(const json_t *row, const char *name, char text[SHORT_SIZE])
{
	char count[STATUS_LINE_COUNT_SIZE];

	snprintf(text, SHORT_SIZE, "%.8sB", status_line_count(number_of(row, name), count));
	return text;
}

/* "59 s", "119 min", "47 h", "100 d". */
static const char *
age_of(const json_t *row, char text[SHORT_SIZE])
{
	const double age = json_number_value(json_object_get(row, "age_seconds"));
	const uint64_t seconds = age > 0 && age < 1e12 ? (uint64_t)age : 0;

	if (seconds < 120)
		snprintf(text, SHORT_SIZE, "%" PRIu64 " s", seconds);
	else if (seconds < UINT64_C(120) * 60)
		snprintf(text, SHORT_SIZE, "%" PRIu64 " min", seconds / 60);
	else if (seconds < UINT64_C(48) * 3600)
		snprintf(text, SHORT_SIZE, "%" PRIu64 " h", seconds / 3600);
	else
		snprintf(text, SHORT_SIZE, "%" PRIu64 " d", seconds / 86400);
	return text;
}

static void
print_head(FILE *out)
{
	fprintf(out, "%-*s %-9s %7s %8s %8s %8s %s\n", PEER_COLUMNS, "peer", "state", "age",
	    "received", "sent", "waiting", "listener");
}

static void
print_row(const json_t *row, FILE *out)
{
	char peer[LINE_TEXT_SIZE], state[LINE_TEXT_SIZE], listener[LINE_TEXT_SIZE];
	char age[SHORT_SIZE], received[SHORT_SIZE], sent[SHORT_SIZE], waiting[SHORT_SIZE];

	string_of(row, "peer", peer);
	if (strlen(peer) > PEER_COLUMNS) {
		fprintf(out, "%.80s\n", peer);
		*peer = '\0';
	}
	string_of(row, "listener", listener);
	if (strlen(listener) > LISTENER_COLUMNS)
		memcpy(listener + LISTENER_COLUMNS - 1, "+", 2);
	fprintf(out, "%-*s %-9.9s %7.7s %8.8s %8.8s %8.8s %s\n", PEER_COLUMNS, peer,
	    string_of(row, "state", state), age_of(row, age), bytes_of(row, "received_bytes", received),
	    bytes_of(row, "sent_bytes", sent), bytes_of(row, "waiting_bytes", waiting), listener);
}

/* --- the last line ------------------------------------------------------------------------- */

static void
print_sources(const json_t *busiest, const char *name, FILE *out)
{
	const json_t *list = json_object_get(busiest, name);
	const size_t count = json_array_size(list);
	char source[LINE_TEXT_SIZE];
	struct line line;

	line_begin(&line, out, name);
	for (size_t i = 0; i < count; i++) {
		const json_t *found = json_array_get(list, i);

		line_add(&line, "%s (%" PRIu64 ")%s", string_of(found, "source", source),
		    number_of(found, "count"), i + 1 < count ? "," : "");
	}
	if (count == 0)
		line_add(&line, "none");
	line_end(&line);
}

static void
print_end(const json_t *end, FILE *out)
{
	const json_t *busiest = json_object_get(end, "busiest_sources");

	if (number_of(end, "more") > 0)
		fprintf(out, "and %" PRIu64 " more\n", number_of(end, "more"));
	fprintf(out, "\nbusiest sources: connections open, and in the last %" PRIu64 " s\n",
	    number_of(busiest, "seconds"));
	print_sources(busiest, "open", out);
	print_sources(busiest, "opened", out);
	print_sources(busiest, "refused", out);
	print_sources(busiest, "dropped", out);
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool
is_whole_end(const json_t *object)
{
	return json_is_integer(json_object_get(object, "more")) &&
	    json_is_object(json_object_get(object, "busiest_sources"));
}

/* Returns false where it is neither, and otherwise whether it is the last one in *is_end. */
static bool
print_object(const json_t *object, FILE *out, bool *is_end)
{
	*is_end = is_whole_end(object);
	if (!*is_end && !json_is_string(json_object_get(object, "peer")))
		return false;
	if (out != NULL && *is_end)
		print_end(object, out);
	else if (out != NULL)
		print_row(object, out);
	return true;
}

bool
connections_text_print(const char *lines, size_t length, FILE *out)
{
	const char *const all = lines + length;
	bool is_end = false, is_right = true;

	if (out != NULL)
		print_head(out);
	while (is_right && !is_end && lines < all) {
		const char *line = memchr(lines, '\n', (size_t)(all - lines));
		const size_t size = (size_t)((line != NULL ? line : all) - lines);
		json_t *object = json_loadb(lines, size, JSON_REJECT_DUPLICATES, NULL);

		is_right = line != NULL && print_object(object, out, &is_end);
		json_decref(object);
		lines += size + 1;
	}
	return is_right && is_end && lines == all;
}
