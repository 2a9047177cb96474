/* Links in the clear: see load.h. */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

void
load_link_open(struct load_link *link, int type, unsigned int number)
{
	link->fd = load_connect(type, number);
	if (link->fd == -1)
		load_die("connect");
}

ssize_t
load_link_send(struct load_link *link, const void *data, size_t size)
{
	return send(link->fd, data, size, MSG_NOSIGNAL);
}

ssize_t
load_link_receive(struct load_link *link, void *buffer, size_t size)
{
	return recv(link->fd, buffer, size, 0);
}

uint32_t
load_link_awaits(const struct load_link *link)
{
	(void)link;
	return EPOLLOUT;
}

int
load_link_end(struct load_link *link)
{
	return shutdown(link->fd, SHUT_WR);
}

void
load_link_close(struct load_link *link)
{
	close(link->fd);
	link->fd = -1;
}

void
load_link_reset(struct load_link *link)
{
	load_set_reset(link->fd);
	load_link_close(link);
}
