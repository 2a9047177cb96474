/* The sockets of a listener as values: see bound.h. */
#include "daemon/listen/bound.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/listen/packed.h"
#include "daemon/listen/paths/unix_place.h"

/* The socket itself is asked: its network may be another one than that of the process. */
bool
bound_lives(int fd)
{
	struct ifreq interface = { .ifr_ifindex = 0 };
	socklen_t length = sizeof(interface.ifr_ifindex);

	if (getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &interface.ifr_ifindex, &length) == -1 ||
	    interface.ifr_ifindex == 0)
		return true;
	return ioctl(fd, SIOCGIFNAME, &interface) == 0 || errno != ENODEV;
}

bool
bound_is_reached(const struct bound_socket *socket)
{
	return bound_lives(socket->fd) &&
	    (socket->place == NULL || unix_place_is_there(socket->place));
}

/* Asked by a socket that goes at once: one that is bound is not told when its address goes. */
bool
bound_is_at_home(const struct address *address)
{
	const int error = errno;
	struct address any_port = *address;
	bool is_away = false;
	int fd;

	if (address->sa.sa_family == AF_UNSPEC)
		return true;
	fd = socket(address->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	address_set_port(&any_port, 0);
	if (fd != -1) {
		is_away = bind(fd, &any_port.sa, address_length(&any_port)) == -1 &&
		    errno == EADDRNOTAVAIL;
		close(fd);
	}
	errno = error;
	return !is_away;
}

const struct bound_socket *
bound_find(const struct bound *bound, const struct address *address, bool dual_stack)
{
	for (size_t i = 0; i < bound->count; i++) {
		const struct bound_socket *socket = &bound->sockets[i];

		if (socket->dual_stack == dual_stack && address_equal(&socket->address, address) &&
		    bound_lives(socket->fd))
			return socket;
	}
	return NULL;
}

bool
bound_has_address(const struct bound *bound, const struct address *address)
{
	for (size_t i = 0; i < bound->count; i++)
		if (address_equal(&bound->sockets[i].address, address))
			return true;
	return false;
}

bool
bound_is_first(const struct bound *bound, size_t index)
{
	const struct bound before = { .count = index, .sockets = bound->sockets };

	return !bound_has_address(&before, &bound->sockets[index].address);
}

bool
bound_has_fd(const struct bound *bound, int fd)
{
	for (size_t i = 0; i < bound->count; i++)
		if (bound->sockets[i].fd == fd)
			return true;
	return false;
}

bool
bound_has_twin(const struct bound *bound, int fd)
{
	for (size_t i = 0; i < bound->count; i++)
		if (bound->sockets[i].twin == fd)
			return true;
	return false;
}

bool
bound_is_same(const struct bound *a, const struct bound *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!bound_has_fd(b, a->sockets[i].fd))
			return false;
	return a->count == b->count;
}

bool
bound_keeps(const struct bound *bound)
{
	for (size_t i = 0; i < bound->count; i++)
		if (bound->sockets[i].kept)
			return true;
	return false;
}

int
bound_pack(const struct bound *bound, const struct packed_visitor *visitor)
{
	for (size_t i = 0; i < bound->count; i++) {
		const struct bound_socket *socket = &bound->sockets[i];
		struct packed_socket packed = { .worker = (uint32_t)socket->worker };

		unix_place_pack(socket->place, &packed);
		if (socket->inherited == NULL &&
		    visitor->socket(visitor->arg, &packed, socket->fd) == -1)
			return -1;
	}
	return 0;
}

void
bound_close_behind(struct bound *bound, size_t count)
{
	const int error = errno;

	for (; bound->count > count; bound->count--) {
		const struct bound_socket *socket = &bound->sockets[bound->count - 1];

		if (socket->kept)
			continue;
		unix_place_release(socket->place);
		close(socket->fd);
	}
	errno = error;
}

void
bound_close(struct bound *bound)
{
	bound_close_behind(bound, 0);
	bound_free(bound);
}

void
bound_free(struct bound *bound)
{
	free(bound->sockets);
	*bound = (struct bound){ 0 };
}
