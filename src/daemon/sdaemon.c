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

void
sdaemon_stopping(const char *status)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
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
sdaemon_stopping(const char *status)
{
	(void)status;
}

#endif
