/*
 * Bytes from a peer, made fit for a log line: nothing that they hold can end
 * the line, forge another or reach a terminal.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

/* How many bytes of a payload a log line shows. */
#define ESCAPE_SHOWN 64

/* Quotes, four characters for each byte shown, "... (N bytes)" and the NUL. */
#define ESCAPE_TEXT_SIZE (ESCAPE_SHOWN * 4 + 48)

/*
 * Writes `size` bytes at `data` to `text` as a quoted C string and returns it:
 * "This is the message. ", "a\n\x00\"\\".  Of more than ESCAPE_SHOWN bytes it
 * shows the first ones and says how many there were: "aaaa"... (4096 bytes).
 */
const char *escape_payload(const void *data, size_t size, char text[ESCAPE_TEXT_SIZE]);

/* The same of all bytes and without the quotes; `text` has room for 4 * size + 1 characters. */
const char *escape_bytes(const void *data, size_t size, char *text);

/* The same as one word: spaces are escaped, too. */
const char *escape_word(const void *data, size_t size, char *text);

#endif
