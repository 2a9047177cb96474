/* The preamble of connections: see preamble.h. */
#include "daemon/listen/preamble.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/listen/admission.h"
#include "daemon/threads/loop.h"
#include "net/proxy_header.h"
#include "net/tls/context.h"

static_assert(PROXY_HEADER_MOST <= PACKED_HELD_MOST, "what is held may be all but a whole header");

struct preamble {
	struct event readable; /* it knows the descriptor */
	TAILQ_ENTRY(preamble) neighbours;
	struct preambles *preambles;
	struct ledger *ledger; /* held */
	struct address proxy;
	int64_t begun; /* clock_ms() */
	uint8_t *held; /* of the header, what came so far */
	size_t held_size;
	/* What its listener had for it then: held, and */
	struct tls_context *tls;
	char greeting[];
};

TAILQ_HEAD(preamble_list, preamble);

struct preambles {
	struct event_base *base;
	struct admission *admission;
	struct preamble_list waiting; /* in the order in which they began */
	size_t count;
	int64_t timeout;
	struct event *deadline; /* of the first */
	uint8_t *scratch;       /* for a header; NULL: there was none so far */
};

static int
fd_of(const struct preamble *preamble)
{
	return event_get_fd(&preamble->readable);
}

/* --- ending ------------------------------------------------------------------------ */

static void
arm_deadline(struct preambles *preambles)
{
	const struct preamble *first = TAILQ_FIRST(&preambles->waiting);
	int64_t left;

	if (first == NULL) {
		event_del(preambles->deadline);
		return;
	}
	left = first->begun + preambles->timeout - clock_ms();
	loop_set_timer(preambles->deadline, left > 0 ? left : 0);
}

/*
 * Before its descriptor is closed or another thread's, which may close it at once: its number
 * could be somebody else's when the event is taken from it.
 */
static void
stop_watching(struct preamble *preamble)
{
	event_del(&preamble->readable);
}

static void
dispose(struct preamble *preamble)
{
	ledger_release(preamble->ledger);
	tls_context_release(preamble->tls);
	free(preamble->held);
	free(preamble);
}

/* Forgets it, which is no longer watched; its descriptor has gone where it belongs. */
static void
end(struct preamble *preamble)
{
	struct preambles *preambles = preamble->preambles;
	const bool was_first = preamble == TAILQ_FIRST(&preambles->waiting);

	TAILQ_REMOVE(&preambles->waiting, preamble, neighbours);
	preambles->count--;
	dispose(preamble);
	if (was_first)
		arm_deadline(preambles);
}

/* One that is to speak TLS cannot travel, as the connection that it becomes.  Before that is told. */
static void
untie(const struct preamble *preamble)
{
	preamble->preambles->admission->tied -= preamble->tls != NULL;
}

static void
refuse(struct preamble *preamble, enum refuse_reason reason)
{
	stop_watching(preamble);
	untie(preamble);
	admission_dismiss(preamble->preambles->admission, preamble->ledger, fd_of(preamble),
	    &preamble->proxy, reason);
	end(preamble);
}

/* --- the header -------------------------------------------------------------------- */

static enum refuse_reason
reason_of(enum proxy_verdict fault)
{
	static const enum refuse_reason reasons[] = {
#define REASON_OF_FAULT(id) [PROXY_FAULT_##id] = REFUSE_HEADER_##id,
		PROXY_FAULTS(REASON_OF_FAULT)
#undef REASON_OF_FAULT
	};

	return reasons[fault];
}

/* It is whole: what follows it is the worker's to read. */
static void
admit(struct preamble *preamble, const struct proxy_header *header)
{
	struct preambles *preambles = preamble->preambles;
	const size_t rest = header->size - preamble->held_size;
	const struct welcome welcome = { preamble->greeting, preamble->tls };

	/* It is there: the scratch keeps what the texts of the header point to. */
	if (recv(fd_of(preamble), preambles->scratch + preamble->held_size, rest, 0) !=
	    (ssize_t)rest) {
		refuse(preamble, REFUSE_PREAMBLE_CUT);
		return;
	}
	stop_watching(preamble);
	untie(preamble);
	admission_admit_proxied(preambles->admission, preamble->ledger, fd_of(preamble),
	    &preamble->proxy, header, &welcome);
	end(preamble);
}

/*
 * As long as it is not whole, all that came so far is the header's: it is taken, or the kernel
 * would tell of it without end.
 */
