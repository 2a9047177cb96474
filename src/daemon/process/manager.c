/* What the service manager is told and gives: see manager.h. */
#include "daemon/process/manager.h"

#include <stddef.h>

#ifdef HAVE_LIBSYSTEMD

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

const char manager_feature[] = "+systemd";

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

bool
manager_listens(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

int64_t
manager_watchdog(void)
{
	uint64_t microseconds;

	return sd_watchdog_enabled(0, &microseconds) > 0 ? (int64_t)(microseconds / 1000) : 0;
}

void
manager_feed_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

void
manager_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void
manager_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

/* sd_notify(3): RELOADING=1 is good only with the time in the same message. */
void
manager_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void
manager_stopping(const char *status)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}

/* sd_notify(3): a drain may be longer than the unit's TimeoutStopSec=. */
void
manager_extend_stop(int64_t ms)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)ms * 1000);
}

#else

const char manager_feature[] = "-systemd";

int
manager_take_sockets(int *first, char ***names)
{
	*first = -1;
	*names = NULL;
	return 0;
}

bool
manager_listens(void)
{
	return false;
}

int64_t
manager_watchdog(void)
{
	return 0;
}

void
manager_feed_watchdog(void)
{
}

void
manager_ready(const char *status)
{
	(void)status;
}

void
manager_status(const char *status)
{
	(void)status;
}

void
manager_reloading(void)
{
}

void
manager_stopping(const char *status)
{
	(void)status;
}

void
manager_extend_stop(int64_t ms)
{
	(void)ms;
}

#endif
