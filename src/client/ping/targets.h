/*
 * Several targets, as the command line and a file have them.  In a file that is one a line, with
 * blank lines and what follows a "#" left out.
 */
#ifndef CLIENT_PING_TARGETS_H
#define CLIENT_PING_TARGETS_H

#include <stddef.h>

#define TARGETS_MOST 10000

struct target {
	const char *host; /* or a URI */
	const char *port; /* NULL: there is none beside it */
	size_t line;      /* of the file; 0: of the command line */
};

/* All 0 to begin with. */
struct targets {
	size_t count, room;
	struct target *rows;
	char *text; /* of the file */
};

/* Adds one; the strings must live as long.  Returns NULL, or what is wrong. */
const char *targets_add(struct targets *targets, struct target target);

/*
 * Adds those in the `size` bytes of `text`, which ends with a NUL, must live as long, and is cut to
 * strings.  Returns NULL, or what is wrong in *line.
 */
const char *targets_parse(struct targets *targets, char *text, size_t size, size_t *line);

/* Adds those of a file, or with "-" of stdin.  What is wrong with it ends the program. */
void targets_read(struct targets *targets, const char *path);

void targets_free(struct targets *targets);

#endif
