/* Bytes from a peer, made fit for a log line: see escape.h. */
#include "base/escape.h"

#include <stdio.h>
#include <string.h>

/* Writes one byte as C would in a string; returns how many characters that took, at most 4. */
static size_t
escape_byte(unsigned char byte, unsigned char first, char *out)
{
	static const char named[][2] = {
		{ '\n', 'n' }, { '\r', 'r' }, { '\t', 't' }, { '"', '"' }, { '\\', '\\' },
	};
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (byte == (unsigned char)named[i][0]) {
			out[0] = '\\';
			out[1] = named[i][1];
			return 2;
		}
	if (byte >= first && byte < 0x7f) {
		out[0] = (char)byte;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
	return 4;
}

/* Printable bytes from `first` on stay as they are. */
static const char *
escape(const void *data, size_t size, unsigned char first, char *text)
{
	const unsigned char *bytes = data;
	char *out = text;

	for (size_t i = 0; i < size; i++)
		out += escape_byte(bytes[i], first, out);
	*out = '\0';
	return text;
}

const char *
escape_bytes(const void *data, size_t size, char *text)
{
	return escape(data, size, ' ', text);
}

const char *
escape_word(const void *data, size_t size, char *text)
{
	return escape(data, size, ' ' + 1, text);
}

const char *
escape_payload(const void *data, size_t size, char text[ESCAPE_TEXT_SIZE])
{
	const size_t shown = size < ESCAPE_SHOWN ? size : ESCAPE_SHOWN;
	char *out = text;

	*out++ = '"';
	escape_bytes(data, shown, out);
	out += strlen(out);
	*out++ = '"';
	*out = '\0';
	if (shown < size)
		snprintf(out, (size_t)(text + ESCAPE_TEXT_SIZE - out), "... (%zu bytes)", size);
	return text;
}
