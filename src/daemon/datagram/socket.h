/*
 * The datagram echo (RFC 862): one datagram out for each one in that the guard lets
 * pass, of the same length, from the address that was asked.
 *
 * The control thread makes a socket's echo, gives it to a worker, and calls it back.
 */
#ifndef DAEMON_DATAGRAM_SOCKET_H
#define DAEMON_DATAGRAM_SOCKET_H

#include "daemon/account/counters.h"
#include "daemon/account/ledger.h"
#include "daemon/datagram/batch.h"
#include "daemon/datagram/guard.h"
#include "daemon/threads/worker.h"

struct datagram_socket;

/*
 * For `fd`, a bound non-blocking socket that tells the address asked (IP_PKTINFO,
 * IPV6_RECVPKTINFO); it is the caller's until datagram_socket_open() takes it over.  `batch`
 * is the room of the worker that will have it; `guard` says what is answered, and outlives it.
 * Returns NULL with errno.  datagram_socket_free() frees it, before datagram_socket_post().
 * Both are the control thread's to call: they hold the ledger of `branch`.
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
 * Before datagram_socket_open(), or while its worker stands still: others have the socket too, so
 * that datagram_socket_close() leaves what has arrived, and what is yet to arrive, to whoever reads
 * it next.
 */
void datagram_socket_leave_to_owner(struct datagram_socket *socket);

/* Gives it to `worker`, that of its branch, which opens it: the worker's from here on. */
void datagram_socket_post(struct datagram_socket *socket, struct worker *worker);

/* Has `worker` close it: it is freed by the control thread when it has come home. */
void datagram_socket_recall(struct datagram_socket *socket, struct worker *worker);

/* Begins to echo, in `loop`'s thread.  Says so in the log where it cannot. */
void datagram_socket_open(struct datagram_socket *socket, struct loop *loop);

/* Answers what has arrived, closes the socket and sends it home, where it is freed. */
void datagram_socket_close(struct datagram_socket *socket);

#endif
