/*
 * A line that has a width: measured in columns of a terminal, not in bytes, and made of pieces, of
 * which those that do not fit are left out.
 */
#ifndef CLIENT_BENCH_SHOW_LINE_H
#define CLIENT_BENCH_SHOW_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* A wider terminal has room beside it. */
#define LINE_COLUMNS_MAX 240
#define LINE_SIZE (LINE_COLUMNS_MAX * 4 + 64)

struct line {
	unsigned columns; /* that it may have */
	unsigned width;   /* that it has */
	bool utf8;        /* that it may have other characters than ASCII */
	bool colours;
	bool is_full;     /* a piece did not fit: none behind it is of use */
	size_t length;
	char text[LINE_SIZE];
};

/* Begins an empty line. */
void line_begin(struct line *line, unsigned columns, bool utf8, bool colours);

/* How many columns the rest has. */
unsigned line_left(const struct line *line);

/*
 * Adds a piece, two blanks before it where it is not the first.  The first is cut to what there is
 * room for; any other that does not fit is left out, and all that follow.  What the terminal would
 * not print is escaped.
 */
void line_add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, red. */
void line_add_red(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds one character of one column, `count` times or as often as there is room. */
void line_fill(struct line *line, const char *character, unsigned count);

/*
 * How many bytes the first character of `text` has, which is not empty, and in *width how many
 * columns; 0: it is none that a terminal prints.
 */
size_t line_character(const char *text, unsigned *width);

/* Room for what line_printable() writes; more is cut. */
#define LINE_PRINTABLE_SIZE 1200

/*
 * Writes `text` with what a terminal would not print, or without `utf8` whatever is not ASCII,
 * escaped, and returns it.
 */
const char *line_printable(const char *text, bool utf8, char to[LINE_PRINTABLE_SIZE]);

/* How many columns `text` has on a terminal, its colours none. */
unsigned line_width_of(const char *text);

#endif
