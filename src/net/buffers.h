/*
 * How much the kernel keeps for a socket: what has come and was not read, and what was sent
 * and not taken.
 */
#ifndef NET_BUFFERS_H
#define NET_BUFFERS_H

/*
 * Sets SO_SNDBUF and SO_RCVBUF, in bytes, for the connections to come where `fd` listens;
 * 0 gives the sizes back to the kernel's autotuning.
 */
void buffers_set(int fd, int bytes);

/*
 * Of a Unix socket `fd`, which accept(2) gave nothing of `listening`: it gets the sizes that were
 * set there, or a send buffer that is held, as below.
 */
void buffers_hand_on(int listening, int fd);

/*
 * Of a connection with autotuning: its receive buffer is the one that it begins with, and stays.
 * Else the kernel makes room for a peer that sends, whether or not it is read.  Before Linux
 * 5.14 nothing changes, here and below.
 */
void buffers_hold(int fd);

/* By how much a connection is let grow: bytes. */
#define BUFFERS_GROWTH 262144

/*
 * Ends buffers_hold(), or the same of a Unix socket, with more room to begin with; sizes that were
 * set stay.
 */
void buffers_let_grow(int fd);

#endif
