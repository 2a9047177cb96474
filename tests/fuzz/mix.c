/*
 * A value of -s of bench.  What is taken are sizes that may be, each message of which has one of
 * them; what is not is told in words.
 */
#include "client/bench/load/mix.h"
#include "fuzz.h"

static void
check_pick(const struct mix *mix, uint64_t number)
{
	const size_t size = mix_pick(mix, number / 3, number);
	size_t i = 0;

	while (i < mix->count && mix->rows[i].bytes != size)
		i++;
	fuzz_assert(i < mix->count);
	fuzz_assert(size <= mix_longest(mix));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct mix mix;
	const char *fault = mix_parse(&mix, text);

	if (fault != NULL) {
		fuzz_assert(*fault != '\0');
	} else {
		fuzz_assert(mix.count >= 1 && mix.count <= MIX_MOST);
		fuzz_assert(mix_longest(&mix) <= MIX_SIZE_MOST);
		for (size_t i = 0; i < mix.count; i++)
			fuzz_assert(mix.rows[i].bytes >= 1);
		fuzz_assert(mix.weights >= mix.count);
		for (uint64_t number = 0; number < 32; number++)
			check_pick(&mix, number);
	}
	free(text);
	return 0;
}
