/*
 * Connections that the load generator only holds, with one echo on each or none: beside others,
 * or for the memory that a server has for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "load.h"

#define GROUPS 50    /* that connections to be held are opened in */
#define GROUP_MAX 1000
#define HELD_SIZE 64 /* what goes once over a connection that is then held */

/* Stays open until the process ends. */
static void
open_held(struct load_link *link, unsigned int id)
{
	const struct timeval patience = { .tv_sec = 10 };

	load_link_open(link, SOCK_STREAM, id);
	setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	load_set_reset(link->fd);
}

static void
send_once(struct load_link *link, unsigned int id)
{
	if (load_link_send(link, load_message(id, 0), HELD_SIZE) != HELD_SIZE)
		load_die("send on a connection to be held");
}

static void
receive_once(struct load_link *link, unsigned int id)
{
	unsigned char answer[HELD_SIZE];
	size_t got = 0;
	ssize_t n;

	errno = 0;
	do {
		n = load_link_receive(link, answer + got, HELD_SIZE - got);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < HELD_SIZE);
	if (n <= 0 || memcmp(answer, load_message(id, 0), HELD_SIZE) != 0)
		load_die("a connection to be held got something else than its echo");
}

/*
 * In groups: one by one, a server that looks at all connections each time would need
 * minutes for thousands.  Their size keeps within a short backlog where there are few.
 */
void
load_hold(int count)
{
	struct load_link links[GROUP_MAX];
	const int group =
	    count < GROUPS ? 1 : count / GROUPS < GROUP_MAX ? count / GROUPS : GROUP_MAX;

	for (int first = 0; first < count; first += group) {
		const int n = count - first < group ? count - first : group;

		for (int i = 0; i < n; i++)
			open_held(&links[i], (unsigned int)(first + i));
		for (int i = 0; i < n; i++)
			send_once(&links[i], (unsigned int)(first + i));
		for (int i = 0; i < n; i++)
			receive_once(&links[i], (unsigned int)(first + i));
	}
}

/* The first connection is the server's chance to get what it needs but once. */
static void
open_first(void)
{
	options.warmup = 0;
	load_hold(1);
}

static void
hold_all(void)
{
	load_hold(options.idle);
}

const struct workload load_idle = { open_first, hold_all, NULL };

/* Who comes last has its echo: by then the server has taken those before it. */
static void
hold_silent(void)
{
	struct load_link link;

	for (int i = 0; i < options.idle; i++)
		open_held(&link, (unsigned int)i);
	load_hold(1);
}

const struct workload load_silent = { open_first, hold_silent, NULL };
