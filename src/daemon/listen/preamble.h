/*
 * What comes before a connection is admitted: the header of the PROXY protocol, by which a
 * proxy says whose connection it is.  Until it is there, whole and right, nothing is echoed and
 * nobody's books are opened but the proxy's; who is waited for is bounded in number by
 * limits.connections and in time by limits.preamble_timeout.
 *
 * Of what is there no more is taken than the header's, so that what follows it is first met by the
 * worker.  The control thread's alone.
 */
#ifndef DAEMON_LISTEN_PREAMBLE_H
#define DAEMON_LISTEN_PREAMBLE_H

#include <stdint.h>

#include "daemon/account/ledger.h"
#include "daemon/listen/packed.h"
#include "net/address.h"

struct admission;
struct welcome;
struct event_base;
struct preamble;
struct preambles;

/*
 * Returns nobody who is waited for, or NULL with errno.  preambles_free() frees it, and closes
 * with a reset whoever is still waited for.
 */
struct preambles *preambles_new(struct event_base *base, struct admission *admission);
void preambles_free(struct preambles *preambles);

/* How long a connection may take to say whose it is: ms, for those that are there as well. */
void preambles_set_timeout(struct preambles *preambles, int64_t timeout);

/*
 * Takes over `fd`, just accepted from `proxy`, who is trusted, for the listener of `ledger`.
 * It is admitted as soon as its header is there, with `welcome`, which is copied, or closed with a
 * reset, and counted.
 */
void preambles_begin(struct preambles *preambles, struct ledger *ledger, int fd,
    const struct address *proxy, const struct welcome *welcome);

/* Nobody is looked at, however much there is and however late it is, until they are to go on. */
void preambles_pause(struct preambles *preambles);
void preambles_resume(struct preambles *preambles);

/* A drain begins: whose header is there is admitted, and the others have nothing to lose. */
void preambles_drain(struct preambles *preambles);

/* --- from one process to another ------------------------------------------------------- */

/*
 * Has each packed that can travel, which those of listeners that speak TLS cannot: what they were
 * to speak by is this process's.  Returns 0, or -1 where `visit` does, and stops there.
 */
int preambles_pack(const struct preambles *preambles,
    int (*visit)(void *arg, const struct ledger *ledger, const struct packed_preamble *packed, int fd),
    void *arg);

/*
 * Those that travel are another process's: closes their sockets here, and settles the books of their
 * proxies.  The others stay, paused.
 */
void preambles_let_go(struct preambles *preambles);

/*
 * One that another process had, whose proxy's source has been adopted: `fd` is taken over.  Returns
 * NULL without memory, `fd` still the caller's; preamble_go_on() has it waited for, for what is
 * left of its time, or preamble_drop() closes it, where it was not.
 */
struct preamble *preamble_unpack(struct preambles *preambles, struct ledger *ledger, int fd,
    const struct packed_preamble *packed);
void preamble_go_on(struct preamble *preamble);
void preamble_drop(struct preamble *preamble);

#endif
