/* What is wrong with a configuration, collected: see faults.h. */
#include "base/faults.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line of a message that has none: behind all that have one. */
#define NO_LINE INT_MAX

/* Who has more of them has the wrong file; the rest is counted. */
#define FAULTS_MAX 100

struct fault {
	int line;
	char *text;
};

struct faults {
	struct fault entries[FAULTS_MAX]; /* in the order of their lines, then of their coming */
	size_t count;
	size_t more;  /* found no room */
	bool lost;    /* memory ran out */
	bool may_pass;
	bool of_arguments;
	char last[64]; /* says so, after the others */
};

struct faults *
faults_new(void)
{
	return calloc(1, sizeof(struct faults));
}

void
faults_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	for (size_t i = 0; i < faults->count; i++)
		free(faults->entries[i].text);
	free(faults);
}

/* Takes over `text`; NULL stands for a message that found no memory. */
static void
insert(struct faults *faults, int line, char *text)
{
	size_t at = faults->count;

	if (text == NULL) {
		faults->lost = true;
		snprintf(faults->last, sizeof(faults->last), "out of memory");
		return;
	}
	if (faults->count == FAULTS_MAX) {
		free(text);
		faults->more++;
		if (!faults->lost)
			snprintf(faults->last, sizeof(faults->last), "and %zu more", faults->more);
		return;
	}
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	while (at > 0 && faults->entries[at - 1].line > line)
		at--;
	memmove(&faults->entries[at + 1], &faults->entries[at],
	    (faults->count - at) * sizeof(*faults->entries));
	faults->entries[at] = (struct fault){ .line = line, .text = text };
	faults->count++;
}

void
faults_add(struct faults *faults, const char *format, ...)
{
	char *text;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	insert(faults, NO_LINE, text);
}

void
faults_add_at(struct faults *faults, struct place place, const char *format, ...)
{
	char *message, *text;
	va_list arguments;
	int length = -1;

	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	va_end(arguments);
	if (message != NULL && place.line == 0)
		length = asprintf(&text, "%s: %s", place.name, message);
	else if (message != NULL)
		length = asprintf(&text, "%s:%d: %s", place.name, place.line, message);
	free(message);
	faults->of_arguments = faults->of_arguments || place.is_argument;
	insert(faults, place.line == 0 ? NO_LINE : place.line, length < 0 ? NULL : text);
}

void
faults_blame(struct faults *faults, int error)
{
	static const int of_the_moment[] = {
		EAGAIN, EINTR, EIO, EMFILE, ENFILE, ENOBUFS, ENODEV, ENOMEM, ESTALE, ETIMEDOUT,
	};

	for (size_t i = 0; i < sizeof(of_the_moment) / sizeof(of_the_moment[0]); i++)
		if (error == of_the_moment[i])
			faults->may_pass = true;
}

bool
faults_may_pass(const struct faults *faults)
{
	return faults->may_pass || faults->lost;
}

bool
faults_of_arguments(const struct faults *faults)
{
	return faults->of_arguments;
}

bool
faults_are_full(const struct faults *faults)
{
	return faults->count == FAULTS_MAX;
}

size_t
faults_count(const struct faults *faults)
{
	return faults->count + (faults->last[0] != '\0' ? 1 : 0);
}

const char *
faults_get(const struct faults *faults, size_t index)
{
	return index < faults->count ? faults->entries[index].text : faults->last;
}
