/* What echod --status prints: see status_text.h. */
#include "daemon/observe/status_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "daemon/observe/status_line.h"

#define COLUMNS 80

/* Where what belongs to a word begins. */
#define INDENT 13

/* The most of a string that is shown, in bytes, and room for it. */
#define SHOWN 1023
#define TEXT_SIZE (SHOWN + 1)

/* What is printed at once. */
#define PIECE_SIZE (TEXT_SIZE + 64)

/* --- lines ------------------------------------------------------------------------------- */

/* Words, broken at spaces; what has none is longer. */
struct line {
	FILE *out;
	int used, indent;
};

static void
begin(struct line *line, FILE *out, const char *head)
{
	*line = (struct line){ out, fprintf(out, "%-*.*s", INDENT, INDENT - 1, head), INDENT };
}

static void
end(struct line *line)
{
	fputc('\n', line->out);
}

static void
add_word(struct line *line, const char *word, int length)
{
	if (line->used > line->indent && line->used + 1 + length > COLUMNS) {
		fprintf(line->out, "\n%*s", line->indent, "");
		line->used = line->indent;
	} else if (line->used > line->indent) {
		fputc(' ', line->out);
		line->used++;
	}
	line->used += fprintf(line->out, "%.*s", length, word);
}

static void __attribute__((format(printf, 2, 3)))
add(struct line *line, const char *format, ...)
{
	char piece[PIECE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	for (const char *word = piece; *word != '\0';) {
		const size_t length = strcspn(word, " ");

		if (length > 0)
			add_word(line, word, (int)length);
		word += length + strspn(word + length, " ");
	}
}

/* --- what the object has --------------------------------------------------------------------- */

/* As ASCII: whoever answers may not write to the terminal. */
static const char *
make_shown(const char *from, char text[TEXT_SIZE])
{
	size_t i;

	for (i = 0; i < SHOWN && from[i] != '\0'; i++) {
		text[i] = from[i];
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
	text[i] = '\0';
	return text;
}

/* A string, in `text`: "?" where there is none. */
static const char *
text_of(const json_t *string, char text[TEXT_SIZE])
{
	return make_shown(json_is_string(string) ? json_string_value(string) : "?", text);
}

static const char *
string_of(const json_t *object, const char *name, char text[TEXT_SIZE])
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
	char text[TEXT_SIZE];
	struct line line;

	begin(&line, out, string_of(status, "state", text));
	if (json_is_integer(json_object_get(status, "drain_seconds_left")))
		add(&line, "for at most %" PRIu64 " s,", number_of(status, "drain_seconds_left"));
	add(&line, "echod %s", string_of(status, "version", text));
	add(&line, "at %s,", string_of(status, "host", text));
	add(&line, "pid %" PRIu64 ", since", number_of(status, "pid"));
	add(&line, "%s", string_of(status, "started", text));
	end(&line);
}

static void
print_problems(const json_t *status, FILE *out)
{
	const json_t *problems = json_object_get(status, "problems");
	char text[TEXT_SIZE];
	struct line line;

	for (size_t i = 0; i < json_array_size(problems); i++) {
		begin(&line, out, "problem");
		add(&line, "%s", text_of(json_array_get(problems, i), text));
		end(&line);
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
	char text[TEXT_SIZE];

	add(line, "%" PRIu64 " %s", sum, word);
	for (void *at = json_object_iter(reasons); at != NULL;
	    at = json_object_iter_next(reasons, at)) {
		add(line, "%s%" PRIu64 " %s%s", before,
		    (uint64_t)json_integer_value(json_object_iter_value(at)),
		    make_shown(json_object_iter_key(at), text), --left > 0 ? "," : ")");
		before = "";
	}
}

static void
print_totals(const json_t *status, FILE *out)
{
	const json_t *totals = json_object_get(status, "totals");
	char bytes[STATUS_LINE_COUNT_SIZE];
	struct line line;

	begin(&line, out, "connections");
	add(&line, "%" PRIu64 " of %" PRIu64 " open, %" PRIu64 " accepted,",
	    number_of(totals, "connections_open"), number_of(status, "connections_limit"),
	    number_of(totals, "connections_accepted"));
	add_reasons(&line, totals, "connections_refused", "refused");
	end(&line);
	begin(&line, out, "datagrams");
	add(&line, "%" PRIu64 " answered,", number_of(totals, "datagrams_sent"));
	add_reasons(&line, totals, "datagrams_dropped", "dropped");
	end(&line);
	begin(&line, out, "echoed");
	add(&line, "%sB", bytes_of(totals, "sent_bytes", bytes));
	end(&line);
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

	begin(&line, out, "a second");
	if (!json_is_number(json_object_get(rates, "accepted")))
		add(&line, "not known yet");
	else
		add(&line, "%.1f accepted, %.1f refused, %.1f answered, %.1f dropped, %sB echoed",
		    rate_of(rates, "accepted"), rate_of(rates, "refused"),
		    rate_of(rates, "answered"), rate_of(rates, "dropped"),
		    status_line_count(bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0, text));
	end(&line);
}

static void
print_workers(const json_t *status, FILE *out)
{
	const json_t *workers = json_object_get(status, "workers");
	char method[TEXT_SIZE];
	struct line line;

	begin(&line, out, "workers");
	add(&line, "%zu (%s), with", json_array_size(workers),
	    string_of(status, "event_method", method));
	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *worker = json_array_get(workers, i);

		add(&line, "%" PRIu64 "%s%s", number_of(worker, "connections_open"),
		    json_is_true(json_object_get(worker, "hangs")) ? " (hangs)" : "",
		    i + 1 < json_array_size(workers) ? "," : "");
	}
	add(&line, "connections open");
	end(&line);
}

static void
print_listener(const json_t *listener, FILE *out)
{
	char name[TEXT_SIZE], text[TEXT_SIZE], bytes[STATUS_LINE_COUNT_SIZE];
	const bool is_stream = json_object_get(listener, "connections_open") != NULL;
	const json_t *uris = json_object_get(listener, "uris");
	struct line line;

	begin(&line, out, "listener");
	add(&line, "%s", string_of(listener, "name", name));
	for (size_t i = 0; i < json_array_size(uris); i++)
		add(&line, "%s", text_of(json_array_get(uris, i), text));
	if (json_is_false(json_object_get(listener, "accepting")))
		add(&line, "ACCEPTS NOBODY");
	end(&line);
	begin(&line, out, "");
	if (is_stream)
		add(&line, "%" PRIu64 " open, %" PRIu64 " accepted, %" PRIu64 " refused,",
		    number_of(listener, "connections_open"),
		    number_of(listener, "connections_accepted"),
		    number_of(listener, "connections_refused"));
	else
		add(&line, "%" PRIu64 " answered, %" PRIu64 " dropped,",
		    number_of(listener, "datagrams_sent"),
		    number_of(listener, "datagrams_dropped"));
	add(&line, "%sB echoed", bytes_of(listener, "sent_bytes", bytes));
	end(&line);
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
