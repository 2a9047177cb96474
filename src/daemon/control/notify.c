/* What the service manager is told: see notify.h. */
#include "daemon/control/notify.h"

#include <errno.h>
#include <event2/event.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/handover/rights.h"
#include "daemon/observe/status_line.h"
#include "daemon/process/manager.h"
#include "daemon/threads/loop.h"

/* How soon what was not taken is tried again: ms. */
#define RETRY 250

/* What each NOTIFY_EXTEND asks for, in microseconds. */
#define EXTENSION "15000000"

#define MESSAGE_SIZE (STATUS_LINE_SIZE + 64)

struct notify {
	const char *status;
	int fd; /* not connected: a manager that begins anew is found by its name */
	struct sockaddr_un manager;
	socklen_t length;    /* of that */
	unsigned untold;     /* words that were not taken yet */
	uint64_t reloading;  /* CLOCK_MONOTONIC when the last reload began: microseconds */
	bool refused;        /* the last message was */
	struct event *retry; /* pending while there is something untold */
};

/* --- messages ------------------------------------------------------------------------ */

/* With `fd`, unless that is -1.  Returns -1 with errno where it was not taken. */
static int
send_to_manager(struct notify *notify, const char *text, int fd)
{
	alignas(struct cmsghdr) char control[RIGHTS_SIZE(1)] = { 0 };
	char said[MESSAGE_SIZE];
	struct iovec io = { said, (size_t)snprintf(said, sizeof(said), "%s", text) };
	struct msghdr header = {
		.msg_name = &notify->manager, .msg_namelen = notify->length,
		.msg_iov = &io, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	rights_put(&header, &fd, fd != -1);
	return sendmsg(notify->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) != -1 ? 0 : -1;
}

/* Returns false where it was not taken. */
static bool
send_message(struct notify *notify, const char *text)
{
	if (send_to_manager(notify, text, -1) == 0) {
		notify->refused = false;
		return true;
	}
	if (!notify->refused)
		log_warning_limited("the service manager takes no messages: %s", strerror(errno));
	notify->refused = true;
	return false;
}

/* Writes the next message to `text`.  Returns the words that it tells. */
static unsigned
write_next(const struct notify *notify, char text[MESSAGE_SIZE])
{
	const unsigned untold = notify->untold;

	if (untold & NOTIFY_TAKEN) {
		snprintf(text, MESSAGE_SIZE, "FDSTOREREMOVE=1\nFDNAME=" MANAGER_PARCEL);
		return NOTIFY_TAKEN;
	}
	if (untold & NOTIFY_RELOADING) {
		snprintf(text, MESSAGE_SIZE, "RELOADING=1\nMONOTONIC_USEC=%llu",
		    (unsigned long long)notify->reloading);
		return NOTIFY_RELOADING;
	}
	if (untold & NOTIFY_READY) {
		snprintf(text, MESSAGE_SIZE, "READY=1\nSTATUS=%s", notify->status);
		return NOTIFY_READY | NOTIFY_STATUS;
	}
	snprintf(text, MESSAGE_SIZE, "%s%sSTATUS=%s", untold & NOTIFY_STOPPING ? "STOPPING=1\n" : "",
	    untold & NOTIFY_EXTEND ? "EXTEND_TIMEOUT_USEC=" EXTENSION "\n" : "", notify->status);
	return untold;
}

/* Returns true where nothing is left untold. */
static bool
tell_untold(struct notify *notify)
{
	char text[MESSAGE_SIZE];

	while (notify->untold != 0) {
		const unsigned told = write_next(notify, text);

		if (!send_message(notify, text)) {
			if (!event_pending(notify->retry, EV_TIMEOUT, NULL))
				loop_set_timer(notify->retry, RETRY);
			return false;
		}
		notify->untold &= ~told;
	}
	event_del(notify->retry);
	return true;
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_untold(arg);
}

void
notify_tell(struct notify *notify, unsigned words)
{
	/*
	 * The manager compares the time with that of a request of its own: it is the time of the
	 * beginning, however late it is told.  A reload whose end was not told when the next
	 * begins is one with that.
	 */
	if (words & NOTIFY_RELOADING) {
		notify->reloading = (uint64_t)clock_us();
		notify->untold &= ~NOTIFY_READY;
	}
	notify->untold |= words;
	tell_untold(notify);
}

int
notify_keep(struct notify *notify, int parcel, int mark)
{
	/* What it has from before is not this one's place, and no later word may be about it. */
	if (send_to_manager(notify, "FDSTOREREMOVE=1\nFDNAME=" MANAGER_PARCEL, -1) == -1)
		return -1;
	notify->untold &= ~(unsigned)NOTIFY_TAKEN;
	if (send_to_manager(notify, "FDSTORE=1\nFDPOLL=0\nFDNAME=" MANAGER_PARCEL, parcel) == -1)
		return -1;
	return send_to_manager(notify, "BARRIER=1", mark);
}

void
notify_feed_watchdog(struct notify *notify)
{
	if (tell_untold(notify))
		send_message(notify, "WATCHDOG=1");
}

/* --- life ------------------------------------------------------------------------------ */

/*
 * sd_notify(3): a path, or "@" and a name in the abstract namespace (unix(7)).  Returns the
 * length of *address, or 0 where the environment has neither.
 */
static socklen_t
read_address(struct sockaddr_un *address)
{
	const char *name = getenv("NOTIFY_SOCKET");
	const size_t length = name != NULL ? strlen(name) : 0;
	const bool abstract = length > 0 && name[0] == '@';

	if (length < 2 || (!abstract && name[0] != '/') ||
	    length >= sizeof(address->sun_path) + abstract)
		return 0;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, name, length);
	if (abstract)
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

bool
notify_is_wanted(void)
{
	struct sockaddr_un address;

	if (getenv("NOTIFY_SOCKET") == NULL)
		return false;
	if (read_address(&address) != 0)
		return true;
	log_warning("NOTIFY_SOCKET names no socket: the service manager is told nothing");
	return false;
}

struct notify *
notify_new(struct event_base *base, const char *status)
{
	struct notify *notify = calloc(1, sizeof(*notify));

	if (notify == NULL)
		return NULL;
	notify->status = status;
	notify->length = read_address(&notify->manager);
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd != -1)
		notify->retry = evtimer_new(base, on_retry, notify);
	if (notify->retry == NULL) {
		notify_free(notify);
		return NULL;
	}
	return notify;
}

void
notify_free(struct notify *notify)
{
	const int saved_errno = errno;

	if (notify == NULL)
		return;
	if (notify->retry != NULL)
		event_free(notify->retry);
	if (notify->fd != -1)
		close(notify->fd);
	free(notify);
	errno = saved_errno;
}
