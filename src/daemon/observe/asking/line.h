/*
 * Lines of words for a terminal: none is longer than 80 columns where its words are not, and
 * nothing that somebody else chose reaches the terminal as it is.
 */
#ifndef DAEMON_OBSERVE_ASKING_LINE_H
#define DAEMON_OBSERVE_ASKING_LINE_H

#include <stdio.h>

#define LINE_COLUMNS 80

/* Where what belongs to the first word begins. */
#define LINE_INDENT 13

/* The most of a string that is shown, in bytes, and room for it. */
#define LINE_SHOWN 1023
#define LINE_TEXT_SIZE (LINE_SHOWN + 1)

/* Under way. */
struct line {
	FILE *out;
	int used;
};

void line_begin(struct line *line, FILE *out, const char *head);
void line_end(struct line *line);

/* Adds words, broken at spaces; what has none is not broken. */
void line_add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes `from` to `text` as ASCII that can be printed, and returns it. */
const char *line_shown(const char *from, char text[LINE_TEXT_SIZE]);

#endif
