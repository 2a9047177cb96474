/* Several targets: see targets.h. */
#include "client/ping/targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/report.h"

/* The most that a file may be: bytes. */
#define FILE_MOST (4 * 1024 * 1024)

static const char blanks[] = " \t\r\v\f";

const char *
targets_add(struct targets *targets, struct target target)
{
	if (targets->count == TARGETS_MOST)
		return "there are more than 10000 targets";
	if (targets->count == targets->room) {
		const size_t room = targets->room == 0 ? 16 : targets->room * 2;
		struct target *rows = reallocarray(targets->rows, room, sizeof(*rows));

		if (rows == NULL)
			return strerror(ENOMEM);
		targets->rows = rows;
		targets->room = room;
	}
	targets->rows[targets->count++] = target;
	return NULL;
}

/* Cuts the next word off *line, which is then behind it; NULL: there is none, or a comment. */
static char *
cut_word(char **line)
{
	char *word = *line + strspn(*line, blanks);
	char *end = word + strcspn(word, blanks);

	if (*word == '\0' || *word == '#')
		return NULL;
	*line = *end == '\0' ? end : end + 1;
	*end = '\0';
	return word;
}

static const char *
parse_line(struct targets *targets, char *line, size_t number)
{
	const char *host = cut_word(&line), *port = NULL;

	if (host == NULL)
		return NULL;
	port = cut_word(&line);
	if (port != NULL && port[strspn(port, "0123456789")] != '\0')
		return "write one target a line: URI, HOST, HOST:PORT or HOST PORT";
	if (port != NULL && cut_word(&line) != NULL)
		return "something follows the port";
	return targets_add(targets, (struct target){ host, port, number });
}

const char *
targets_parse(struct targets *targets, char *text, size_t size, size_t *line)
{
	char *const end = text + size;

	for (*line = 1; text < end; ++*line) {
		char *next = memchr(text, '\n', (size_t)(end - text));
		const char *fault;

		if (next == NULL)
			next = end;
		if (memchr(text, '\0', (size_t)(next - text)) != NULL)
			return "there is a NUL: this is no text";
		*next = '\0';
		fault = parse_line(targets, text, *line);
		if (fault != NULL)
			return fault;
		text = next + 1;
	}
	return NULL;
}

/* Returns what is read of it, for free(), with a NUL behind; NULL with errno. */
static char *
read_all(FILE *file, size_t *size)
{
	char *text = malloc(FILE_MOST + 1);

	if (text == NULL)
		return NULL;
	*size = fread(text, 1, FILE_MOST, file);
	if (ferror(file) || (!feof(file) && fgetc(file) != EOF)) {
		const int error = ferror(file) ? errno : EFBIG;

		free(text);
		errno = error;
		return NULL;
	}
	text[*size] = '\0';
	return text;
}

void
targets_read(struct targets *targets, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	const size_t before = targets->count;
	const char *fault;
	size_t size, line;

	if (file == NULL)
		report_unusable("-f %s: %s", path, strerror(errno));
	if (targets->text != NULL)
		report_unusable("-f %s: there is another -f: give one", path);
	targets->text = read_all(file, &size);
	if (targets->text == NULL)
		report_unusable("-f %s: %s", path, strerror(errno));
	if (file != stdin)
		fclose(file);
	fault = targets_parse(targets, targets->text, size, &line);
	if (fault != NULL)
		report_unusable("%s:%zu: %s", path, line, fault);
	if (targets->count == before)
		report_unusable("-f %s: there is no target in it", path);
}

void
targets_free(struct targets *targets)
{
	free(targets->rows);
	free(targets->text);
	*targets = (struct targets){ 0 };
}
