/*
 * A configuration file, byte by byte.  It has faults, each of them one line, or it is loaded;
 * and what is loaded is dumped as a file that is loaded and dumped as the same.
 */
#include "dumps.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_source source = { .path = file_of(data, size) };
	struct config *config = load(&source);

	if (config != NULL)
		check_dump(config);
	return 0;
}
