/*
 * What a service manager passes: a letter for each descriptor from 3 on (see `kinds`), a NUL,
 * and variables, "LISTEN_FDS=2", each ended by a NUL; of LISTEN_PID and WATCHDOG_PID "self" is
 * this process.  The sockets are taken with names and URIs that can be read again, or there are
 * faults, each of them one line; they are taken once.  The manager is told at the address that
 * it gave and nowhere else, and not waited for.
 *
 * sendto(2) stands before libc's: nobody is told anything.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/faults.h"
#include "daemon/control/notify.h"
#include "daemon/listen/inherited.h"
#include "daemon/process/manager.h"
#include "fuzz.h"

#define FIRST 3
#define DESCRIPTORS_MAX 6
#define VARIABLES_MAX 16

static struct input input;

/* --- descriptors -------------------------------------------------------------------------- */

enum { TCP4, TCP6, UDP4, UDP6, CONNECTION, UNIX, ANY_FILE, KIND_COUNT };
static const char kinds[] = "tTuUcxf"; /* any other letter: closed */
static int originals[KIND_COUNT];

static int
bind_socket(int family, int type, bool listening)
{
	const int fd = socket(family, type | SOCK_CLOEXEC, 0);
	const struct sockaddr_in6 any = { .sin6_family = (sa_family_t)family };

	if (fd != -1) /* a machine without IPv6 has one kind less */
		fuzz_assert(bind(fd, (const struct sockaddr *)&any,
		    family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(any)) == 0 &&
		    (!listening || listen(fd, 1) == 0));
	return fd;
}

/* They are kept out of the way of those that are passed. */
static void
make_originals(void)
{
	originals[TCP4] = bind_socket(AF_INET, SOCK_STREAM, true);
	originals[TCP6] = bind_socket(AF_INET6, SOCK_STREAM, true);
	originals[UDP4] = bind_socket(AF_INET, SOCK_DGRAM, false);
	originals[UDP6] = bind_socket(AF_INET6, SOCK_DGRAM, false);
	originals[CONNECTION] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	originals[UNIX] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	originals[ANY_FILE] = memfd_create("fuzz", MFD_CLOEXEC);
	for (size_t i = 0; i < KIND_COUNT; i++)
		originals[i] = fcntl(originals[i], F_DUPFD_CLOEXEC, 100);
}

static void
pass_descriptors(void)
{
	char *letters = input_text(&input);
	const size_t length = strlen(letters);

	for (size_t i = 0; i < DESCRIPTORS_MAX; i++) {
		const char *kind = i < length ? strchr(kinds, letters[i]) : NULL;

		close(FIRST + (int)i);
		if (kind != NULL)
			dup2(originals[kind - kinds], FIRST + (int)i);
	}
	free(letters);
}

static void
close_descriptors(void)
{
	for (int i = 0; i < DESCRIPTORS_MAX; i++)
		close(FIRST + i);
}

/* --- variables ------------------------------------------------------------------------------ */

static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET",
	"WATCHDOG_PID", "WATCHDOG_USEC" };

static void
set_variable(char *text)
{
	const char *value;
	char *equals = strchr(text, '='), self[24];

	if (equals == NULL)
		return;
	*equals = '\0';
	snprintf(self, sizeof(self), "%d", (int)getpid());
	value = strcmp(equals + 1, "self") == 0 ? self : equals + 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			fuzz_assert(setenv(text, value, 1) == 0);
}

static void
set_variables(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	for (size_t i = 0; i < VARIABLES_MAX && input.left > 0; i++) {
		char *text = input_text(&input);

		set_variable(text);
		free(text);
	}
}

/* --- sockets ---------------------------------------------------------------------------- */

