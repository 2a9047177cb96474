/*
 * A peer: an echo on io_uring by liburing.  It owns its connections and a ring of
 * buffers that all of them receive into (multishot, where the kernel has it).  What
 * a connection received is sent from where it lies, one piece after the other, and
 * its buffer goes back into the ring once it is sent.  A reader that never reads can
 * hold all of the buffers; the other connections then wait for it.
 *
 *   io_uring PORT [BUFFER [BUFFERS]]
 *
 * BUFFERS of BUFFER bytes each (64 of 65536); their number is a power of two.  Where
 * there is no io_uring the peer says so and exits with PEER_UNAVAILABLE.
 */
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define ENTRIES 4096
#define GROUP 0
#define NONE (-1)

/* In the lower bits of a request's user data; the others are the connection's. */
enum operation { ACCEPT, RECEIVE, SEND, OPERATIONS = 3 };

/* What a buffer holds for the connection that has it. */
struct piece {
	unsigned int begin, end;
	int next; /* of the same connection */
};

struct conn {
	int fd;
	int first, last;         /* pieces to send, or NONE */
	bool receiving, sending; /* requests that are under way */
	bool multishot;          /* so was the receiving asked for */
	bool ended, failed;
	struct conn *starved; /* the next one that waits for buffers */
};

static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static unsigned char *memory;
static size_t buffer_size = 65536;
static unsigned int buffer_count = 64;
static struct piece *pieces;
static struct conn *starved;
static bool multishot = true;

_Noreturn static void
unavailable(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(PEER_UNAVAILABLE);
}

/* A request for `conn`.  The queue has room once what is in it is submitted. */
static struct io_uring_sqe *
request(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	while (sqe == NULL) {
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	return sqe;
}

static void
label(struct io_uring_sqe *sqe, struct conn *conn, enum operation operation)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)conn | operation);
}

/* --- requests --------------------------------------------------------------- */

static void
start_accept(int listener)
{
	struct io_uring_sqe *sqe = request();

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	label(sqe, NULL, ACCEPT);
}

static void
start_receive(struct conn *conn)
{
	struct io_uring_sqe *sqe = request();

	if (multishot)
		io_uring_prep_recv_multishot(sqe, conn->fd, NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, conn->fd, NULL, buffer_size, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	label(sqe, conn, RECEIVE);
	conn->receiving = true;
	conn->multishot = multishot;
}

static void
start_send(struct conn *conn)
{
	const struct piece *piece = &pieces[conn->first];
	struct io_uring_sqe *sqe = request();

	io_uring_prep_send(sqe, conn->fd, memory + (size_t)conn->first * buffer_size + piece->begin,
	    piece->end - piece->begin, MSG_NOSIGNAL | MSG_WAITALL);
	label(sqe, conn, SEND);
	conn->sending = true;
}

/* --- buffers ------------------------------------------------------------------ */

static void
give_buffer(int id)
{
	io_uring_buf_ring_add(buffer_ring, memory + (size_t)id * buffer_size,
	    (unsigned int)buffer_size, (unsigned short)id,
	    io_uring_buf_ring_mask(buffer_count), 0);
	io_uring_buf_ring_advance(buffer_ring, 1);
}

/* One buffer is free again: who had none may try. */
static void
recycle(int id)
{
	struct conn *conn = starved;

	give_buffer(id);
	if (conn == NULL)
		return;
	starved = conn->starved;
	start_receive(conn);
}

static void
append(struct conn *conn, int id, unsigned int size)
{
	pieces[id] = (struct piece){ 0, size, NONE };
	if (conn->first == NONE)
		conn->first = id;
	else
		pieces[conn->last].next = id;
	conn->last = id;
}

static void
drop_first(struct conn *conn)
{
	const int id = conn->first;

	conn->first = pieces[id].next;
	recycle(id);
}

/* --- connections --------------------------------------------------------------- */

static void
leave_starved(const struct conn *conn)
{
	struct conn **link = &starved;

	while (*link != NULL && *link != conn)
		link = &(*link)->starved;
	if (*link != NULL)
		*link = conn->starved;
}

/* Ends what has nothing more to do; requests under way come back first. */
static void
settle(struct conn *conn)
{
	if (conn->failed && !conn->sending) {
		leave_starved(conn);
		while (conn->first != NONE)
			drop_first(conn);
		shutdown(conn->fd, SHUT_RDWR); /* ends the receiving */
	}
	if (!(conn->ended || conn->failed) || conn->receiving || conn->sending ||
	    conn->first != NONE)
		return;
	close(conn->fd);
	free(conn);
}

static void
on_accept(int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		close(fd);
		return;
	}
	conn->fd = fd;
	conn->first = NONE;
	start_receive(conn);
}

