/* The way to the system's logger: see log_syslog.h. */
#include "base/log_syslog.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#define SYSLOG_NAMES
#include <syslog.h>
#include <unistd.h>

#include "base/log_message.h"

/* What stands before the text: the priority, the date, who says it. */
#define HEADER_SIZE 128

static struct {
	int fd; /* -1: not connected */
	int kind;
} way = { -1, SOCK_DGRAM };

static int
connect_by(int kind)
{
	static const struct sockaddr_un logger = { AF_UNIX, LOG_SYSLOG_PATH };

	way.kind = kind;
	way.fd = socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (way.fd == -1)
		return -1;
	if (connect(way.fd, (const struct sockaddr *)&logger, sizeof(logger)) == 0)
		return 0;
	log_syslog_close();
	return -1;
}

int
log_syslog_connect(void)
{
	if (way.fd != -1 || connect_by(SOCK_DGRAM) == 0)
		return 0;
	return errno == EPROTOTYPE ? connect_by(SOCK_STREAM) : -1;
}

void
log_syslog_close(void)
{
	const int error = errno;

	if (way.fd != -1)
		close(way.fd);
	way.fd = -1;
	errno = error;
}

/* Returns how many bytes of `line` there are to send: a stream tells messages apart by the NUL. */
static size_t
format_line(char *line, size_t size, int priority, const struct timespec *when, const char *text)
{
	char date[32];
	struct tm local;
	size_t length;

	localtime_r(&when->tv_sec, &local);
	strftime(date, sizeof(date), "%b %e %H:%M:%S", &local);
	length = (size_t)snprintf(line, size, "<%d>%s %s[%ld]: %s", priority, date,
	    program_invocation_short_name, (long)getpid(), text);
	if (length >= size)
		length = size - 1;
	return way.kind == SOCK_STREAM ? length + 1 : length;
}

/* Returns 0 once there is room, or -1 with errno. */
static int
wait_for_room(int patience)
{
	struct pollfd writable = { .fd = way.fd, .events = POLLOUT };
	int ready;

	do {
		ready = poll(&writable, 1, patience);
	} while (ready == -1 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? 0 : -1;
}

static int
send_all(const char *line, size_t size, int patience)
{
	while (size > 0) {
		const ssize_t n = send(way.fd, line, size, MSG_NOSIGNAL);

		if (n >= 0) {
			line += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for_room(patience) == -1)
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

int
log_syslog_send(int priority, const struct timespec *when, const char *text, int patience)
{
	char line[HEADER_SIZE + LOG_OBJECT_SIZE];
	bool was_connected;

	do {
		was_connected = way.fd != -1;
		if (log_syslog_connect() == -1)
			return -1;
		if (send_all(line, format_line(line, sizeof(line), priority, when, text),
		    patience) == 0)
			return 0;
		log_syslog_close();
	} while (was_connected && errno != ETIMEDOUT);
	return -1;
}

const char *
log_syslog_facility(int facility)
{
	for (const CODE *code = facilitynames; code->c_name != NULL; code++)
		if (code->c_val == facility)
			return code->c_name;
	return "?";
}
