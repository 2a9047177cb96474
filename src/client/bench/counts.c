/* What bench counts: see counts.h. */
#include "client/bench/counts.h"

static const char *const counts[] = {
#define X(name, word) [BENCH_##name] = (word),
	BENCH_COUNTS_LIST(X)
#undef X
};

static const struct {
	const char *word, *text;
} errors[] = {
#define X(name, word, text) [BENCH_ERROR_##name] = { word, text },
	BENCH_ERRORS_LIST(X)
#undef X
};

const char *
bench_count_word(enum bench_count count)
{
	return counts[count];
}

const char *
bench_error_word(enum bench_error error)
{
	return errors[error].word;
}

const char *
bench_error_text(enum bench_error error)
{
	return errors[error].text;
}
