/* Lines of words for a terminal: see line.h. */
#include "daemon/observe/asking/line.h"

#include <stdarg.h>
#include <string.h>

/* What is printed at once. */
#define PIECE_SIZE (LINE_TEXT_SIZE + 64)

void
line_begin(struct line *line, FILE *out, const char *head)
{
	*line = (struct line){ out, fprintf(out, "%-*.*s", LINE_INDENT, LINE_INDENT - 1, head) };
}

void
line_end(struct line *line)
{
	fputc('\n', line->out);
}

static void
add_word(struct line *line, const char *word, int length)
{
	if (line->used > LINE_INDENT && line->used + 1 + length > LINE_COLUMNS) {
		fprintf(line->out, "\n%*s", LINE_INDENT, "");
		line->used = LINE_INDENT;
	} else if (line->used > LINE_INDENT) {
		fputc(' ', line->out);
		line->used++;
	}
	line->used += fprintf(line->out, "%.*s", length, word);
}

void
line_add(struct line *line, const char *format, ...)
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

const char *
line_shown(const char *from, char text[LINE_TEXT_SIZE])
{
	size_t i;

	for (i = 0; i < LINE_SHOWN && from[i] != '\0'; i++) {
		text[i] = from[i];
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
	text[i] = '\0';
	return text;
}
