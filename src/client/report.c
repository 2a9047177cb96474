/* What goes to the user: see report.h. */
#include "client/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Significant digits: of a duration below a second, its nanoseconds. */
#define PRECISION 9

static int stdout_error; /* errno */

static void __attribute__((format(printf, 1, 0)))
print_fault(const char *format, va_list args)
{
	fputs("echod-client: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void
report_fault(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_fault(format, args);
	va_end(args);
}

void
report_unusable(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_fault(format, args);
	va_end(args);
	exit(EXIT_USAGE);
}

int
report_json(json_t *object, FILE *stream, int status)
{
	if (object == NULL || json_dumpf(object, stream, JSON_REAL_PRECISION(PRECISION)) == -1) {
		report_fault("cannot print the JSON object: %s",
		    object == NULL ? strerror(ENOMEM) : strerror(errno));
		status = EXIT_WRONG;
	} else {
		fputc('\n', stream);
	}
	json_decref(object);
	return status;
}

bool
report_stdout_fails(void)
{
	if (stdout_error == 0 && ferror(stdout) != 0)
		stdout_error = errno;
	return stdout_error != 0;
}

int
report_flush(int status)
{
	if (!report_stdout_fails() && fflush(stdout) == 0)
		return status;
	report_fault("cannot write: %s", strerror(stdout_error != 0 ? stdout_error : errno));
	return EXIT_WRONG;
}
