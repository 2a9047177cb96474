/*
 * What the parts of the load generator share: the options, the phase that runs, and
 * what has been measured in it.  There is one thread, so all of it is plain data.
 *
 * Every workload is a closed loop: a thing in flight is replaced when it came back,
 * and nothing else is sent.  A phase ends by not replacing: it is over when nothing
 * is in flight, so that the server has done the work for all that was counted, and
 * no other.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How much one recv(2) of the load generator takes at most. */
#define LOAD_BUFFER (256 * 1024)

struct options {
	const char *mode;
	int port;
	int connections; /* or datagram sockets, or cycles at once */
	size_t size;     /* bytes of one message */
	int depth;       /* messages in flight for each connection */
	int flying;      /* datagrams in flight in all */
	int idle;        /* connections that are held besides */
	double seconds, warmup;
	uint64_t count; /* instead of seconds: so many echoes, without a warm-up */
	bool sync;
	bool is_unix; /* `port` is the number of an abstract name: peers/peer.h */
};

/* What epoll knows a socket by. */
struct source {
	void (*ready)(struct source *source, uint32_t events);
};

struct workload {
	void (*open)(void);  /* before the first phase */
	void (*begin)(void); /* of a phase: sends all that may be in flight */
	void (*tick)(void);  /* every 20 ms or so; NULL: nothing to do */
};

extern const struct workload load_stream, load_cycle, load_datagram, load_idle, load_silent;
extern struct options options;

/* --- the phase that runs (load.c) ------------------------------------------------ */

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t load_now(void);

/* Asks to send one more.  True: it is in flight from now. */
bool load_may_begin(void);

/* One came back whole: `begun` is when it was sent. */
void load_done(uint64_t begun, uint64_t now, size_t bytes);

/* One will not come back: an error of its connection, or a datagram that was lost. */
void load_failed(const char *what);
void load_lost(void);
void load_late(void);

void load_watch(int fd, struct source *source, int operation, uint32_t events);

/* Prints what happened, with errno unless it is 0, and exits. */
_Noreturn void load_die(const char *what);

/* --- content: so that no byte can come back in the place of another --------------- */

/* The `number`th message of sender `id`, options.size bytes. */
const unsigned char *load_message(unsigned int id, uint64_t number);

/* --- links: connections in the clear (load_plain.c) or over TLS 1.3 (load_tls.c) ----- */

/* A program has one of the two, so that neither pays for the other. */
struct load_link {
	int fd; /* -1: none */
	struct ssl_st *tls;
};

/* What load_connect() gives, or none: the program ends.  A handshake comes with its first bytes. */
void load_link_open(struct load_link *link, int type, unsigned int number);

/* As send(2) and recv(2). */
ssize_t load_link_send(struct load_link *link, const void *data, size_t size);
ssize_t load_link_receive(struct load_link *link, void *buffer, size_t size);

/* What epoll has to tell before a send goes on that failed with EAGAIN. */
uint32_t load_link_awaits(const struct load_link *link);

/* The end of our stream.  Returns 0, or -1 with errno. */
int load_link_end(struct load_link *link);

void load_link_close(struct load_link *link);

/* Closes by a reset: what the kernel remembers of a measurement is no load for the next. */
void load_link_reset(struct load_link *link);

/* --- connections that are only held (load_idle.c) ------------------------------------ */

/* Opens `count` of them, each with one echo, and keeps them. */
void load_hold(int count);

/* --- sockets (load_socket.c) ------------------------------------------------------- */

/*
 * A socket of `type` that is connected, or connecting where `type` has SOCK_NONBLOCK,
 * from one of several addresses of the loopback: one has 28,000 ports by default.
 * Returns -1 with errno.
 */
int load_connect(int type, unsigned int number);

/* Has its close be a reset. */
void load_set_reset(int fd);

#endif
