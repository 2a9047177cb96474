/* Names looked up without waiting: see lookup.h. */
#include "client/transport/lookup.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/timing.h"

/* What the thread works on.  The last of the two who lets go of it frees it. */
struct question {
	atomic_int holders;
	atomic_bool answered; /* what is below `hints` is there */
	int fd;               /* readable then */
	char host[ENDPOINT_HOST_SIZE];
	struct addrinfo hints;
	int error, system_error; /* of getaddrinfo(3), and errno where that is EAI_SYSTEM */
	struct addrinfo *found;
};

struct lookup {
	struct question *question;
	struct event answer;
	const struct channel_wish *wish;
	lookup_done *done;
	void *arg;
};

static const char *
explain(int error, int system_error)
{
	return error == EAI_SYSTEM ? strerror(system_error) : gai_strerror(error);
}

/* --- the thread ----------------------------------------------------------------------- */

static void
let_go(struct question *question)
{
	if (atomic_fetch_sub(&question->holders, 1) > 1)
		return;
	if (question->found != NULL)
		freeaddrinfo(question->found);
	close(question->fd);
	free(question);
}

static void *
ask(void *arg)
{
	const uint64_t one = 1;
	struct question *question = arg;

	question->error = getaddrinfo(question->host, NULL, &question->hints, &question->found);
	question->system_error = errno;
	if (question->error != 0)
		question->found = NULL;
	atomic_store(&question->answered, true);
	/* It is the only write to it, and so does not wait. */
	(void)!write(question->fd, &one, sizeof(one));
	let_go(question);
	return NULL;
}

static struct question *
question_new(const struct channel_wish *wish, const struct addrinfo *hints)
{
	struct question *question = calloc(1, sizeof(*question));

	if (question == NULL)
		return NULL;
	question->fd = eventfd(0, EFD_CLOEXEC);
	if (question->fd == -1) {
		free(question);
		return NULL;
	}
	atomic_init(&question->holders, 2);
	snprintf(question->host, sizeof(question->host), "%s", wish->uri.host);
	question->hints = *hints;
	return question;
}

/* Signals are for the loop's thread.  Returns 0 or an errno. */
static int
start(struct question *question)
{
	pthread_attr_t detached;
	sigset_t all, before;
	pthread_t thread;
	int error = pthread_attr_init(&detached);

	if (error != 0)
		return error;
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &detached, ask, question);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&detached);
	return error;
}

/* --- the loop ------------------------------------------------------------------------- */

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *lookup = arg;
	struct question *question = lookup->question;
	struct addrinfo *found = NULL;
	char silent[64];
	const char *fault;

	(void)fd;
	(void)what;
	if (atomic_load(&question->answered)) {
		found = question->found;
		question->found = NULL;
		fault = explain(question->error, question->system_error);
	} else {
		snprintf(silent, sizeof(silent), "no answer for %g s", lookup->wish->timeout);
		fault = silent;
	}
	lookup->done(lookup->arg, found, found != NULL ? NULL : fault);
	lookup_cancel(lookup);
}

void
lookup_cancel(struct lookup *lookup)
{
	if (lookup == NULL)
		return;
	event_del(&lookup->answer);
	let_go(lookup->question);
	free(lookup);
}

/* Returns NULL with errno where it cannot be asked. */
static struct lookup *
lookup_new(struct event_base *base, const struct channel_wish *wish, const struct addrinfo *hints)
{
	const struct timeval timeout = timing_timeval(wish->timeout);
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL)
		return NULL;
	lookup->wish = wish;
	lookup->question = question_new(wish, hints);
	if (lookup->question == NULL) {
		free(lookup);
		return NULL;
	}
	event_assign(&lookup->answer, base, lookup->question->fd, EV_READ, on_answer, lookup);
	if (event_add(&lookup->answer, &timeout) == 0 &&
	    (errno = start(lookup->question)) == 0)
		return lookup;
	let_go(lookup->question); /* there is no thread */
	lookup_cancel(lookup);
	return NULL;
}

struct lookup *
lookup_begin(struct event_base *base, const struct channel_wish *wish, lookup_done *done, void *arg)
{
	struct addrinfo hints = {
		.ai_family = wish->family,
		.ai_socktype = protocol_socket_type(wish->uri.protocol),
		.ai_flags = AI_NUMERICHOST,
	};
	struct addrinfo *found = NULL;
	struct lookup *lookup;
	const int error = getaddrinfo(wish->uri.host, NULL, &hints, &found);

	if (error != EAI_NONAME) {
		done(arg, error == 0 ? found : NULL, error == 0 ? NULL : explain(error, errno));
		return NULL;
	}
	hints.ai_flags = 0;
	lookup = lookup_new(base, wish, &hints);
	if (lookup == NULL) {
		done(arg, NULL, strerror(errno));
		return NULL;
	}
	lookup->done = done;
	lookup->arg = arg;
	return lookup;
}
