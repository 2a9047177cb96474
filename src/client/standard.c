/* The standard descriptors: see standard.h. */
#include "client/standard.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ending.h"

static int stdout_error; /* errno */

static struct {
	int epoll; /* -1: none */
	struct event *failure;
	void (*failed)(void *arg);
	void *arg;
} watch = { .epoll = -1 };

/* --- writing ----------------------------------------------------------------------- */

/* Returns 0 or an errno. */
static int
write_all(int fd, const char *data, size_t size)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	while (size > 0) {
		const ssize_t n = write(fd, data, size);

		if (n >= 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&writable, 1, -1);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

bool
standard_write(const void *data, size_t size)
{
	if (stdout_error == 0)
		stdout_error = write_all(STDOUT_FILENO, data, size);
	if (stdout_error != 0 && watch.failure != NULL)
		event_active(watch.failure, EV_READ, 0);
	return stdout_error == 0;
}

int
standard_error(void)
{
	return stdout_error;
}

/* As fopencookie(3) has it: 0 is a failure. */
static ssize_t
print_stdout(void *cookie, const char *data, size_t size)
{
	(void)cookie;
	return standard_write(data, size) ? (ssize_t)size : 0;
}

static ssize_t
print_stderr(void *cookie, const char *data, size_t size)
{
	(void)cookie;
	return write_all(STDERR_FILENO, data, size) == 0 ? (ssize_t)size : 0;
}

/* stdio's own streams lose what a non-blocking descriptor does not take. */
static FILE *
stream_of(cookie_write_function_t *print)
{
	const cookie_io_functions_t functions = { .write = print };
	FILE *stream = fopencookie(NULL, "w", functions);

	if (stream == NULL) {
		perror("echod-client");
		exit(EXIT_USAGE);
	}
	setvbuf(stream, NULL, _IOLBF, 0); /* a line is news, in a pipe too */
	return stream;
}

/* Not /dev/null, which a root of one's own may lack. */
static void
occupy(int fd)
{
	if (fcntl(fd, F_GETFD) == -1 && open("/", O_PATH) != fd)
		exit(EXIT_USAGE); /* with no stderr to say why */
}

void
standard_prepare(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		occupy(fd);
	signal(SIGXFSZ, SIG_IGN); /* a limit is told like a full disk */
	stdout = stream_of(print_stdout);
	stderr = stream_of(print_stderr);
}

/* --- noticing ------------------------------------------------------------------------ */

/* What a write would have come to. */
static void
lose_reader(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISCHR(st.st_mode)) {
		stdout_error = EIO; /* a terminal that was hung up */
	} else {
		raise(SIGPIPE);
		stdout_error = EPIPE;
	}
}

static void
on_failure(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (stdout_error == 0)
		lose_reader();
	watch.failed(watch.arg);
}

/*
 * Of a descriptor in an epoll(7) for no event that the other end has gone is told all the
 * same, and nothing else.  Files have no other end: EPERM.
 */
static void
watch_reader(void)
{
	struct epoll_event none = { .events = 0 };

	if (epoll_ctl(watch.epoll, EPOLL_CTL_ADD, STDOUT_FILENO, &none) == -1 &&
	    errno == EBADF && stdout_error == 0)
		stdout_error = EBADF;
}

bool
standard_watch(struct event_base *base, void (*failed)(void *arg), void *arg)
{
	watch.failed = failed;
	watch.arg = arg;
	watch.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (watch.epoll == -1)
		return false;
	watch.failure = event_new(base, watch.epoll, EV_READ, on_failure, NULL);
	if (watch.failure == NULL || event_add(watch.failure, NULL) == -1)
		return false;
	watch_reader();
	if (stdout_error != 0)
		event_active(watch.failure, EV_READ, 0);
	return true;
}

void
standard_unwatch(void)
{
	if (watch.failure != NULL)
		event_free(watch.failure);
	watch.failure = NULL;
	if (watch.epoll != -1)
		close(watch.epoll);
	watch.epoll = -1;
}
