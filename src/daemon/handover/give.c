/* The one that serves, as its successor asks for all that it has: see give.h. */
#include "daemon/handover/give.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/handover/flight.h"
#include "daemon/handover/word.h"
#include "daemon/threads/loop.h"
#include "daemon/threads/park.h"

/* How long a successor may take to make ready: ms. */
#define READY_WITHIN 60000

/* How long all may stand still for it: ms. */
#define STANDING_MOST 5000

/* How long it waits where descriptors or memory ran out: ms. */
#define RETRY 250

enum step {
	NOBODY,    /* is there */
	ASKING,    /* it is, and has said nothing yet */
	PREPARING, /* it has what listens */
	HALTING,   /* it is ready; the workers are about to halt */
	TAKING,    /* it has all that is open, but for its last word */
};

struct give {
	struct giver giver;
	struct event_base *base;
	struct event *acceptable, *retry;
	struct event *heard; /* of the successor; NULL: there is none */
	struct event *deadline;
	struct park *park;
	enum step step;
	struct ucred successor;
	struct flight flights[FLIGHTS]; /* of what listens, and of all else: -1 where there is none */
	int64_t halted; /* clock_us() */
};

/* --- its end ------------------------------------------------------------------------- */

static int
fd_of(const struct give *give)
{
	return event_get_fd(give->heard);
}

static void
part(struct give *give)
{
	const int fd = fd_of(give);

	event_free(give->heard);
	give->heard = NULL;
	close(fd);
	for (size_t i = 0; i < FLIGHTS; i++)
		flight_close(&give->flights[i]);
	event_del(give->deadline);
	give->step = NOBODY;
}

/* Its last word, its end or a deadline: whose the parcel is says the flight alone. */
static bool
is_taken(const struct give *give)
{
	return give->step == TAKING && !flight_take(give->flights[FLIGHT_ALL].receiving);
}

static void
succeed(struct give *give)
{
	part(give);
	give->giver.gone(give->giver.owner, (clock_us() - give->halted) / 1000);
	park_end(give->park);
}

/* Returns false where it was too late for that. */
static bool
fail(struct give *give, const char *why)
{
	const enum step step = give->step;

	if (is_taken(give)) {
		succeed(give);
		return false;
	}
	if (word_send(fd_of(give), WORD_NO, why) == -1)
		log_debug("send(): %s", strerror(errno));
	part(give);
	if (step >= HALTING) {
		give->giver.go_on(give->giver.owner);
		park_end(give->park);
	}
	give->giver.failed(give->giver.owner, why);
	return true;
}

bool
give_up(struct give *give, const char *why)
{
	return give->step != NOBODY && !fail(give, why);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct give *give = arg;

	(void)fd;
	(void)what;
	fail(give, give->step < HALTING ? "the successor takes too long to make ready"
	    : give->step == HALTING ? "a worker hangs" : "the successor takes too long");
}

/* --- its steps ------------------------------------------------------------------------ */

static const char *
reason_of(int error)
{
	switch (error) {
	case EPIPE:
	case ECONNRESET:
		return "the successor ended";
	case EPROTO:
		return "the successor is of another version";
	case EMFILE:
		return "too few descriptors are allowed for it: raise LimitNOFILE";
	default:
		return strerror(error);
	}
}

/* The descriptors of the flights are in the order of struct flight, one flight after the other. */
static void
take_flights(struct give *give, struct message *message)
{
	for (size_t i = 0; i < FLIGHTS; i++) {
		const int *fds = &message->fds[i * FLIGHT_FDS];

		give->flights[i] = (struct flight){ fds[0], fds[1], fds[2] };
	}
	message->count = 0;
}

static void
show(struct give *give, struct message *message)
{
	char pid[16];

	if (message->count != FLIGHTS * FLIGHT_FDS) {
		fail(give, "the successor lacks what a parcel needs");
		return;
	}
	take_flights(give, message);
	give->step = PREPARING;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	log_notice("a successor makes ready: pid=%d version=%s", (int)give->successor.pid,
	    message->text);
	if (give->giver.show(give->giver.owner, &give->flights[FLIGHT_SOCKETS]) == -1 ||
	    word_send(fd_of(give), WORD_SOCKETS, pid) == -1)
		fail(give, reason_of(errno));
}

static void
halt(struct give *give)
{
	give->step = HALTING;
	give->halted = clock_us();
	loop_set_timer(give->deadline, STANDING_MOST);
	give->giver.halt(give->giver.owner);
	park_begin(give->park);
}

