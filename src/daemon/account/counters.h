/*
 * The counters, a row each: from it they are kept (ledger.h), summed and settled (census.h), and
 * rendered.  A counter has one writer, the thread that owns what it counts; whoever reads adds
 * them up.
 */
#ifndef DAEMON_ACCOUNT_COUNTERS_H
#define DAEMON_ACCOUNT_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/account/scale.h"
#include "net/tls/fault.h"

typedef _Atomic uint64_t counter;

/* By the one writer: a plain addition, since nobody else stores. */
static inline void
counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

static inline void
counter_subtract(counter *c, uint64_t n)
{
	counter_add(c, 0 - n);
}

static inline uint64_t
counter_read(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* By the one writer of all cells of a histogram, in the unit of its scale. */
static inline void
histogram_add(counter *cells, const struct scale *scale, uint64_t value)
{
	counter_add(&cells[scale_find(scale, value)], 1);
	counter_add(&cells[scale_sum(scale)], value);
}

/* Why a connection ended: the label of the counter and the word in the log. */
#define CLOSE_REASONS(X)                                                                  \
	X(PEER, "peer")         /* the peer shut down its side and has all its bytes */   \
	X(RESET, "reset")       /* the peer reset the connection */                       \
	X(VANISHED, "vanished") /* the peer or the way to it is gone: no answer */        \
	X(ERROR, "error")       /* any other error of the socket */                       \
	X(IDLE, "idle_timeout") /* limits.idle_timeout */                                 \
	X(WRITE, "write_timeout") /* limits.write_timeout */                              \
	X(STALLED, "stalled")   /* limits.stalled_connections or limits.blocked_memory */ \
	X(LIFETIME, "lifetime") /* limits.lifetime */                                     \
	X(DRAIN, "drain")       /* its turn in a drain */                                 \
	X(STOP, "stop")         /* the end of a drain, or the second signal */            \
	X(MEMORY, "memory")     /* an allocation failed, here or in the kernel */         \
	X(TLS, "tls")           /* a fault of net/tls/fault.h */

#define CLOSE_REASON_ENUM(id, name) CLOSE_##id,
enum close_reason { CLOSE_REASONS(CLOSE_REASON_ENUM) CLOSE_REASON_COUNT };

/* Why an accepted connection was not served. */
#define REFUSE_REASONS(X)                                                                      \
	X(ABORTED, "aborted") /* gone before accept(2) returned it */                          \
	X(MEMORY, "memory")   /* an allocation failed */                                       \
	X(DENIED, "denied")   /* the access list */                                            \
	X(SOURCE_CONNECTIONS, "source_connections") /* limits.connections_per_source */        \
	X(SOURCE_RATE, "source_rate")               /* limits.connection_rate_per_source */    \
	X(DRAIN, "drain")     /* in the queue of a listener that closed, or in its preamble */ \
	X(PROXY_UNTRUSTED, "proxy_untrusted")   /* not of trusted_proxies */                   \
	X(PREAMBLE_EMPTY, "preamble_empty")     /* ended without a byte: a health check */     \
	X(PREAMBLE_CUT, "preamble_cut")         /* ended within its header */                  \
	X(PREAMBLE_TIMEOUT, "preamble_timeout") /* limits.preamble_timeout */                  \
	/* What is wrong with the header: see net/proxy_header.h. */                           \
	X(HEADER_SIGNATURE, "header_signature")                                                \
	X(HEADER_LINE, "header_line")                                                          \
	X(HEADER_VERSION, "header_version")                                                    \
	X(HEADER_COMMAND, "header_command")                                                    \
	X(HEADER_FAMILY, "header_family")                                                      \
	X(HEADER_LENGTH, "header_length")                                                      \
	X(HEADER_TLV, "header_tlv")                                                            \
	X(HEADER_CHECKSUM, "header_checksum")

#define REFUSE_REASON_ENUM(id, name) REFUSE_##id,
enum refuse_reason { REFUSE_REASONS(REFUSE_REASON_ENUM) REFUSE_REASON_COUNT };

/* What a header of the PROXY protocol said. */
#define HEADER_KINDS(X)                                                      \
	X(PROXIED, "proxied") /* whose connection it is */                   \
	X(UNKNOWN, "unknown") /* that this is not known: the proxy's */      \
	X(LOCAL, "local")     /* that it is the proxy's own: a health check */

#define HEADER_KIND_ENUM(id, name) HEADER_##id,
enum header_kind { HEADER_KINDS(HEADER_KIND_ENUM) HEADER_KIND_COUNT };

/* Why a datagram got no answer. */
#define DROP_REASONS(X)                                                                      \
	X(TRUNCATED, "truncated")           /* it, or what the kernel told of it */          \
	X(SIZE, "size")                     /* longer than udp.max_datagram */               \
	X(SOURCE_PORT, "source_port")       /* of udp.refuse_source_ports, or of our own */  \
	X(SOURCE_ADDRESS, "source_address") /* no host can have it, or this one */           \
	X(DENIED, "denied")                 /* the access list */                            \
	X(DESTINATION, "destination")       /* sent to a broadcast or multicast address */   \
	X(SOURCE_RATE, "source_rate")       /* beyond limits.datagram_rate_per_source */     \
	X(RATE, "rate")                     /* beyond limits.datagram_rate */                \
	X(RECEIVE, "receive")               /* recvmsg(2) failed: an ICMP error, memory */   \
	X(FULL, "full") /* the socket's send buffer or the device's queue was full */        \
	X(SEND, "send") /* sendmsg(2) failed otherwise */

#define DROP_REASON_ENUM(id, name) DROP_##id,
enum drop_reason { DROP_REASONS(DROP_REASON_ENUM) DROP_REASON_COUNT };

/* How a TLS handshake went that succeeded. */
#define HANDSHAKE_KINDS(X)                                             \
	X(FULL, "full")       /* with a certificate */                 \
	X(RESUMED, "resumed") /* by a ticket of an earlier session */

#define HANDSHAKE_KIND_ENUM(id, name) HANDSHAKE_##id,
enum handshake_kind { HANDSHAKE_KINDS(HANDSHAKE_KIND_ENUM) HANDSHAKE_KIND_COUNT };

/* The reason that an errno of a connection's socket stands for. */
enum close_reason close_reason_of(int error);

/* Their names, as logs and metrics have them. */
const char *close_reason_name(enum close_reason reason);
const char *refuse_reason_name(enum refuse_reason reason);
const char *tls_fault_name(enum tls_fault fault);

extern const char *const close_reason_names[CLOSE_REASON_COUNT];
extern const char *const refuse_reason_names[REFUSE_REASON_COUNT];
extern const char *const header_kind_names[HEADER_KIND_COUNT];
extern const char *const handshake_kind_names[HANDSHAKE_KIND_COUNT];
extern const char *const tls_fault_names[TLS_FAULT_COUNT];
extern const char *const drop_reason_names[DROP_REASON_COUNT];

enum family_type {
	FAMILY_COUNTER, /* goes back by a restart alone */
	FAMILY_GAUGE,
	FAMILY_HISTOGRAM, /* of what is counted: by its `scale` */
};

/* What is counted under one name. */
struct family {
	const char *name, *help; /* a sentence */
	enum family_type type;
	const char *label;         /* what tells its `count` series from each other, or NULL */
	const char *const *values; /* of the label */
	size_t count;              /* of a histogram: of its cells */
	unsigned decimals;         /* its numbers are so many digits too long: ms of a second are 3 */
	const struct scale *scale; /* of a histogram alone */
};

/*
 * What tells the number at `index` from the others of a family whose values are its own: its
 * label's, of a histogram its bound or "sum", or "".
 */
const char *family_value(const struct family *family, size_t index);

/* What a listener carries: the counters of the other are not its own. */
enum carried {
	CARRIES_STREAMS = 1,
	CARRIES_DATAGRAMS = 2,
	CARRIES_ANY = CARRIES_STREAMS | CARRIES_DATAGRAMS,
	CARRIES_TLS = 4, /* over streams */
};

/*
 * What is counted for each listener, in the order in which it is rendered: by the control thread,
 * and by each worker.  ONE is a counter; EACH is one for each reason; TIMES is a histogram.
 *
 *	id, field of struct ledger or branch, [label, its values, how many,] what the
 *	listener carries, type, name, help
 *	id, field, the scale and its number of cells, what the listener carries, name, help
 */
#define LEDGER_ROWS(ONE, EACH, TIMES)                                                          \
	ONE(ACCEPTED, accepted, CARRIES_STREAMS, FAMILY_COUNTER,                               \
	    "echod_connections_accepted_total", "Connections that were accepted and served.")  \
	ONE(OPEN, open, CARRIES_STREAMS, FAMILY_GAUGE,                                         \
	    "echod_connections_open", "Connections that are open now.")                        \
	ONE(PREAMBLES, preambles, CARRIES_STREAMS, FAMILY_GAUGE,                               \
	    "echod_connections_preamble",                                                      \
	    "Connections whose header of the PROXY protocol is waited for.")                   \
	EACH(HEADERS, headers, "kind", header_kind_names, HEADER_KIND_COUNT,                   \
	    CARRIES_STREAMS, FAMILY_COUNTER,                                                   \
	    "echod_proxy_headers_total", "Headers of the PROXY protocol that were taken.")     \
	EACH(REFUSED, refused, "reason", refuse_reason_names, REFUSE_REASON_COUNT,             \
	    CARRIES_STREAMS, FAMILY_COUNTER,                                                   \
	    "echod_connections_refused_total", "Connections that were not served.")            \
	EACH(CLOSED, closed, "reason", close_reason_names, CLOSE_REASON_COUNT,                 \
	    CARRIES_STREAMS, FAMILY_COUNTER,                                                   \
	    "echod_connections_closed_total", "Connections that ended.")                       \
	TIMES(AGES, ages, age_scale, AGE_CELLS, CARRIES_STREAMS,                               \
	    "echod_connection_duration_seconds", "How long connections that ended were open.") \
	ONE(KERNEL_DROPPED, kernel_dropped, CARRIES_DATAGRAMS, FAMILY_COUNTER,                 \
	    "echod_datagrams_kernel_dropped_total",                                            \
	    "Datagrams that the kernel dropped, before echod could read them.")

#define BRANCH_ROWS(ONE, EACH, TIMES)                                                              \
	ONE(RECEIVED_BYTES, received_bytes, CARRIES_ANY, FAMILY_COUNTER,                           \
	    "echod_received_bytes_total",                                                          \
	    "Bytes that were read, of connections or datagrams.")                                  \
	ONE(SENT_BYTES, sent_bytes, CARRIES_ANY, FAMILY_COUNTER,                                   \
	    "echod_sent_bytes_total", "Bytes that were sent back.")                                \
	TIMES(WAITS, waits, wait_scale, WAIT_CELLS, CARRIES_STREAMS,                               \
	    "echod_blocked_seconds",                                                               \
	    "How long bytes waited that a connection's socket did not take at once.")              \
	ONE(DATAGRAMS_RECEIVED, datagrams_received, CARRIES_DATAGRAMS, FAMILY_COUNTER,             \
	    "echod_datagrams_received_total", "Datagrams that were read.")                         \
	ONE(DATAGRAMS_SENT, datagrams_sent, CARRIES_DATAGRAMS, FAMILY_COUNTER,                     \
	    "echod_datagrams_sent_total", "Datagrams that were sent back.")                        \
	EACH(DATAGRAMS_DROPPED, datagrams_dropped, "reason", drop_reason_names, DROP_REASON_COUNT, \
	    CARRIES_DATAGRAMS, FAMILY_COUNTER,                                                     \
	    "echod_datagrams_dropped_total", "Datagrams that got no answer.")                      \
	EACH(HANDSHAKES, handshakes, "kind", handshake_kind_names, HANDSHAKE_KIND_COUNT,           \
	    CARRIES_TLS, FAMILY_COUNTER,                                                           \
	    "echod_tls_handshakes_total", "TLS handshakes that succeeded.")                        \
	EACH(TLS_FAULTS, tls_faults, "reason", tls_fault_names, TLS_FAULT_COUNT,                   \
	    CARRIES_TLS, FAMILY_COUNTER,                                                           \
	    "echod_tls_faults_total", "TLS sessions that failed, before or after the handshake.")

#endif
