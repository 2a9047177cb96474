/* The successor, as it takes over all that another process serves: see take.h. */
#include "daemon/handover/take.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/handover/word.h"
#include "net/unix_name.h"

/* How long the other one may take for an answer: ms.  It gives up its own tries before. */
#define ANSWER_WITHIN 15000

/* How long it may take one that says no more to be gone: ms. */
#define GONE_WITHIN 5000

struct take {
	int fd;
	int life; /* of the other one: readable once it has ended (pidfd_open(2)); -1: none */
	struct ucred other;
	struct flight flights[FLIGHTS];
	struct cargo sockets, all;
};

/* --- what it says -------------------------------------------------------------------- */

/* Returns 0 once `fd` is readable, or -1 with errno: ETIMEDOUT after so many ms. */
static int
wait_for(int fd, int64_t within)
{
	const int64_t end = clock_ms() + within;
	struct pollfd heard = { .fd = fd, .events = POLLIN };
	int64_t left;
	int result;

	while ((left = end - clock_ms()) > 0) {
		result = poll(&heard, 1, (int)left);
		if (result == 1)
			return 0;
		if (result == -1 && errno != EINTR)
			return -1;
	}
	errno = ETIMEDOUT;
	return -1;
}

/* Returns as message_receive(), or -1 with ETIMEDOUT. */
static int
wait_for_message(const struct take *take, struct message *message)
{
	if (wait_for(take->fd, ANSWER_WITHIN) == -1)
		return -1;
	return message_receive(take->fd, message);
}

/* Returns 1 for `word`; 0: the other one says no more; -1 after an error in the log. */
static int
wait_for_word(struct take *take, enum word word)
{
	struct message message;
	const int result = wait_for_message(take, &message);

	if (result == 0)
		return 0;
	if (result == -1) {
		log_error("cannot take over from pid %d: %s", (int)take->other.pid,
		    errno == EPROTO ? "it is of another version" : strerror(errno));
		return -1;
	}
	message_close(&message);
	if (word == WORD_SOCKETS && message.word == word)
		take->other.pid = (pid_t)strtol(message.text, NULL, 10);
	if (message.word == word)
		return 1;
	log_error("cannot take over from pid %d: %s", (int)take->other.pid,
	    message.word == WORD_NO ? message.text : "it said what it should not have");
	return -1;
}

/* --- asking --------------------------------------------------------------------------- */

