/*
 * A value of -s of bench.  What is taken are sizes that may be, each message of which has one of
 * them; what is not is told in words.
 */
#include "client/bench/load/sizes.h"
#include "fuzz.h"

static void
check_pick(const struct sizes *sizes, uint64_t number)
{
	const size_t size = sizes_pick(sizes, number / 3, number);
	size_t i = 0;

	while (i < sizes->count && sizes->rows[i].bytes != size)
		i++;
	fuzz_assert(i < sizes->count);
	fuzz_assert(size >= sizes_shortest(sizes) && size <= sizes_longest(sizes));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct sizes sizes;
	const char *fault = sizes_parse(&sizes, text);

	if (fault != NULL) {
		fuzz_assert(*fault != '\0');
	} else {
		fuzz_assert(sizes.count >= 1 && sizes.count <= SIZES_MAX);
		fuzz_assert(sizes_shortest(&sizes) >= 1 && sizes_longest(&sizes) <= SIZES_MOST);
		fuzz_assert(sizes.weights >= sizes.count);
		for (uint64_t number = 0; number < 32; number++)
			check_pick(&sizes, number);
	}
	free(text);
	return 0;
}
