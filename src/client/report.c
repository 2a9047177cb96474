/* What goes to the user: see report.h. */
#include "client/report.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "client/standard.h"

/* Significant digits: nanoseconds below 1,000 s, from which bench --merge gets the same rates. */
#define PRECISION 12

static struct report object; /* without a stream: text */
static unsigned standing;    /* rows of report_block(); 0: nothing stands */

/*
 * Row by row, from below: some terminals keep what is erased as a whole as if it had scrolled away.
 */
void
report_block(const char *lines, unsigned rows)
{
	fputs("\r\033[K", stderr);
	for (unsigned above = rows > 0 ? rows : standing; above > 1; above--)
		fputs("\033[A\033[K", stderr);
	fputs(lines, stderr);
	fflush(stderr);
	standing = *lines != '\0';
	for (; *lines != '\0'; lines++)
		standing += *lines == '\n';
}

void
report_line(const char *line)
{
	report_block(line, 0);
}

void
report_text(const char *text, FILE *stream)
{
	char escaped[8];

	for (; *text != '\0'; text++)
		if (iscntrl((unsigned char)*text))
			fputs(escape_bytes(text, 1, escaped), stream);
		else
			fputc(*text, stream);
	fputc('\n', stream);
}

static void
print_fault(const char *text)
{
	if (standing > 0)
		report_line("");
	fputs("echod-client: ", stderr);
	report_text(text, stderr);
}

void
report_fault(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	print_fault(vasprintf(&text, format, args) == -1 ? strerror(ENOMEM) : text);
	va_end(args);
	free(text);
}

/* --- the end ------------------------------------------------------------------------- */

void
report_as_object(struct report report)
{
	object = report;
}

bool
report_is_object(void)
{
	return object.stream != NULL;
}

json_t *
report_bytes(const char *data, size_t size)
{
	json_t *string = json_stringn(data, size);
	char *text;

	if (string != NULL || (text = malloc(size * 4 + 1)) == NULL)
		return string;
	string = json_string(escape_bytes(data, size, text));
	free(text);
	return string;
}

/* Returns NULL without memory. */
static json_t *
make_object(enum ending ending, const char *reason, int status)
{
	json_t *made = json_pack("{ss so}", "mode", object.mode,
	    "uri", object.uri != NULL ? report_bytes(object.uri, strlen(object.uri)) : json_null());
	json_t *fields = object.fields(object.arg);
	json_t *end = json_pack("{ss so si}", "ending", ending_word(ending), "reason",
	    *reason != '\0' ? report_bytes(reason, strlen(reason)) : json_null(),
	    "status", status);

	if (json_object_update(made, fields) == -1 || json_object_update(made, end) == -1) {
		json_decref(made);
		made = NULL;
	}
	json_decref(fields);
	json_decref(end);
	return made;
}

int
report_object(enum ending ending, const char *reason, int status)
{
	json_t *made = make_object(ending, reason, status);

	if (made == NULL) {
		report_fault("cannot print the JSON object: %s", strerror(ENOMEM));
		return EXIT_WRONG;
	}
	if (json_dumpf(made, object.stream, JSON_REAL_PRECISION(PRECISION)) == -1 ||
	    fputc('\n', object.stream) == EOF || fflush(object.stream) == EOF)
		status = EXIT_WRONG;
	json_decref(made);
	return status;
}

/* Returns the status to exit with. */
static int __attribute__((format(printf, 2, 0)))
give_up(enum ending ending, const char *format, va_list args)
{
	char *text = NULL;
	const char *reason;
	int status = ending_status(ending, false) == EXIT_WRONG ? EXIT_WRONG : EXIT_USAGE;

	reason = vasprintf(&text, format, args) == -1 ? strerror(ENOMEM) : text;
	if (report_is_object())
		status = report_object(ending, reason, status);
	else
		print_fault(reason);
	free(text);
	return report_flush(status);
}

void
report_unusable(const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = give_up(ENDING_ERROR, format, args);
	va_end(args);
	exit(status);
}

void
report_unreached(enum ending ending, const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = give_up(ending, format, args);
	va_end(args);
	exit(status);
}

/* --- stdout -------------------------------------------------------------------------- */

int
report_flush(int status)
{
	fflush(stdout);
	if (standard_error() == 0)
		return status;
	report_fault("cannot write: %s", strerror(standard_error()));
	return EXIT_WRONG;
}