static void
hold(struct preamble *preamble, size_t came)
{
	uint8_t *held = realloc(preamble->held, preamble->held_size + came);

	if (held == NULL) {
		refuse(preamble, REFUSE_MEMORY);
		return;
	}
	preamble->held = held;
	if (recv(fd_of(preamble), held + preamble->held_size, came, 0) == (ssize_t)came)
		preamble->held_size += came;
	else
		refuse(preamble, REFUSE_PREAMBLE_CUT);
}

static void
judge(struct preamble *preamble, size_t came)
{
	const uint8_t *scratch = preamble->preambles->scratch;
	struct proxy_header header;
	const enum proxy_verdict verdict =
	    proxy_header_parse(scratch, preamble->held_size + came, &header);

	if (verdict == PROXY_WHOLE)
		admit(preamble, &header);
	else if (verdict == PROXY_PARTIAL)
		hold(preamble, came);
	else
		refuse(preamble, reason_of(verdict));
}

/* Takes what is there; the preamble may end. */
static void
look(struct preamble *preamble)
{
	uint8_t *scratch = preamble->preambles->scratch;
	ssize_t came;

	if (preamble->held_size > 0)
		memcpy(scratch, preamble->held, preamble->held_size);
	came = recv(fd_of(preamble), scratch + preamble->held_size,
	    PROXY_HEADER_MOST - preamble->held_size, MSG_PEEK);
	if (came > 0)
		judge(preamble, (size_t)came);
	else if (came == 0 || (errno != EAGAIN && errno != EINTR))
		refuse(preamble, preamble->held_size > 0 ? REFUSE_PREAMBLE_CUT
		    : REFUSE_PREAMBLE_EMPTY); /* in order or by a reset: checks do both */
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

/* --- life ------------------------------------------------------------------------- */

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct preambles *preambles = arg;
	struct preamble *first;
	const int64_t now = clock_ms();

	(void)fd;
	(void)what;
	/* The analyzer does not see that the one before has left the list. */
	while ((first = TAILQ_FIRST(&preambles->waiting)) != NULL &&
	    now - first->begun >= preambles->timeout) /* NOLINT(clang-analyzer-unix.Malloc) */
		refuse(first, REFUSE_PREAMBLE_TIMEOUT);
	arm_deadline(preambles);
}

struct preambles *
preambles_new(struct event_base *base, struct admission *admission)
{
	struct preambles *preambles = calloc(1, sizeof(*preambles));

	if (preambles == NULL)
		return NULL;
	TAILQ_INIT(&preambles->waiting);
	preambles->base = base;
	preambles->admission = admission;
	preambles->deadline = evtimer_new(base, on_deadline, preambles);
	if (preambles->deadline != NULL)
		return preambles;
	free(preambles);
	errno = ENOMEM;
	return NULL;
}

void
preambles_pause(struct preambles *preambles)
{
	struct preamble *preamble;

	event_del(preambles->deadline);
	for (preamble = TAILQ_FIRST(&preambles->waiting); preamble != NULL;
	    preamble = TAILQ_NEXT(preamble, neighbours))
		stop_watching(preamble);
}

/* One that can no longer be watched ends by its deadline. */
void
preambles_resume(struct preambles *preambles)
{
	struct preamble *preamble;

	for (preamble = TAILQ_FIRST(&preambles->waiting); preamble != NULL;
	    preamble = TAILQ_NEXT(preamble, neighbours))
		event_add(&preamble->readable, NULL);
	arm_deadline(preambles);
}

void
preambles_drain(struct preambles *preambles)
{
	struct preamble *first;

	while ((first = TAILQ_FIRST(&preambles->waiting)) != NULL) {
		const size_t count = preambles->count;

		/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it does not see who has left the list. */
		look(first);
		if (preambles->count == count)
			refuse(first, REFUSE_DRAIN);
		/* NOLINTEND(clang-analyzer-unix.Malloc) */
	}
}

void
preambles_free(struct preambles *preambles)
{
	if (preambles == NULL)
		return;
	preambles_drain(preambles);
	event_free(preambles->deadline);
	free(preambles->scratch);
	free(preambles);
}

void
preambles_set_timeout(struct preambles *preambles, int64_t timeout)
{
	preambles->timeout = timeout;
	arm_deadline(preambles);
}

