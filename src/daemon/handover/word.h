/*
 * What a daemon and its successor say to each other while one takes over from the other by hand:
 * words, each a message of its own over a socket that keeps messages apart (SOCK_SEQPACKET,
 * unix(7)).
 *
 *	successor                      the one that serves
 *	HELLO, two empty flights   ->
 *	                           <-  SOCKETS: one has a parcel of what listens
 *	(makes ready)                  (serves on)
 *	READY                      ->
 *	                               (all stands still)
 *	                           <-  PARCEL: the other one has that of all there is
 *	(makes it its own; takes it)
 *	TAKEN                      ->
 *	(serves)                       (ends)
 *
 * Whose a parcel is that is in flight, the flight says (flight.h), and not a word: until it is taken
 * either may be gone, and the other serves.
 */
#ifndef DAEMON_HANDOVER_WORD_H
#define DAEMON_HANDOVER_WORD_H

#include <stddef.h>

#include "daemon/handover/flight.h"

enum word {
	WORD_HELLO, /* with the version of the program */
	WORD_SOCKETS, /* with its process number: who listened first need not be who serves */
	WORD_READY,
	WORD_PARCEL,
	WORD_TAKEN,
	WORD_NO, /* with the reason */
	WORD_COUNT
};

#define WORD_TEXT_SIZE 112

/* How many descriptors a word may have: those of the flights. */
#define WORD_FDS_MOST (FLIGHTS * FLIGHT_FDS)

struct message {
	enum word word;
	char text[WORD_TEXT_SIZE]; /* "": it says no more; printable ASCII */
	size_t count;
	int fds[WORD_FDS_MOST];
};

/*
 * Sends *message at once or not at all; the descriptors stay the caller's.  Returns 0, or -1 with
 * errno.
 */
int message_send(int fd, const struct message *message);

/* The same of a word alone; `text` is cut where it is long. */
int word_send(int fd, enum word word, const char *text);

/*
 * Receives the next, if it is there, whose descriptors are then the caller's.  Returns 1; or 0:
 * there will be none; or -1 with errno and no descriptors: EAGAIN; EPROTO for what is none of these,
 * or of another version than this one's; EMFILE for one whose descriptors this process may not have.
 */
int message_receive(int fd, struct message *message);

/* Closes its descriptors. */
void message_close(struct message *message);

#endif
