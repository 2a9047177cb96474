/* The one that serves, as it gives all it has to the service manager: see deposit.h. */
#include "daemon/handover/deposit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/handover/flight.h"
#include "daemon/threads/loop.h"
#include "daemon/threads/park.h"

/* How long all may stand still for it: ms, and not so long that a worker seems to hang. */
#define STANDING_MOST 2500

/* How long one try is after another: ms. */
#define RETRY 250

enum step {
	IDLE,
	HALTING, /* the workers are about to halt */
	KEEPING, /* the manager has been asked to keep it */
	WAITING, /* for the next try */
};

struct deposit {
	struct depositor depositor;
	struct event_base *base;
	struct park *park;
	struct event *timer;  /* of a try, or until the next one */
	struct event *marked; /* in the last one; NULL */
	enum step step;
	int64_t halted; /* clock_us() */
	size_t next;    /* try */
	/* The sandbox makes none anew, and what a manager was given is not ours any more. */
	struct try {
		struct flight flight;
		int marks[2]; /* a pipe: the manager closes its copy of the second */
	} tries[DEPOSIT_TRIES];
};

/* --- its end ------------------------------------------------------------------------- */

static void
unmark(struct deposit *deposit)
{
	if (deposit->marked != NULL)
		event_free(deposit->marked);
	deposit->marked = NULL;
	event_del(deposit->timer);
}

/* What the manager may have is empty then: whoever starts with it starts anew. */
static void
go_on(struct deposit *deposit)
{
	if (deposit->step == KEEPING)
		flight_take(deposit->tries[deposit->next].flight.receiving);
	unmark(deposit);
	if (deposit->step == HALTING || deposit->step == KEEPING) {
		deposit->depositor.go_on(deposit->depositor.owner);
		park_end(deposit->park);
	}
	deposit->step = IDLE;
}

void
deposit_give_up(struct deposit *deposit)
{
	if (deposit->step != IDLE)
		go_on(deposit);
}

/* What stood in its way may be gone soon, as other descriptors in flight. */
static void
fail(struct deposit *deposit, const char *why, bool may_pass)
{
	go_on(deposit);
	if (++deposit->next < DEPOSIT_TRIES && may_pass) {
		log_notice("hand-over: %s; it is tried again", why);
		deposit->step = WAITING;
		loop_set_timer(deposit->timer, RETRY);
	} else {
		deposit->depositor.failed(deposit->depositor.owner, why);
	}
}

/* --- its steps ------------------------------------------------------------------------ */

static void
halt(struct deposit *deposit)
{
	deposit->step = HALTING;
	deposit->halted = clock_us();
	loop_set_timer(deposit->timer, STANDING_MOST);
	deposit->depositor.halt(deposit->depositor.owner);
	park_begin(deposit->park);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct deposit *deposit = arg;

	(void)fd;
	(void)what;
	if (deposit->step == WAITING)
		halt(deposit);
	else
		fail(deposit, deposit->step == HALTING ? "a worker hangs"
		    : "the service manager does not answer", deposit->step == KEEPING);
}

/* With our own copy of the receiving end closed, one that is left is the manager's. */
static bool
is_kept(const struct flight *flight)
{
	struct pollfd look = { .fd = flight->sending };
	int result;

	do
		result = poll(&look, 1, 0);
	while (result == -1 && errno == EINTR);
	return result == 0;
}

/* The manager has done what it does. */
static void
on_marked(evutil_socket_t fd, short what, void *arg)
{
	struct deposit *deposit = arg;
	struct flight *flight = &deposit->tries[deposit->next].flight;

	(void)fd;
	(void)what;
	close(flight->receiving);
	flight->receiving = -1;
	if (!is_kept(flight)) {
		fail(deposit, "the service manager keeps nothing: see FileDescriptorStoreMax=",
		    true);
		return;
	}
	unmark(deposit);
	deposit->step = IDLE;
	deposit->depositor.kept(deposit->depositor.owner, (clock_us() - deposit->halted) / 1000);
	park_end(deposit->park);
}

/* Returns 0, or -1 with errno. */
static int
ask(struct deposit *deposit, struct try *try)
{
	deposit->marked = event_new(deposit->base, try->marks[0], EV_READ, on_marked, deposit);
	if (deposit->marked == NULL || event_add(deposit->marked, NULL) == -1) {
		errno = ENOMEM;
		return -1;
	}
	if (deposit->depositor.keep(deposit->depositor.owner, try->flight.receiving,
	    try->marks[1]) == -1)
		return -1;
	close(try->marks[1]);
	try->marks[1] = -1;
	return 0;
}

/* Nobody but this thread moves. */
static void
on_parked(void *arg)
{
	struct deposit *deposit = arg;
	struct try *try = &deposit->tries[deposit->next];

	if (deposit->depositor.pack(deposit->depositor.owner, &try->flight) == -1) {
		fail(deposit, strerror(errno), true);
		return;
	}
	deposit->step = KEEPING;
	if (ask(deposit, try) == -1)
		fail(deposit, strerror(errno), true);
}

void
deposit_begin(struct deposit *deposit)
{
	if (deposit->step == IDLE && deposit->next < DEPOSIT_TRIES)
		halt(deposit);
}

/* --- life ----------------------------------------------------------------------------- */

/* Returns false with errno. */
static bool
make_tries(struct deposit *deposit)
{
	for (size_t i = 0; i < DEPOSIT_TRIES; i++) {
		struct try *try = &deposit->tries[i];

		if (flight_open(&try->flight) == -1 ||
		    pipe2(try->marks, O_NONBLOCK | O_CLOEXEC) == -1)
			return false;
	}
	return true;
}

struct deposit *
deposit_new(struct event_base *base, const struct workers *workers,
    const struct depositor *depositor)
{
	struct deposit *deposit = calloc(1, sizeof(*deposit));

	if (deposit == NULL)
		return NULL;
	deposit->depositor = *depositor;
	deposit->base = base;
	for (size_t i = 0; i < DEPOSIT_TRIES; i++)
		deposit->tries[i] = (struct try){ FLIGHT_NONE, { -1, -1 } };
	deposit->timer = evtimer_new(base, on_timer, deposit);
	deposit->park = park_new(workers, on_parked, deposit);
	if (deposit->timer != NULL && deposit->park != NULL && make_tries(deposit))
		return deposit;
	deposit_free(deposit);
	return NULL;
}

void
deposit_free(struct deposit *deposit)
{
	const int error = errno;

	if (deposit == NULL)
		return;
	for (size_t i = 0; i < DEPOSIT_TRIES; i++) {
		struct try *try = &deposit->tries[i];

		flight_close(&try->flight);
		for (size_t end = 0; end < 2; end++)
			if (try->marks[end] != -1)
				close(try->marks[end]);
	}
	if (deposit->marked != NULL)
		event_free(deposit->marked);
	if (deposit->timer != NULL)
		event_free(deposit->timer);
	park_free(deposit->park);
	free(deposit);
	errno = error;
}
