/*
 * A kernel whose module for IPv6 is loaded later, for LD_PRELOAD: there is none for as long as
 * the file exists that LATE_IPV6 names.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
socket(int domain, int type, int protocol)
{
	static __typeof__(&socket) next;
	const char *path = getenv("LATE_IPV6");
	void *found;

	if (domain == AF_INET6 && path != NULL && access(path, F_OK) == 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (next == NULL) { /* ISO C has no conversion of dlsym()'s result to a function */
		found = dlsym(RTLD_NEXT, "socket");
		memcpy(&next, &found, sizeof(next));
	}
	return next(domain, type, protocol);
}
