/* What the process has to tell: see process_room.h. */
#include "daemon/control/process_room.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "daemon/process/descriptors.h"

/* Two of its numbers: pages, of all and in memory (proc(5)). */
#define STATM "/proc/self/statm"

static uint64_t
read_started(const void *of, size_t index)
{
	const struct process_room *room = of;

	(void)index;
	return (uint64_t)room->parts.started;
}

static uint64_t
read_cpu(const void *of, size_t index)
{
	struct timespec used;

	(void)of;
	(void)index;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == -1)
		return CENSUS_NONE;
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static uint64_t
read_virtual(const void *of, size_t index)
{
	const struct process_room *room = of;

	(void)index;
	return room->virtual_bytes;
}

static uint64_t
read_resident(const void *of, size_t index)
{
	const struct process_room *room = of;

	(void)index;
	return room->resident_bytes;
}

/* Those that come and go. */
static size_t
sockets_of(const struct process_parts *parts)
{
	return listeners_socket_count(parts->listeners) + (size_t)parts->admission->open +
	    http_listeners_socket_count(parts->http_listeners) + http_server_open(parts->http);
}

static uint64_t
read_descriptors(const void *of, size_t index)
{
	const struct process_room *room = of;

	(void)index;
	return room->others > 0 ? room->others + sockets_of(&room->parts) : CENSUS_NONE;
}

static uint64_t
read_descriptors_limit(const void *of, size_t index)
{
	const size_t limit = descriptors_limit();

	(void)of;
	(void)index;
	return limit > 0 ? limit : CENSUS_NONE;
}

#define GAUGE(called, said) .family = { .name = (called), .help = (said), .type = FAMILY_GAUGE }

static const struct census_row rows[] = {
	{ GAUGE("process_start_time_seconds", "When echod started, in seconds since 1970."),
	  .read = read_started },
	{ .family = { .name = "process_cpu_seconds_total",
	      .help = "The time of CPUs that it took, in the kernel and outside.",
	      .type = FAMILY_COUNTER, .decimals = 6 }, .read = read_cpu, .is_of_process = true },
	{ GAUGE("process_virtual_memory_bytes", "Its addresses that have a meaning."),
	  .read = read_virtual },
	{ GAUGE("process_resident_memory_bytes", "Its memory that is not swapped out."),
	  .read = read_resident },
	{ GAUGE("process_open_fds", "Its open file descriptors."), .read = read_descriptors },
	{ GAUGE("process_max_fds", "How many of these there may be."),
	  .read = read_descriptors_limit },
};

/* Where nobody mounted proc(5) nothing is known. */
static void
look(void *of)
{
	struct process_room *room = of;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const int fd = open(STATM, O_RDONLY | O_CLOEXEC);
	unsigned long long all, resident;
	char text[128];
	ssize_t size = -1;

	room->virtual_bytes = room->resident_bytes = CENSUS_NONE;
	if (fd == -1)
		return;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return;
	text[size] = '\0';
	if (sscanf(text, "%llu %llu", &all, &resident) == 2) {
		room->virtual_bytes = all * page;
		room->resident_bytes = resident * page;
	}
}

void
process_room_register(struct process_room *room, struct census *census,
    const struct process_parts *parts)
{
	*room = (struct process_room){
		.parts = *parts,
		.room = { .rows = rows, .count = sizeof(rows) / sizeof(rows[0]), .of = room, .look = look },
	};
	census_register(census, &room->room);
}

void
process_room_settle(struct process_room *room)
{
	const size_t all = descriptors_count(), sockets = sockets_of(&room->parts);

	room->others = all > sockets ? all - sockets : 0;
}
