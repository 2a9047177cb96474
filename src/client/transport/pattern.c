/* What a greeting must be like: see pattern.h. */
#include "client/transport/pattern.h"

#include <string.h>

enum {
	ANY_ONE = 256,
	ANY_BYTES,
};

/* --- reading one --------------------------------------------------------------------- */

/* Returns the value of two hexadecimal digits, -1 where they are none. */
static int
hexadecimal(const char *text)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	int value = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *digit = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

		if (digit == NULL)
			return -1;
		value = 16 * value + (int)(digit - digits) % 16;
	}
	return value;
}

/* What follows a backslash at *text, which goes on behind it; -1 where that is nothing known. */
static int
escaped(const char **text)
{
	static const char names[] = "nrt\\*?", bytes[] = "\n\r\t\\*?";
	const char letter = *(*text)++;
	const char *name = letter != '\0' ? strchr(names, letter) : NULL;
	int value;

	if (name != NULL)
		return bytes[name - names];
	if (letter != 'x' || (value = hexadecimal(*text)) == -1)
		return -1;
	*text += 2;
	return value;
}

/* The piece at *text, which goes on behind it; -1 where it is none. */
static int
next_piece(const char **text)
{
	const char first = *(*text)++;

	switch (first) {
	case '*':
		return ANY_BYTES;
	case '?':
		return ANY_ONE;
	case '\\':
		return escaped(text);
	default:
		return (unsigned char)first;
	}
}

const char *
pattern_parse(struct pattern *pattern, const char *text)
{
	pattern->size = 0;
	while (*text != '\0') {
		const int piece = next_piece(&text);

		if (piece == -1)
			return "after \\ give n, r, t, xHH, \\, * or ?";
		if (pattern->size == PATTERN_MOST)
			return "give at most 1024 bytes";
		pattern->pieces[pattern->size++] = (int16_t)piece;
	}
	if (pattern->size == 0)
		return "give what the server says first";
	if (pattern->pieces[pattern->size - 1] == ANY_BYTES)
		return "after the last * give what ends the greeting, as \\n";
	return NULL;
}

/* --- fitting -------------------------------------------------------------------------- */

/* What may stand before any bytes may stand behind them as well: they may be none. */
static void
pass_any_bytes(struct pattern_match *match)
{
	for (size_t i = 0; i < match->pattern->size; i++)
		if (match->at[i] && match->pattern->pieces[i] == ANY_BYTES)
			match->at[i + 1] = true;
}

void
pattern_begin(struct pattern_match *match, const struct pattern *pattern)
{
	memset(match, 0, sizeof(*match));
	match->pattern = pattern;
	match->at[0] = true;
	pass_any_bytes(match);
}

enum pattern_verdict
pattern_take(struct pattern_match *match, unsigned char byte)
{
	const struct pattern *pattern = match->pattern;
	bool may_fit = false;

	/* From the end, so that none goes on twice. */
	for (size_t i = pattern->size; i-- > 0;) {
		const int piece = pattern->pieces[i];

		match->at[i + 1] |= match->at[i] && (piece == byte || piece == ANY_ONE);
		match->at[i] = match->at[i] && piece == ANY_BYTES;
		may_fit |= match->at[i] || match->at[i + 1];
	}
	pass_any_bytes(match);
	if (match->at[pattern->size])
		return PATTERN_FITS;
	return may_fit ? PATTERN_PARTIAL : PATTERN_DIFFERS;
}