/* Nobody but this thread moves. */
static void
on_parked(void *arg)
{
	struct give *give = arg;

	if (give->giver.pack(give->giver.owner, &give->flights[FLIGHT_ALL]) == -1) {
		fail(give, reason_of(errno));
		return;
	}
	give->step = TAKING;
	if (word_send(fd_of(give), WORD_PARCEL, "") == -1)
		fail(give, reason_of(errno));
}

static void
hear(struct give *give, struct message *message)
{
	const char *why = give->giver.why_not(give->giver.owner);

	if (why != NULL)
		fail(give, why);
	else if (give->step == ASKING && message->word == WORD_HELLO)
		show(give, message);
	else if (give->step == PREPARING && message->word == WORD_READY)
		halt(give);
	else /* that it has taken it, or nonsense */
		fail(give, "the successor said what it should not have");
}

static void
on_heard(evutil_socket_t fd, short what, void *arg)
{
	struct give *give = arg;
	struct message message;
	const int result = message_receive(fd, &message);

	(void)what;
	if (result == 1) {
		hear(give, &message);
		message_close(&message);
	} else if (result == 0 && give->step == ASKING) {
		part(give);
	} else if (result == 0 || errno != EAGAIN) {
		fail(give, reason_of(result == 0 ? EPIPE : errno));
	}
}

/* --- who comes ------------------------------------------------------------------------ */

/* Whoever else could reach the socket's file, all that echod has is for these alone. */
static const char *
why_not_to(const struct give *give, const struct ucred *who)
{
	if (who->uid != 0 && who->uid != geteuid())
		return "only root and the user that runs it may take over";
	if (give->step != NOBODY)
		return "another successor makes ready";
	return give->giver.why_not(give->giver.owner);
}

static void
refuse(int fd, const struct ucred *who, const char *why)
{
	log_warning_limited("no successor: %s: uid=%u pid=%d", why, (unsigned)who->uid,
	    (int)who->pid);
	word_send(fd, WORD_NO, why);
	close(fd);
}

/* Takes over `fd`. */
static void
begin(struct give *give, int fd)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t length = sizeof(who);
	const char *why;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == -1)
		log_debug("getsockopt(SO_PEERCRED): %s", strerror(errno));
	if (give->step != NOBODY)
		on_heard(fd_of(give), EV_READ, give); /* it may have ended just before */
	why = why_not_to(give, &who);
	if (why != NULL) {
		refuse(fd, &who, why);
		return;
	}
	give->heard = event_new(give->base, fd, EV_READ | EV_PERSIST, on_heard, give);
	if (give->heard == NULL || event_add(give->heard, NULL) == -1) {
		if (give->heard != NULL)
			event_free(give->heard);
		give->heard = NULL;
		refuse(fd, &who, strerror(ENOMEM));
		return;
	}
	give->successor = who;
	give->step = ASKING;
	loop_set_timer(give->deadline, READY_WITHIN);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct give *give = arg;
	const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (accepted != -1) {
		begin(give, accepted);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		log_error_limited("cannot listen to a successor: %s", strerror(errno));
		event_del(give->acceptable);
		loop_set_timer(give->retry, RETRY);
	}
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct give *give = arg;

	(void)fd;
	(void)what;
	event_add(give->acceptable, NULL);
}

/* --- life ----------------------------------------------------------------------------- */

struct give *
give_new(struct event_base *base, int fd, const struct workers *workers, const struct giver *giver)
{
	struct give *give = calloc(1, sizeof(*give));

	if (give == NULL)
		return NULL;
	give->giver = *giver;
	for (size_t i = 0; i < FLIGHTS; i++)
		give->flights[i] = FLIGHT_NONE;
	give->base = base;
	give->acceptable = event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, give);
	give->retry = evtimer_new(base, on_retry, give);
	give->deadline = evtimer_new(base, on_deadline, give);
	give->park = park_new(workers, on_parked, give);
	if (give->acceptable != NULL && give->retry != NULL && give->deadline != NULL &&
	    give->park != NULL)
		return give;
	give_free(give);
	return NULL;
}

void
give_free(struct give *give)
{
	struct event *events[4];

	if (give == NULL)
		return;
	events[0] = give->acceptable;
	events[1] = give->retry;
	events[2] = give->deadline;
	events[3] = give->heard;
	if (give->heard != NULL)
		close(fd_of(give));
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	park_free(give->park);
	free(give);
}

int
give_serve(struct give *give)
{
	return event_add(give->acceptable, NULL);
}

void
give_stop(struct give *give)
{
	event_del(give->acceptable);
	event_del(give->retry);
}

int
give_successor(const struct give *give)
{
	return give->step != NOBODY ? (int)give->successor.pid : 0;
}