/* Nobody waits for it yet.  Returns NULL when memory ran out. */
static struct preamble *
make(struct preambles *preambles, struct ledger *ledger, int fd, const struct address *proxy,
    const struct welcome *welcome)
{
	const size_t greeting_size = strlen(welcome->greeting) + 1;
	struct preamble *preamble;

	if (preambles->scratch == NULL)
		preambles->scratch = malloc(PROXY_HEADER_MOST);
	preamble = preambles->scratch != NULL ? calloc(1, sizeof(*preamble) + greeting_size) : NULL;
	if (preamble == NULL)
		return NULL;
	memcpy(preamble->greeting, welcome->greeting, greeting_size);
	event_assign(&preamble->readable, preambles->base, fd, EV_READ | EV_PERSIST, on_readable,
	    preamble);
	preamble->preambles = preambles;
	preamble->ledger = ledger;
	ledger_hold(ledger);
	preamble->tls = tls_context_hold(welcome->tls);
	preamble->proxy = *proxy;
	preamble->begun = clock_ms();
	return preamble;
}

static void
wait_for(struct preamble *preamble)
{
	struct preambles *preambles = preamble->preambles;

	TAILQ_INSERT_TAIL(&preambles->waiting, preamble, neighbours);
	preambles->count++;
	if (preambles->count == 1)
		arm_deadline(preambles);
}

void
preambles_begin(struct preambles *preambles, struct ledger *ledger, int fd,
    const struct address *proxy, const struct welcome *welcome)
{
	struct preamble *preamble;

	if (!admission_await(preambles->admission, ledger, fd, proxy))
		return;
	preamble = make(preambles, ledger, fd, proxy, welcome);
	if (preamble != NULL && event_add(&preamble->readable, NULL) == 0) {
		preambles->admission->tied += preamble->tls != NULL;
		wait_for(preamble);
		return;
	}
	if (preamble != NULL)
		dispose(preamble);
	admission_dismiss(preambles->admission, ledger, fd, proxy, REFUSE_MEMORY);
}

/* --- from one process to another -------------------------------------------------------- */

int
preambles_pack(const struct preambles *preambles,
    int (*visit)(void *arg, const struct ledger *ledger, const struct packed_preamble *packed, int fd),
    void *arg)
{
	const struct preamble *preamble;

	for (preamble = TAILQ_FIRST(&preambles->waiting); preamble != NULL;
	    preamble = TAILQ_NEXT(preamble, neighbours)) {
		const struct packed_preamble packed = {
			.proxy = preamble->proxy, .begun = preamble->begun, .held = preamble->held,
			.held_size = preamble->held_size, .greeting = preamble->greeting,
		};

		if (preamble->tls == NULL &&
		    visit(arg, preamble->ledger, &packed, fd_of(preamble)) == -1)
			return -1;
	}
	return 0;
}

void
preambles_let_go(struct preambles *preambles)
{
	struct preamble *preamble, *next;

	for (preamble = TAILQ_FIRST(&preambles->waiting); preamble != NULL; preamble = next) {
		next = TAILQ_NEXT(preamble, neighbours);
		if (preamble->tls != NULL)
			continue;
		stop_watching(preamble);
		close(fd_of(preamble));
		admission_let_go_preamble(preambles->admission, preamble->ledger, &preamble->proxy);
		end(preamble);
	}
}

struct preamble *
preamble_unpack(struct preambles *preambles, struct ledger *ledger, int fd,
    const struct packed_preamble *packed)
{
	const struct welcome welcome = { .greeting = packed->greeting };
	struct preamble *preamble = make(preambles, ledger, fd, &packed->proxy, &welcome);

	if (preamble == NULL)
		return NULL;
	preamble->begun = packed->begun;
	if (packed->held_size == 0)
		return preamble;
	preamble->held = malloc(packed->held_size);
	if (preamble->held == NULL) {
		dispose(preamble);
		return NULL;
	}
	memcpy(preamble->held, packed->held, packed->held_size);
	preamble->held_size = packed->held_size;
	return preamble;
}

/* One that cannot be watched ends by its deadline. */
void
preamble_go_on(struct preamble *preamble)
{
	admission_adopt_preamble(preamble->preambles->admission, preamble->ledger);
	wait_for(preamble);
	event_add(&preamble->readable, NULL);
}

void
preamble_drop(struct preamble *preamble)
{
	close(fd_of(preamble));
	dispose(preamble);
}
