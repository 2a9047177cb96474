/* A line that has a width: see line.h. */
#include "client/bench/show/line.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/escape.h"

#define RED "\033[31m"
#define PLAIN "\033[m"

void
line_begin(struct line *line, unsigned columns, bool utf8, bool colours)
{
	*line = (struct line){ .columns = columns < LINE_COLUMNS_MAX ? columns : LINE_COLUMNS_MAX,
	    .utf8 = utf8, .colours = colours };
}

unsigned
line_left(const struct line *line)
{
	return line->columns - line->width;
}

/* --- characters ------------------------------------------------------------------------ */

/* Whatever the user's locale is: what is UTF-8 here is so by its own. */
static locale_t
utf8_locale(void)
{
	static locale_t locale;

	if (locale == NULL)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	return locale;
}

size_t
line_character(const char *text, unsigned *width)
{
	const locale_t ours = utf8_locale();
	mbstate_t state = { 0 };
	wchar_t character;
	locale_t theirs;
	size_t size;
	int columns;

	*width = 1;
	if ((unsigned char)*text < 0x80)
		return (unsigned char)*text >= ' ' && *text != 0x7f;
	if (ours == NULL)
		return 0;
	theirs = uselocale(ours);
	size = mbrtowc(&character, text, strlen(text), &state);
	columns = size < (size_t)-2 ? wcwidth(character) : -1;
	uselocale(theirs);
	if (columns < 0)
		return 0;
	*width = (unsigned)columns;
	return size;
}

unsigned
line_width_of(const char *text)
{
	unsigned sum = 0, width;
	size_t size;

	while (*text != '\0') {
		if (*text == '\033') {
			text += strcspn(text, "m");
			text += *text != '\0';
			continue;
		}
		size = line_character(text, &width);
		sum += width;
		text += size > 0 ? size : 1;
	}
	return sum;
}

const char *
line_printable(const char *text, bool utf8, char to[LINE_PRINTABLE_SIZE])
{
	char *at = to, *const end = to + LINE_PRINTABLE_SIZE - 5;
	unsigned width;

	while (*text != '\0' && at < end) {
		const size_t size = line_character(text, &width);

		if (size > 0 && (size == 1 || utf8)) {
			memcpy(at, text, size);
			at += size;
			text += size;
		} else {
			escape_bytes(text++, 1, at);
			at += strlen(at);
		}
	}
	*at = '\0';
	return to;
}

/* Cuts `text` to so many columns. */
static void
cut(char *text, unsigned columns)
{
	unsigned sum = 0, width;
	size_t size;

	for (; *text != '\0'; text += size > 0 ? size : 1) {
		size = line_character(text, &width);
		sum += width;
		if (sum > columns)
			*text = '\0';
	}
}

/* --- pieces ---------------------------------------------------------------------------- */

static void
append(struct line *line, const char *text)
{
	const size_t length = strlen(text);

	if (line->length + length >= LINE_SIZE)
		return;
	memcpy(line->text + line->length, text, length + 1);
	line->length += length;
}

static void __attribute__((format(printf, 3, 0)))
add(struct line *line, const char *colour, const char *format, va_list args)
{
	const char *blanks = line->width > 0 ? "  " : "";
	char raw[LINE_PRINTABLE_SIZE / 4], piece[LINE_PRINTABLE_SIZE];
	unsigned width;

	vsnprintf(raw, sizeof(raw), format, args);
	line_printable(raw, line->utf8, piece);
	if (line->width == 0)
		cut(piece, line->columns);
	width = line_width_of(piece) + (unsigned)strlen(blanks);
	line->is_full |= width > line_left(line);
	if (line->is_full || *piece == '\0')
		return;
	append(line, blanks);
	append(line, line->colours ? colour : "");
	append(line, piece);
	append(line, line->colours && *colour != '\0' ? PLAIN : "");
	line->width += width;
}

void
line_add(struct line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(line, "", format, args);
	va_end(args);
}

void
line_add_red(struct line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(line, RED, format, args);
	va_end(args);
}

void
line_fill(struct line *line, const char *character, unsigned count)
{
	for (; count > 0 && line_left(line) > 0; count--) {
		append(line, character);
		line->width++;
	}
}
