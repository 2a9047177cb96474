/*
 * The counters and their names: one line each.  A counter has one writer, the
 * thread that owns what it counts; whoever reads adds them up.
 */
#ifndef DAEMON_ACCOUNT_COUNTERS_H
#define DAEMON_ACCOUNT_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

/* By the one writer: a plain addition, since nobody else stores. */
static inline void
counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

static inline uint64_t
counter_read(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* Why a connection ended: the label of the counter and the word in the log. */
#define CLOSE_REASONS(X)                                                              \
	X(PEER, "peer")         /* the peer shut down its side and has all its bytes */ \
	X(RESET, "reset")       /* the peer reset the connection */                     \
	X(VANISHED, "vanished") /* the peer or the way to it is gone: no answer */      \
	X(ERROR, "error")       /* any other error of the socket */                     \
	X(IDLE, "idle_timeout") /* limits.idle_timeout */                               \
	X(WRITE, "write_timeout") /* limits.write_timeout */                            \
	X(STALLED, "stalled")   /* limits.stalled_connections or limits.blocked_memory */ \
	X(LIFETIME, "lifetime") /* limits.lifetime */                                   \
	X(DRAIN, "drain")       /* its turn in a drain */                               \
	X(STOP, "stop")         /* the end of a drain, or the second signal */          \
	X(MEMORY, "memory")     /* an allocation failed, here or in the kernel */

#define CLOSE_REASON_ENUM(id, name) CLOSE_##id,
enum close_reason { CLOSE_REASONS(CLOSE_REASON_ENUM) CLOSE_REASON_COUNT };

/* Why an accepted connection was not served. */
#define REFUSE_REASONS(X)                                           \
	X(ABORTED, "aborted") /* gone before accept(2) returned it */ \
	X(MEMORY, "memory")   /* an allocation failed */              \
	X(DENIED, "denied")   /* the access list */                   \
	X(SOURCE_CONNECTIONS, "source_connections") /* limits.connections_per_source */ \
	X(SOURCE_RATE, "source_rate")               /* limits.connection_rate_per_source */ \
	X(DRAIN, "drain")     /* in the queue of a listener that closed, with no room left */

#define REFUSE_REASON_ENUM(id, name) REFUSE_##id,
enum refuse_reason { REFUSE_REASONS(REFUSE_REASON_ENUM) REFUSE_REASON_COUNT };

/* Why a datagram got no answer. */
#define DROP_REASONS(X)                                                                    \
	X(TRUNCATED, "truncated")           /* it, or what the kernel told of it */          \
	X(SIZE, "size")                     /* longer than udp.max_datagram */               \
	X(SOURCE_PORT, "source_port")       /* of udp.refuse_source_ports, or of our own */  \
	X(SOURCE_ADDRESS, "source_address") /* no host can have it, or this one */                        \
	X(DENIED, "denied")                 /* the access list */                            \
	X(DESTINATION, "destination")       /* sent to a broadcast or multicast address */   \
	X(SOURCE_RATE, "source_rate")       /* beyond limits.datagram_rate_per_source */     \
	X(RATE, "rate")                     /* beyond limits.datagram_rate */                \
	X(RECEIVE, "receive")               /* recvmsg(2) failed: an ICMP error, memory */   \
	X(FULL, "full") /* the socket's send buffer or the device's queue was full */        \
	X(SEND, "send") /* sendmsg(2) failed otherwise */

#define DROP_REASON_ENUM(id, name) DROP_##id,
enum drop_reason { DROP_REASONS(DROP_REASON_ENUM) DROP_REASON_COUNT };

/* The reason that an errno of a connection's socket stands for. */
enum close_reason close_reason_of(int error);

/* Their names, as logs and metrics have them. */
const char *close_reason_name(enum close_reason reason);
const char *refuse_reason_name(enum refuse_reason reason);
const char *drop_reason_name(enum drop_reason reason);

/* What one worker did with datagrams. */
struct datagram_counters {
	counter received;
	counter sent;
	counter dropped[DROP_REASON_COUNT];
};

#endif
