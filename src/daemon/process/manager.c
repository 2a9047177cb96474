/* What the service manager gives: see manager.h. */
#include "daemon/process/manager.h"

#include <stddef.h>

#ifdef HAVE_LIBSYSTEMD

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

const char manager_feature[] = "+systemd";

/* In $LISTEN_FDNAMES, where names have ":" between them. */
bool
manager_has_parcel(void)
{
	const char *names = getenv("LISTEN_FDNAMES");
	const size_t length = strlen(MANAGER_PARCEL);

	while (names != NULL && (strncmp(names, MANAGER_PARCEL, length) != 0 ||
	    (names[length] != ':' && names[length] != '\0'))) {
		names = strchr(names, ':');
		if (names != NULL)
			names++;
	}
	return names != NULL;
}

int
manager_take_sockets(int *first, char ***names)
{
	const int count = sd_listen_fds_with_names(1, names);

	*first = SD_LISTEN_FDS_START;
	if (count >= 0)
		return count;
	errno = -count;
	return -1;
}

int64_t
manager_watchdog(void)
{
	uint64_t microseconds;

	if (sd_watchdog_enabled(0, &microseconds) <= 0)
		return 0;
	return (int64_t)(microseconds / 1000) + (microseconds % 1000 != 0);
}

#else

const char manager_feature[] = "-systemd";

bool
manager_has_parcel(void)
{
	return false;
}

int
manager_take_sockets(int *first, char ***names)
{
	*first = -1;
	*names = NULL;
	return 0;
}

int64_t
manager_watchdog(void)
{
	return 0;
}

#endif
