/* A parcel in flight: see flight.h. */
#include "daemon/handover/flight.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/handover/rights.h"

/* SCM_MAX_FD of the kernel (unix(7)). */
#define FDS_AT_ONCE 253

/* How much is written at once. */
#define CHUNK 65536

/*
 * A parcel lies in the buffer of the one end until it is taken: the kernel's default holds some
 * 60,000 descriptors.  This is for all that a process may have.
 */
#define BUFFER (8 << 20)

/* A message with descriptors, or room for one. */
struct load {
	struct msghdr header;
	struct iovec io;
	uint64_t size; /* of the first: how many bytes the parcel has; of the others 0 */
	alignas(struct cmsghdr) char control[RIGHTS_SIZE(FDS_AT_ONCE)];
};

static void
load_init(struct load *load)
{
	load->size = 0;
	load->io = (struct iovec){ &load->size, sizeof(load->size) };
	load->header = (struct msghdr){
		.msg_iov = &load->io, .msg_iovlen = 1,
		.msg_control = load->control,
		.msg_controllen = sizeof(load->control),
	};
}

/* --- life ----------------------------------------------------------------------------- */

/* Who may not have more than others has as much as they (socket(7), wmem_max). */
static void
widen(int sending)
{
	const int size = BUFFER;

	if (setsockopt(sending, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == -1)
		setsockopt(sending, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int
flight_open(struct flight *flight)
{
	int pair[2];

	*flight = FLIGHT_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	widen(pair[0]);
	flight->sending = pair[0];
	flight->receiving = pair[1];
	flight->memory = memfd_create("echod-parcel", MFD_CLOEXEC);
	if (flight->memory != -1)
		return 0;
	flight_close(flight);
	return -1;
}

void
flight_close(struct flight *flight)
{
	const int error = errno;
	const int fds[] = { flight->memory, flight->sending, flight->receiving };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] != -1)
			close(fds[i]);
	*flight = FLIGHT_NONE;
	errno = error;
}

/* --- whose it is ------------------------------------------------------------------------ */

/* Each look goes on behind the last one, which may have been another process's (SO_PEEK_OFF). */
static int
look_anew(int receiving)
{
	const int first = 0;

	return setsockopt(receiving, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof(first));
}

bool
flight_is_empty(int receiving)
{
	uint64_t size;

	return look_anew(receiving) == -1 ||
	    recv(receiving, &size, sizeof(size), MSG_PEEK | MSG_DONTWAIT) <= 0;
}

bool
flight_take(int receiving)
{
	bool is_ours = false;
	uint64_t size = 0;
	ssize_t n;

	/* Without room for them the kernel drops the descriptors of a load. */
	while ((n = recv(receiving, &size, sizeof(size), MSG_DONTWAIT)) > 0 ||
	    (n == -1 && errno == EINTR))
		is_ours = is_ours || (n == sizeof(size) && size > 0);
	return is_ours;
}

/* --- giving ----------------------------------------------------------------------------- */

/* Returns 0, or -1 with errno. */
static int
write_out(struct packing *packing)
{
	size_t done = 0;

	while (done < packing->size) {
		const ssize_t n = write(packing->flight->memory, packing->bytes + done,
		    packing->size - done);

		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	packing->written += packing->size;
	packing->size = 0;
	return 0;
}

static int
on_bytes(void *arg, const void *data, size_t size)
{
	struct packing *packing = arg;

	while (size > 0) {
		const size_t room = CHUNK - packing->size, part = size < room ? size : room;

		memcpy(packing->bytes + packing->size, data, part);
		packing->size += part;
		data = (const char *)data + part;
		size -= part;
		if (packing->size == CHUNK && write_out(packing) == -1)
			return -1;
	}
	return 0;
}

/* Returns 0, or -1 without memory. */
static int
add_fd(int **fds, size_t *count, size_t *room, int fd)
{
	if (*count == *room) {
		const size_t more = *room == 0 ? 64 : *room * 2;
		int *grown = reallocarray(*fds, more, sizeof(*grown));

		if (grown == NULL)
			return -1;
		*fds = grown;
		*room = more;
	}
	(*fds)[(*count)++] = fd;
	return 0;
}

int
packing_begin(struct packing *packing, const struct flight *flight)
{
	*packing = (struct packing){ .flight = flight, .bytes = malloc(CHUNK) };
	if (packing->bytes == NULL || lseek(flight->memory, 0, SEEK_SET) == -1 ||
	    add_fd(&packing->fds, &packing->count, &packing->room, flight->memory) == -1) {
		free(packing->bytes);
		return -1;
	}
	parcel_begin(&packing->writer, on_bytes, packing);
	return 0;
}

int
packing_put(struct packing *packing, const struct parcel_item *item, int fd)
{
	if (parcel_put(&packing->writer, item) == -1)
		return -1;
	if (!parcel_has_descriptor(item->kind))
		return 0;
	if (add_fd(&packing->fds, &packing->count, &packing->room, fd) == 0)
		return 0;
	parcel_spoil(&packing->writer, ENOMEM);
	return -1;
}

static int
send_message(const struct packing *packing, size_t first, size_t count)
{
	struct load load;
	ssize_t n;

	load_init(&load);
	load.size = first == 0 ? packing->written : 0;
	rights_put(&load.header, packing->fds + first, count);
	do
		n = sendmsg(packing->flight->sending, &load.header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	return n != -1 ? 0 : -1;
}

/* Returns 0, or -1 with errno and nothing of it in flight. */
static int
send_all(const struct packing *packing)
{
	for (size_t first = 0, count; first < packing->count; first += count) {
		count = packing->count - first;
		if (count > FDS_AT_ONCE)
			count = FDS_AT_ONCE;
		if (send_message(packing, first, count) == -1) {
			const int error = errno == EAGAIN ? ENOBUFS : errno;

			flight_take(packing->flight->receiving);
			errno = error;
			return -1;
		}
	}
	return 0;
}

void
packing_drop(struct packing *packing)
{
	const int error = errno;

	parcel_end(&packing->writer);
	free(packing->bytes);
	free(packing->fds);
	*packing = (struct packing){ 0 };
	errno = error;
}

int
packing_send(struct packing *packing)
{
	const int result = parcel_end(&packing->writer) == 0 && write_out(packing) == 0 &&
	    send_all(packing) == 0 ? 0 : -1;

	packing_drop(packing);
	return result;
}

/* --- taking ----------------------------------------------------------------------------- */

static void
close_all(struct cargo *cargo)
{
	for (size_t i = 0; i < cargo->count; i++)
		if (cargo->fds[i] != -1)
			close(cargo->fds[i]);
	cargo->count = 0;
}

/* Takes over the descriptors of a load.  Returns NULL, or what is wrong. */
static const char *
add_fds(struct cargo *cargo, size_t *room, struct load *load)
{
	int fds[FDS_AT_ONCE];
	const size_t count = rights_take(&load->header, fds);
	const char *fault = load->header.msg_flags & MSG_CTRUNC
	    ? "too few descriptors are allowed for it: raise LimitNOFILE; select has 1,024" : NULL;

	if (count == 0 && fault == NULL)
		return "a message of it has no descriptors";
	for (size_t i = 0; i < count; i++) {
		if (fault == NULL && add_fd(&cargo->fds, &cargo->count, room, fds[i]) == -1)
			fault = "out of memory";
		if (fault != NULL)
			close(fds[i]);
	}
	return fault;
}

/* Returns NULL, or what is wrong. */
static const char *
look_at_fds(struct cargo *cargo, int receiving, uint64_t *size)
{
	struct load load;
	size_t room = 0;

	*size = 0;
	if (look_anew(receiving) == -1)
		return strerror(errno);
	for (;;) {
		const char *fault;
		ssize_t n;

		load_init(&load);
		n = recvmsg(receiving, &load.header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN)
			return strerror(errno);
		if (n <= 0)
			return cargo->count > 0 ? NULL : "there is none";
		if (cargo->count == 0 && n == sizeof(load.size))
			*size = load.size;
		fault = add_fds(cargo, &room, &load);
		if (fault != NULL)
			return fault;
	}
}

/* Returns NULL, or what is wrong. */
static const char *
map_bytes(struct cargo *cargo, uint64_t size)
{
	const int memory = cargo_take_fd(cargo, 0);
	struct stat status;
	void *bytes;

	if (fstat(memory, &status) == -1 || !S_ISREG(status.st_mode) || size == 0 ||
	    (uint64_t)status.st_size < size) {
		close(memory);
		return "it has no bytes";
	}
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, memory, 0);
	close(memory);
	if (bytes == MAP_FAILED)
		return strerror(errno);
	cargo->bytes = bytes;
	cargo->size = size;
	cargo->count--;
	memmove(cargo->fds, cargo->fds + 1, cargo->count * sizeof(*cargo->fds));
	return NULL;
}

static bool
check(struct cargo *cargo, char why[PARCEL_WHY_SIZE])
{
	if (!parcel_open(&cargo->parcel, cargo->bytes, cargo->size, why))
		return false;
	if (parcel_descriptors(&cargo->parcel) == cargo->count)
		return true;
	snprintf(why, PARCEL_WHY_SIZE, "it has %zu descriptors, and its records are of %zu",
	    cargo->count, parcel_descriptors(&cargo->parcel));
	return false;
}

bool
cargo_look(struct cargo *cargo, int receiving, char why[PARCEL_WHY_SIZE])
{
	const char *fault;
	uint64_t size;

	*cargo = (struct cargo){ .count = 0 };
	fault = look_at_fds(cargo, receiving, &size);
	if (fault == NULL)
		fault = map_bytes(cargo, size);
	if (fault != NULL)
		snprintf(why, PARCEL_WHY_SIZE, "%s", fault);
	if (fault == NULL && check(cargo, why))
		return true;
	cargo_free(cargo);
	return false;
}

bool
cargo_fits(const struct cargo *cargo, bool for_select)
{
	for (size_t i = 0; for_select && i < cargo->count; i++)
		if (cargo->fds[i] >= FD_SETSIZE)
			return false;
	return true;
}

int
cargo_take_fd(struct cargo *cargo, size_t place)
{
	const int fd = cargo->fds[place];

	cargo->fds[place] = -1;
	return fd;
}

void
cargo_free(struct cargo *cargo)
{
	close_all(cargo);
	free(cargo->fds);
	if (cargo->bytes != NULL)
		munmap(cargo->bytes, cargo->size);
	*cargo = (struct cargo){ .count = 0 };
}
