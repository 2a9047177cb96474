/* What the service manager is told: see sdaemon.h. */
#include "daemon/sdaemon.h"

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-daemon.h>
#include <time.h>

const char sdaemon_feature[] = "+systemd";

void
sdaemon_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

/* sd_notify(3): RELOADING=1 is good only with the time in the same message. */
void
sdaemon_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

/* sd_notify(3): a drain may be longer than the unit's TimeoutStopSec=. */
void
sdaemon_stopping(const char *status, unsigned seconds)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s\nEXTEND_TIMEOUT_USEC=%llu", status,
	    (unsigned long long)seconds * 1000000);
}

#else

const char sdaemon_feature[] = "-systemd";

void
sdaemon_ready(const char *status)
{
	(void)status;
}

void
sdaemon_reloading(void)
{
}

void
sdaemon_stopping(const char *status, unsigned seconds)
{
	(void)status;
	(void)seconds;
}

#endif
