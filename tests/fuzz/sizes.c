/*
 * A value of ping's -s.  What is taken has as many sizes as it says, each of which a message may have,
 * and each message has one of them; what is not is told in words.
 */
#include "client/measure/message.h"
#include "client/measure/sizes.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct sizes sizes;
	const char *fault = sizes_parse(&sizes, text);

	fuzz_assert(fault == NULL || *fault != '\0');
	for (uint64_t seq = 1; fault == NULL && seq <= sizes.count + 1; seq++) {
		const size_t one = sizes_of(&sizes, seq);

		fuzz_assert(one >= MESSAGE_LEAST && one <= MESSAGE_MOST);
		fuzz_assert(one >= sizes_least(&sizes) && one <= sizes_most(&sizes));
	}
	if (fault == NULL) {
		fuzz_assert(sizes.count > 0 && sizes.count <= SIZES_MOST);
		fuzz_assert(sizes_of(&sizes, 1) == strtoul(text, NULL, 10));
		fuzz_assert(sizes_of(&sizes, sizes.count + 1) == sizes_of(&sizes, 1));
	}
	free(text);
	return 0;
}
