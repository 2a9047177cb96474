/* What bench counts: see counts.h. */
#include "client/bench/counts.h"

static const struct {
	const char *word, *text;
} counts[] = {
#define X(name, word, text) [BENCH_##name] = { word, text },
	BENCH_COUNTS_LIST(X)
#undef X
}, errors[] = {
#define X(name, word, text) [BENCH_ERROR_##name] = { word, text },
	BENCH_ERRORS_LIST(X)
#undef X
};

const char *
bench_count_word(enum bench_count count)
{
	return counts[count].word;
}

const char *
bench_count_text(enum bench_count count)
{
	return counts[count].text;
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
