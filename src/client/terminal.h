/*
 * What the terminal can do, if it is one, that something is shown on.
 */
#ifndef CLIENT_TERMINAL_H
#define CLIENT_TERMINAL_H

#include <stdbool.h>

/* Of a terminal that does not know, and of what is none. */
#define TERMINAL_COLUMNS 80

/* True where `fd` is a terminal on which what stands can be erased. */
bool terminal_rewrites(int fd);

/* How wide and how high it is now; of what does not know TERMINAL_COLUMNS and 0. */
unsigned terminal_columns(int fd);
unsigned terminal_rows(int fd);

/* The terminal is another job's for now. */
bool terminal_is_background(int fd);

/* True where it rewrites, and the user has nothing against colours (no-color.org). */
bool terminal_has_colours(int fd);

/* True where the user's locale has UTF-8. */
bool terminal_has_utf8(void);

#endif
