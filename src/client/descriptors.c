/* How many descriptors this process may have: see descriptors.h. */
#include "client/descriptors.h"

#include <sys/resource.h>

size_t
descriptors_prepare(size_t needed)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max < needed ? (size_t)limit.rlim_max : 0;
}
