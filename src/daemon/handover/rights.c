/* Descriptors that go with a message: see rights.h. */
#include "daemon/handover/rights.h"

#include <string.h>

void
rights_put(struct msghdr *header, const int *fds, size_t count)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);

	if (count == 0) {
		header->msg_control = NULL;
		header->msg_controllen = 0;
		return;
	}
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(control), fds, count * sizeof(int));
	header->msg_controllen = RIGHTS_SIZE(count);
}

size_t
rights_take(const struct msghdr *header, int *fds)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);
	size_t count;

	if (control == NULL || control->cmsg_level != SOL_SOCKET ||
	    control->cmsg_type != SCM_RIGHTS)
		return 0;
	count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(control), count * sizeof(int));
	return count;
}
