/*
 * What the tests of connections have in common: one connection over the loopback, in a loop
 * that is turned by hand, and its peer.
 */
#ifndef TESTS_UNIT_ONE_CONN_H
#define TESTS_UNIT_ONE_CONN_H

#include <event2/event.h>

#include "daemon/stream/conn.h"

/* Each back end, for a loop test. */
#define ONE_CONN_CONFIGS 4
extern const struct loop_settings one_conn_configs[ONE_CONN_CONFIGS];

extern struct loop *loop;
extern struct crowd *crowd;
extern struct ledger *ledger; /* of `conn` alone */
extern struct conn *conn;     /* not there any more once `closed` */
extern int served;            /* its socket */
extern int peer;              /* the socket of the other end */
extern bool closed;
extern enum close_reason reason; /* once `closed` */
extern enum tls_fault fault;     /* the same, of CLOSE_TLS */
extern int closed_count;

void set_up(const struct loop_settings *settings);
/* The same, with buffers of `buffer` bytes; 0: autotuned ones. */
void set_up_with(const struct loop_settings *settings, int buffer);
/* The same, of a listener that greets; `full`: its socket takes nothing before the peer reads. */
void set_up_greeted(const struct loop_settings *settings, const char *greeting, bool full);
/* The same, of a listener that speaks TLS by `tls`; "": without a greeting. */
void set_up_secure(const struct loop_settings *settings, int buffer, struct tls_context *tls,
    const char *greeting);
void tear_down(void);

/* Opens another connection of the crowd's: returns its peer's socket. */
int another_peer(struct tls_context *tls);

/* Both ends of a TCP connection with the segments of an Ethernet and such buffers. */
void connect_pair(int pair[2], int buffer);

/* One turn of the loop, and of the control thread's. */
void turn(void);

/* Turns until the kernel has brought all that ends the connection, which no single turn awaits. */
void turn_until_closed(void);

/* Sends as much of the stream as the socket takes, up to `end`.  Returns how far that was. */
size_t peer_send(size_t at, size_t end);

/* Sends all of it: by turns, where the kernel lacks memory to take it at once. */
void peer_send_all(size_t at, size_t end);

/* Receives what there is and compares it.  Returns how far that was; *eof at the end. */
size_t peer_receive(size_t at, bool *eof);

/* Turns until the kernel has brought what either end sent; for the connection that was now. */
void rest(void);

/* Sends without reading until nothing moves any more, and rests.  Returns how many bytes that took. */
size_t fill(void);

#endif
