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

struct datagram_socket;

/*
 * For `fd`, a bound non-blocking socket that tells the address asked (IP_PKTINFO,
 * IPV6_RECVPKTINFO); it is the caller's until datagram_socket_open() takes it over.  `batch`
 * is the room of the worker that will have it; `guard` says what is answered, and outlives it.
 * Returns NULL with errno.  datagram_socket_free() frees it, before datagram_socket_open() or
 * after it came back.  Both are the control thread's to call: they hold the ledger of `branch`.
 */
struct datagram_socket *datagram_socket_new(int fd, struct branch *branch, struct batch *batch,
    struct guard *guard);
void datagram_socket_free(struct datagram_socket *socket);

/*
 * From the control thread, at any time: says who may talk to echod from the next batch
 * on.  Takes a hold of `acl`; before the first call everyone may.
 */
void datagram_socket_set_acl(struct datagram_socket *socket, struct acl *acl);

/*
 * Before datagram_socket_open(): others have the socket too, so that datagram_socket_close()
 * leaves what has arrived, and what is yet to arrive, to whoever reads it next.
 */
void datagram_socket_leave_to_owner(struct datagram_socket *socket);

/* The letter that carries it to its worker, and the one that calls it back. */
struct letter *datagram_socket_opening(struct datagram_socket *socket);
struct letter *datagram_socket_closing(struct datagram_socket *socket);
struct datagram_socket *datagram_socket_from_opening(struct letter *letter);
struct datagram_socket *datagram_socket_from_closing(struct letter *letter);

/* Begins to echo, in `loop`'s thread.  Says so in the log where it cannot. */
void datagram_socket_open(struct datagram_socket *socket, struct loop *loop);

/* Answers what has arrived, closes the socket and reports to the control thread. */
void datagram_socket_close(struct datagram_socket *socket);

#endif