static void
check_faults(const struct faults *faults)
{
	for (size_t i = 0; i < faults_count(faults); i++)
		for (const char *c = faults_get(faults, i); *c != '\0'; c++)
			fuzz_assert((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void
check_sockets(const struct inherited *inherited)
{
	struct endpoint endpoint;

	for (size_t i = 0; i < inherited->count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];

		fuzz_assert(socket->fd == FIRST + (int)i && socket->name != NULL);
		fuzz_assert((fcntl(socket->fd, F_GETFD) & FD_CLOEXEC) != 0);
		fuzz_assert(endpoint_parse(&endpoint, socket->uri) == NULL);
		fuzz_assert(endpoint.protocol == socket->protocol &&
		    endpoint.port == address_port(&socket->address));
	}
}

/* Returns how many there were, or -1 where there were faults. */
static int
take_sockets(void)
{
	struct faults *faults = faults_new();
	struct inherited *inherited;
	int count = -1;

	fuzz_assert(faults != NULL);
	inherited = inherited_take(faults);
	fuzz_assert((inherited == NULL) == (faults_count(faults) > 0));
	check_faults(faults);
	if (inherited != NULL) {
		count = (int)inherited->count;
		check_sockets(inherited);
	}
	inherited_free(inherited);
	faults_free(faults);
	return count;
}

/* --- signs of life ---------------------------------------------------------------------- */

static void
check_watchdog(void)
{
	const char *value = getenv("WATCHDOG_USEC");
	const int64_t within = manager_watchdog();

	fuzz_assert(within >= 0);
	if (within == 0)
		return;
	fuzz_assert(value != NULL);
	if (*value != '0' && strspn(value, "0123456789") == strlen(value))
		fuzz_assert((uint64_t)within == strtoull(value, NULL, 10) / 1000 +
		    (strtoull(value, NULL, 10) % 1000 != 0));
}

/* Under a name of its own: libc's header has an argument that ISO C does not know. */
ssize_t take_message(int fd, const void *text, size_t size, int flags,
    const struct sockaddr *address, socklen_t length) __asm__("sendto");

ssize_t
take_message(int fd, const void *text, size_t size, int flags, const struct sockaddr *address,
    socklen_t length)
{
	const struct sockaddr_un *to = (const struct sockaddr_un *)address;
	const char *name = getenv("NOTIFY_SOCKET");
	const size_t path = length - offsetof(struct sockaddr_un, sun_path);

	fuzz_assert(fd != -1 && (flags & MSG_DONTWAIT) != 0 && name != NULL);
	fuzz_assert(to->sun_family == AF_UNIX && length <= sizeof(*to));
	if (*name == '@') {
		fuzz_assert(path == strlen(name) && to->sun_path[0] == '\0');
		fuzz_assert(memcmp(to->sun_path + 1, name + 1, path - 1) == 0);
	} else {
		fuzz_assert(path == strlen(name) + 1 && memcmp(to->sun_path, name, path) == 0);
	}
	fuzz_assert(size > 0 && strlen(text) == size && strchr(text, '=') != NULL);
	if (input_byte(&input) % 2 == 0)
		return (ssize_t)size;
	errno = EAGAIN;
	return -1;
}

static void
tell_manager(void)
{
	static struct event_base *base;
	struct notify *notify;

	if (base == NULL)
		base = event_base_new();
	if (!notify_is_wanted())
		return;
	notify = notify_new(base, "fine");
	fuzz_assert(notify != NULL);
	for (int i = 0; i < 8 && input.left > 0; i++) {
		const unsigned words = input_byte(&input);

		if (words >= 128)
			notify_feed_watchdog(notify);
		else
			notify_tell(notify, words % (2 * NOTIFY_STATUS));
	}
	notify_free(notify);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (originals[ANY_FILE] == 0)
		make_originals();
	input = (struct input){ data, size };
	pass_descriptors();
	set_variables();
	fuzz_assert(take_sockets() <= DESCRIPTORS_MAX);
	fuzz_assert(take_sockets() == 0);
	close_descriptors();
	check_watchdog();
	tell_manager();
	return 0;
}