/* Returns a connected socket, or -1 with errno. */
static int
reach(const char *path)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	const socklen_t length = unix_name_to_sockaddr(path, &address);
	int error;

	if (fd == -1 || connect(fd, (const struct sockaddr *)&address, length) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Whoever else has the path could give it any socket to serve. */
static bool
is_one_of_ours(struct take *take, const char *path)
{
	socklen_t length = sizeof(take->other);

	if (getsockopt(take->fd, SOL_SOCKET, SO_PEERCRED, &take->other, &length) == -1) {
		log_error("cannot take over from %s: %s", path, strerror(errno));
		return false;
	}
	if (take->other.uid == 0 || take->other.uid == geteuid())
		return true;
	log_error("cannot take over from %s: it is served by uid %u", path,
	    (unsigned)take->other.uid);
	return false;
}

/* To one that has said its last word, which is there to be heard, nothing more can be said. */
static bool
is_closed(int error)
{
	return error == EPIPE || error == ECONNRESET;
}

static int
say_hello(const struct take *take)
{
	struct message hello = { .word = WORD_HELLO, .text = PACKAGE_VERSION };

	for (size_t i = 0; i < FLIGHTS; i++) {
		hello.fds[hello.count++] = take->flights[i].memory;
		hello.fds[hello.count++] = take->flights[i].sending;
		hello.fds[hello.count++] = take->flights[i].receiving;
	}
	return message_send(take->fd, &hello) == 0 || is_closed(errno) ? 0 : -1;
}

static bool
look(const struct take *take, size_t flight, struct cargo *cargo)
{
	char why[PARCEL_WHY_SIZE];

	if (cargo_look(cargo, take->flights[flight].receiving, why))
		return true;
	log_error("cannot take over from pid %d: its parcel: %s", (int)take->other.pid, why);
	return false;
}

static bool
ask_for_sockets(struct take *take, const char *path)
{
	if (!is_one_of_ours(take, path))
		return false;
	for (size_t i = 0; i < FLIGHTS; i++)
		if (flight_open(&take->flights[i]) == -1) {
			log_error("cannot take over: %s", strerror(errno));
			return false;
		}
	if (say_hello(take) == -1) {
		log_error("cannot take over from %s: %s", path, strerror(errno));
		return false;
	}
	switch (wait_for_word(take, WORD_SOCKETS)) {
	case 1:
		break;
	case 0:
		log_error("cannot take over from %s: it ended", path);
		return false;
	default:
		return false;
	}
#ifdef SYS_pidfd_open
	take->life = (int)syscall(SYS_pidfd_open, take->other.pid, 0);
#endif
	if (!look(take, FLIGHT_SOCKETS, &take->sockets))
		return false;
	flight_take(take->flights[FLIGHT_SOCKETS].receiving); /* no second copy of them stays there */
	return true;
}

struct take *
take_begin(const char *path)
{
	struct take *take = calloc(1, sizeof(*take));

	if (take == NULL) {
		log_error("cannot take over: %s", strerror(errno));
		return NULL;
	}
	for (size_t i = 0; i < FLIGHTS; i++)
		take->flights[i] = FLIGHT_NONE;
	take->life = -1;
	take->fd = reach(path);
	if (take->fd == -1)
		log_error("cannot take over: nobody serves at %s: %s", path, strerror(errno));
	else if (ask_for_sockets(take, path))
		return take;
	take_free(take);
	return NULL;
}

void
take_free(struct take *take)
{
	if (take == NULL)
		return;
	cargo_free(&take->all);
	cargo_free(&take->sockets);
	for (size_t i = 0; i < FLIGHTS; i++)
		flight_close(&take->flights[i]);
	if (take->life != -1)
		close(take->life);
	if (take->fd != -1)
		close(take->fd);
	free(take);
}

struct cargo *
take_sockets(struct take *take)
{
	return &take->sockets;
}

int
take_from(const struct take *take)
{
	return (int)take->other.pid;
}

/* --- taking --------------------------------------------------------------------------- */

/* One that says no more may be alive, and serve: then two would. */
static bool
is_gone(const struct take *take)
{
	if (take->life != -1 && wait_for(take->life, GONE_WITHIN) == 0)
		return true;
	log_error("cannot take over from pid %d: it says no more, and may serve",
	    (int)take->other.pid);
	return false;
}

/* What it packed before it was gone is all there is. */
int
take_all(struct take *take, struct cargo **all)
{
	char why[PARCEL_WHY_SIZE];
	int result;

	*all = NULL;
	result = word_send(take->fd, WORD_READY, "") == 0 || is_closed(errno)
	    ? wait_for_word(take, WORD_PARCEL) : -1;
	if (result == -1 || (result == 0 && !is_gone(take)))
		return -1;
	if (result == 1) {
		*all = look(take, FLIGHT_ALL, &take->all) ? &take->all : NULL;
		return *all != NULL ? 0 : -1;
	}
	if (cargo_look(&take->all, take->flights[FLIGHT_ALL].receiving, why))
		*all = &take->all;
	else
		log_warning("pid %d ended before it handed over: what listens is served on",
		    (int)take->other.pid);
	return 0;
}

bool
take_commit(struct take *take)
{
	if (!flight_take(take->flights[FLIGHT_ALL].receiving)) {
		log_error("cannot take over from pid %d: it goes on, as this took too long",
		    (int)take->other.pid);
		return false;
	}
	if (word_send(take->fd, WORD_TAKEN, "") == -1)
		log_debug("send(): %s", strerror(errno));
	return true;
}
