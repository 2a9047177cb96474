/*
 * The datagram echo (RFC 862): one datagram out for each one in that the guard lets
 * pass, of the same length, from the address that was asked.
 *
 * The control thread makes a socket's echo, gives it to a worker, and gets it
 * back closed.
 */
#ifndef DAEMON_DATAGRAM_SOCKET_H
#define DAEMON_DATAGRAM_SOCKET_H

#include "daemon/account/counters.h"
#include "daemon/account/ledger.h"
#include "daemon/datagram/batch.h"
#include "daemon/datagram/guard.h"
#include "daemon/threads/loop.h"

struct udp;

/*
 * For `fd`, a bound non-blocking socket that tells the address asked (IP_PKTINFO,
 * IPV6_RECVPKTINFO); it is the caller's until udp_open() takes it over.  `batch` is the
 * room of the worker that will have it; `guard` says what is answered, and outlives it.
 * Returns NULL with errno.  udp_free() frees it, before udp_open() or after it came back.
 * Both are the control thread's to call: they hold the ledger of `traffic`.
 */
struct udp *udp_new(int fd, struct traffic *traffic, struct batch *batch,
    struct udp_guard *guard);
void udp_free(struct udp *udp);

/*
 * From the control thread, at any time: says who may talk to echod from the next batch
 * on.  Takes a hold of `acl`; before the first call everyone may.
 */
void udp_set_acl(struct udp *udp, struct acl *acl);

/*
 * Before udp_open(): others have the socket too, so that udp_close() leaves what has
 * arrived, and what is yet to arrive, to whoever reads it next.
 */
void udp_leave_to_owner(struct udp *udp);

/* The message that carries it to its worker, and the one that calls it back. */
struct message *udp_opening(struct udp *udp);
struct message *udp_closing(struct udp *udp);
struct udp *udp_from_opening(struct message *message);
struct udp *udp_from_closing(struct message *message);

/* Begins to echo, in `loop`'s thread.  Says so in the log where it cannot. */
void udp_open(struct udp *udp, struct loop *loop);

/* Answers what has arrived, closes the socket and reports to the control thread. */
void udp_close(struct udp *udp);

#endif