/* Receiving stopped without having failed. */
static void
receive_again(struct conn *conn, int result)
{
	if (result == -EINVAL)
		multishot = false; /* Linux before 6.0 */
	if (result != -ENOBUFS) {
		start_receive(conn);
		return;
	}
	conn->starved = starved;
	starved = conn;
}

static void
on_receive(struct conn *conn, const struct io_uring_cqe *cqe)
{
	const int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

	conn->receiving = (cqe->flags & IORING_CQE_F_MORE) != 0;
	if (cqe->res > 0 && !conn->failed)
		append(conn, id, (unsigned int)cqe->res);
	else if (cqe->flags & IORING_CQE_F_BUFFER)
		recycle(id);
	if (cqe->res == 0)
		conn->ended = true;
	else if (cqe->res < 0 && cqe->res != -ENOBUFS && cqe->res != -EINTR &&
	    !(cqe->res == -EINVAL && conn->multishot))
		conn->failed = true;
	if (!conn->receiving && !conn->ended && !conn->failed)
		receive_again(conn, cqe->res);
	if (conn->first != NONE && !conn->sending && !conn->failed)
		start_send(conn);
	settle(conn);
}

static void
on_send(struct conn *conn, int result)
{
	struct piece *piece = &pieces[conn->first];

	conn->sending = false;
	if (result < 0 && result != -EINTR && result != -EAGAIN)
		conn->failed = true;
	else if (result > 0)
		piece->begin += (unsigned int)result;
	if (piece->begin == piece->end)
		drop_first(conn);
	if (conn->first != NONE && !conn->failed)
		start_send(conn);
	settle(conn);
}

/* --- life ------------------------------------------------------------------------ */

static void
on_completion(int listener, const struct io_uring_cqe *cqe)
{
	const uint64_t data = io_uring_cqe_get_data64(cqe);
	struct conn *conn = (struct conn *)(uintptr_t)(data & ~(uint64_t)OPERATIONS);

	switch ((enum operation)(data & OPERATIONS)) {
	case ACCEPT:
		if (cqe->res >= 0)
			on_accept(cqe->res);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			start_accept(listener);
		break;
	case RECEIVE:
		on_receive(conn, cqe);
		break;
	case SEND:
		on_send(conn, cqe->res);
		break;
	case OPERATIONS:
		break;
	}
}

static void
serve(int listener, const sigset_t *while_waiting)
{
	sigset_t mask = *while_waiting;

	start_accept(listener);
	while (!peer_stopped()) {
		struct io_uring_cqe *cqe = NULL;
		unsigned int head, seen = 0;

		io_uring_submit_and_wait_timeout(&ring, &cqe, 1, NULL, &mask);
		io_uring_for_each_cqe(&ring, head, cqe) {
			on_completion(listener, cqe);
			seen++;
		}
		io_uring_cq_advance(&ring, seen);
	}
}

static void *
map(size_t size)
{
	void *memory_there = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory_there == MAP_FAILED)
		peer_die("mmap");
	return memory_there;
}

static void
make_ring(void)
{
	int error = io_uring_queue_init(ENTRIES, &ring,
	    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	if (error == -EINVAL) /* Linux before 6.1 */
		error = io_uring_queue_init(ENTRIES, &ring, 0);
	if (error < 0)
		unavailable("io_uring_setup", -error);
}

static void
make_buffers(void)
{
	struct io_uring_buf_reg about = { .ring_entries = buffer_count, .bgid = GROUP };
	int error;

	buffer_ring = map(buffer_count * sizeof(struct io_uring_buf));
	about.ring_addr = (uintptr_t)buffer_ring;
	error = io_uring_register_buf_ring(&ring, &about, 0);
	if (error < 0)
		unavailable("io_uring has no ring of buffers (Linux 5.19)", -error);
	io_uring_buf_ring_init(buffer_ring);
	memory = map(buffer_count * buffer_size);
	pieces = calloc(buffer_count, sizeof(*pieces));
	if (pieces == NULL)
		peer_die("calloc");
	for (unsigned int i = 0; i < buffer_count; i++)
		give_buffer((int)i);
}

int
main(int argc, char **argv)
{
	int listener;

	if (argc > 2)
		buffer_size = (size_t)peer_number(argv[2]);
	if (argc > 3)
		buffer_count = (unsigned int)peer_number(argv[3]);
	make_ring();
	make_buffers();
	listener = peer_socket(SOCK_STREAM, argc > 1 ? peer_number(argv[1]) : 0);
	peer_tune(listener, 0); /* what is accepted inherits it */
	peer_ready(listener);
	serve(listener, peer_signals());
	io_uring_queue_exit(&ring);
	close(listener);
	munmap(buffer_ring, buffer_count * sizeof(struct io_uring_buf));
	munmap(memory, buffer_count * buffer_size);
	free(pieces);
	return EXIT_SUCCESS;
}
