/* What echod --status prints: see status_text.h. */
#include "daemon/observe/asking/status_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "daemon/observe/asking/line.h"
#include "daemon/observe/status_line.h"

/* A string, in `text`: "?" where there is none. */
static const char *
text_of(const json_t *string, char text[LINE_TEXT_SIZE])
{
	return line_shown(json_is_string(string) ? json_string_value(string) : "?", text);
}

static const char *
string_of(const json_t *object, const char *name, char text[LINE_TEXT_SIZE])
{
	return text_of(json_object_get(object, name), text);
}

/* A number, or those of an object together: 0 where there is none. */
static uint64_t
number_of(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);
	uint64_t sum = 0;

	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at))
		sum += (uint64_t)json_integer_value(json_object_iter_value(at));
	return sum;
}

static const char *
bytes_of(const json_t *object, const char *name, char text[STATUS_LINE_COUNT_SIZE])
{
	return status_line_count(number_of(object, name), text);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
print_state(const json_t *status, FILE *out)
{
	char text[LINE_TEXT_SIZE];
	struct line line;

	line_begin(&line, out, string_of(status, "state", text));
	if (json_is_integer(json_object_get(status, "drain_seconds_left")))
		line_add(&line, "for at most %" PRIu64 " s,", number_of(status, "drain_seconds_left"));
	line_add(&line, "echod %s", string_of(status, "version", text));
	line_add(&line, "at %s,", string_of(status, "host", text));
	line_add(&line, "pid %" PRIu64 ", since", number_of(status, "pid"));
	line_add(&line, "%s", string_of(status, "service_started", text));
	if (!json_equal(json_object_get(status, "started"),
	    json_object_get(status, "service_started")))
		line_add(&line, "(this process since %s)", string_of(status, "started", text));
	line_end(&line);
}

static void
print_problems(const json_t *status, FILE *out)
{
	const json_t *problems = json_object_get(status, "problems");
	char text[LINE_TEXT_SIZE];
	struct line line;

	for (size_t i = 0; i < json_array_size(problems); i++) {
		line_begin(&line, out, "problem");
		line_add(&line, "%s", text_of(json_array_get(problems, i), text));
		line_end(&line);
	}
}

/* Those reasons that there were: "3 refused (2 denied, 1 drain)". */
static void
add_reasons(struct line *line, const json_t *object, const char *name, const char *word)
{
	const uint64_t sum = number_of(object, name);
	json_t *reasons = json_object_get(object, name);
	size_t left = json_object_size(reasons);
	const char *before = "(";
	char text[LINE_TEXT_SIZE];

	line_add(line, "%" PRIu64 " %s", sum, word);
	for (void *at = json_object_iter(reasons); at != NULL;
	    at = json_object_iter_next(reasons, at)) {
		line_add(line, "%s%" PRIu64 " %s%s", before,
		    (uint64_t)json_integer_value(json_object_iter_value(at)),
		    line_shown(json_object_iter_key(at), text), --left > 0 ? "," : ")");
		before = "";
	}
}

static void
print_totals(const json_t *status, FILE *out)
{
	const json_t *totals = json_object_get(status, "totals");
	char bytes[STATUS_LINE_COUNT_SIZE];
	struct line line;

	line_begin(&line, out, "connections");
	line_add(&line, "%" PRIu64 " of %" PRIu64 " open, %" PRIu64 " accepted,",
	    number_of(totals, "connections_open"), number_of(status, "connections_limit"),
	    number_of(totals, "connections_accepted"));
	add_reasons(&line, totals, "connections_refused", "refused");
	line_end(&line);
	line_begin(&line, out, "datagrams");
	line_add(&line, "%" PRIu64 " answered,", number_of(totals, "datagrams_sent"));
	add_reasons(&line, totals, "datagrams_dropped", "dropped");
	line_end(&line);
	line_begin(&line, out, "echoed");
	line_add(&line, "%sB", bytes_of(totals, "sent_bytes", bytes));
	line_end(&line);
}

static double
rate_of(const json_t *rates, const char *name)
{
	return json_number_value(json_object_get(rates, name));
}

static void
print_rates(const json_t *status, FILE *out)
{
	const json_t *rates = json_object_get(status, "rates");
	const double bytes = rate_of(rates, "sent_bytes");
	char text[STATUS_LINE_COUNT_SIZE];
	struct line line;

	line_begin(&line, out, "a second");
	if (!json_is_number(json_object_get(rates, "accepted")))
		line_add(&line, "not known yet");
	else
		line_add(&line, "%.1f accepted, %.1f refused, %.1f answered, %.1f dropped, %sB echoed",
		    rate_of(rates, "accepted"), rate_of(rates, "refused"),
		    rate_of(rates, "answered"), rate_of(rates, "dropped"),
		    status_line_count(bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0, text));
	line_end(&line);
}

static void
print_workers(const json_t *status, FILE *out)
{
	const json_t *workers = json_object_get(status, "workers");
	char method[LINE_TEXT_SIZE];
	struct line line;

	line_begin(&line, out, "workers");
	line_add(&line, "%zu (%s), with", json_array_size(workers),
	    string_of(status, "event_method", method));
	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *worker = json_array_get(workers, i);

		line_add(&line, "%" PRIu64 "%s%s", number_of(worker, "connections_open"),
		    json_is_true(json_object_get(worker, "hangs")) ? " (hangs)" : "",
		    i + 1 < json_array_size(workers) ? "," : "");
	}
	line_add(&line, "connections open");
	line_end(&line);
}

static void
print_listener(const json_t *listener, FILE *out)
{
	char name[LINE_TEXT_SIZE], text[LINE_TEXT_SIZE], bytes[STATUS_LINE_COUNT_SIZE];
	const bool is_stream = json_object_get(listener, "connections_open") != NULL;
	const json_t *uris = json_object_get(listener, "uris");
	struct line line;

	line_begin(&line, out, "listener");
	line_add(&line, "%s", string_of(listener, "name", name));
	for (size_t i = 0; i < json_array_size(uris); i++)
		line_add(&line, "%s", text_of(json_array_get(uris, i), text));
	if (json_is_false(json_object_get(listener, "accepting")))
		line_add(&line, "ACCEPTS NOBODY");
	line_end(&line);
	line_begin(&line, out, "");
	if (is_stream)
		line_add(&line, "%" PRIu64 " open, %" PRIu64 " accepted, %" PRIu64 " refused,",
		    number_of(listener, "connections_open"),
		    number_of(listener, "connections_accepted"),
		    number_of(listener, "connections_refused"));
	else
		line_add(&line, "%" PRIu64 " answered, %" PRIu64 " dropped,",
		    number_of(listener, "datagrams_sent"),
		    number_of(listener, "datagrams_dropped"));
	line_add(&line, "%sB echoed", bytes_of(listener, "sent_bytes", bytes));
	line_end(&line);
}

static void
print(const json_t *status, FILE *out)
{
	const json_t *listeners = json_object_get(status, "listeners");

	print_state(status, out);
	print_problems(status, out);
	print_totals(status, out);
	print_rates(status, out);
	print_workers(status, out);
	for (size_t i = 0; i < json_array_size(listeners); i++)
		print_listener(json_array_get(listeners, i), out);
}

bool
status_text_print(const char *json, size_t length, bool *serves, FILE *out)
{
	json_t *status = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
	const char *state = json_string_value(json_object_get(status, "state"));

	if (state != NULL) {
		*serves = strcmp(state, "serving") == 0;
		if (out != NULL)
			print(status, out);
	}
	json_decref(status);
	return state != NULL;
}
