/*
 * What a greeting must be like, and what a server says instead: a pattern up to the first NUL, and
 * what comes.  It fits where another way to look, which tries all there are, says that it does for
 * the first time, and it differs where that finds no way on.
 */
#include "client/transport/pattern.h"
#include "fuzz.h"

#define MOST 12 /* pieces and bytes, for the other way: it takes long */

enum { ANY_ONE = 256, ANY_BYTES };

/* True where `pieces` from `at` on fit all of the bytes. */
static bool
fits(const struct pattern *pattern, size_t at, const uint8_t *bytes, size_t size)
{
	if (at == pattern->size)
		return size == 0;
	if (pattern->pieces[at] == ANY_BYTES)
		return fits(pattern, at + 1, bytes, size) ||
		    (size > 0 && fits(pattern, at, bytes + 1, size - 1));
	return size > 0 && (pattern->pieces[at] == ANY_ONE || pattern->pieces[at] == *bytes) &&
	    fits(pattern, at + 1, bytes + 1, size - 1);
}

/* True where they fit these bytes and some that may follow. */
static bool
may_fit(const struct pattern *pattern, size_t at, const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return true;
	if (at == pattern->size)
		return false;
	if (pattern->pieces[at] == ANY_BYTES)
		return true;
	return (pattern->pieces[at] == ANY_ONE || pattern->pieces[at] == *bytes) &&
	    may_fit(pattern, at + 1, bytes + 1, size - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pattern pattern;
	static struct pattern_match match;
	char *text = copy_text(data, size);
	const size_t used = strlen(text) < size ? strlen(text) + 1 : size;
	const char *fault = pattern_parse(&pattern, text);
	enum pattern_verdict verdict = PATTERN_PARTIAL;

	fuzz_assert(fault == NULL || *fault != '\0');
	free(text);
	if (fault != NULL)
		return 0;
	pattern_begin(&match, &pattern);
	for (size_t i = used; i < size && verdict == PATTERN_PARTIAL; i++) {
		const size_t came = i + 1 - used;
		enum pattern_verdict expected = PATTERN_PARTIAL;

		verdict = pattern_take(&match, data[i]);
		if (pattern.size > MOST || came > MOST)
			continue;
		if (fits(&pattern, 0, data + used, came))
			expected = PATTERN_FITS;
		else if (!may_fit(&pattern, 0, data + used, came))
			expected = PATTERN_DIFFERS;
		fuzz_assert(verdict == expected);
	}
	return 0;
}
