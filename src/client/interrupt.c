/*
 * SIGINT and SIGTERM: see interrupt.h.
 *
 * Not by libevent's signals: their handler ends nothing while the loop is blocked, and what
 * SA_RESETHAND would restore ends no PID 1.
 */
#include "client/interrupt.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Atomic, since any thread may be told. */
static atomic_bool came;
static atomic_int waker = -1; /* an eventfd(2) of who watches */

static struct {
	struct event *event;
	void (*interrupted)(void *arg);
	void *arg;
} watch;

static void
end_at_once(int number)
{
	signal(number, SIG_DFL);
	raise(number);
	_exit(128 + number); /* PID 1 is still there */
}

static void
on_signal(int number)
{
	const uint64_t one = 1;
	const int error = errno, fd = atomic_load(&waker);

	if (fd == -1 || atomic_exchange(&came, true))
		end_at_once(number);
	if (write(fd, &one, sizeof(one)) == -1)
		end_at_once(number);
	errno = error;
}

void
interrupt_prepare(void)
{
	/* raise() takes effect in the handler, and what blocks is not begun again. */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	watch.interrupted(watch.arg);
}

bool
interrupt_watch(struct event_base *base, void (*interrupted)(void *arg), void *arg)
{
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd == -1)
		return false;
	watch.interrupted = interrupted;
	watch.arg = arg;
	watch.event = event_new(base, fd, EV_READ, on_wake, NULL);
	if (watch.event == NULL || event_add(watch.event, NULL) == -1) {
		close(fd);
		return false;
	}
	atomic_store(&waker, fd);
	return true;
}

void
interrupt_unwatch(void)
{
	const int fd = atomic_exchange(&waker, -1);

	if (watch.event != NULL)
		event_free(watch.event);
	watch.event = NULL;
	if (fd != -1)
		close(fd);
}
