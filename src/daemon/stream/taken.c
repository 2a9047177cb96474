/* What the peer of a connection takes, and how long that lasts: see conn.h. */
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/stream/conn_internal.h"

/* How much younger than `now` an activity may be: ms. */
#define RECENT 60000

/* The unit of blocked_since: ms. */
#define BLOCKED_UNIT 16000

/*
 * Bytes in the kernel that the peer has not acknowledged, our FIN among them (tcp(7)), and
 * those that wait for room there.
 */
static int
untaken(const struct conn *conn)
{
	int bytes = 0;

	if (ioctl(fd_of(conn), SIOCOUTQ, &bytes) == -1)
		return 0;
	return bytes + (int)conn_waiting_bytes(conn);
}

void
conn_watch(struct conn *conn)
{
	conn->blocked_since = (uint16_t)(clock_ms() / BLOCKED_UNIT);
	conn->untaken = untaken(conn);
	crowd_watch(crowd_of(conn));
}

bool
conn_end_if_failed(struct conn *conn)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd_of(conn), SOL_SOCKET, SO_ERROR, &error, &length) == -1 || error == 0)
		return false;
	conn_fail(conn, error);
	return true;
}

bool
conn_took_bytes(struct conn *conn)
{
	const int left = untaken(conn), before = conn->untaken;

	conn->untaken = left;
	if (left >= before && before > 0)
		return false;
	conn_touch(conn, clock_ms());
	return true;
}

bool
conn_is_taken(const struct conn *conn)
{
	return untaken(conn) == 0;
}

/*
 * Of a Unix socket what is queued at the other end counts as allocated to be written, at either:
 * what the peer has sent is held for the peer, and only its bytes are known here.
 */
static size_t
unix_memory(const struct conn *conn, const uint32_t info[SK_MEMINFO_VARS])
{
	int unread = 0;

	if (ioctl(fd_of(conn), SIOCINQ, &unread) == -1)
		unread = 0;
	return (size_t)info[SK_MEMINFO_WMEM_ALLOC] + (size_t)unread;
}

static size_t
kernel_memory(const struct conn *conn)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(fd_of(conn), SOL_SOCKET, SO_MEMINFO, info, &length) == -1)
		return 0;
	if (conn->is_unix)
		return unix_memory(conn, info);
	return (size_t)info[SK_MEMINFO_RMEM_ALLOC] + info[SK_MEMINFO_WMEM_QUEUED] +
	    info[SK_MEMINFO_FWD_ALLOC];
}

size_t
conn_memory(const struct conn *conn)
{
	return kernel_memory(conn) + conn_waiting_memory(conn);
}

void
conn_mark_stalled(struct conn *conn)
{
	crowd_of(conn)->stalled += !conn->stalled;
	conn->stalled = 1;
}

void
conn_unmark_stalled(struct conn *conn)
{
	crowd_of(conn)->stalled -= conn->stalled;
	conn->stalled = 0;
}

bool
conn_is_stalled(const struct conn *conn)
{
	return conn->stalled;
}

int64_t
conn_silence(const struct conn *conn, int64_t now)
{
	const uint32_t silence = (uint32_t)now - conn->active;

	/* It may have moved since `now`. */
	return silence > UINT32_MAX - RECENT ? 0 : silence;
}

int64_t
conn_age(const struct conn *conn, int64_t now)
{
	return now - conn->opened;
}

int64_t
conn_blocked_for(const struct conn *conn, int64_t now)
{
	return (uint16_t)(now / BLOCKED_UNIT - conn->blocked_since) * (int64_t)BLOCKED_UNIT;
}
