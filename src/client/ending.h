/*
 * How the other side ends it: one list for all modes.
 */
#ifndef CLIENT_ENDING_H
#define CLIENT_ENDING_H

enum ending {
	ENDING_CLOSED,  /* the other side closed, in order */
	ENDING_RESET,   /* the other side reset the connection */
	ENDING_REFUSED, /* nobody listens for datagrams */
	ENDING_LOST,    /* any other error of the channel */
};

/* What the errno of a channel_send() or channel_receive() means. */
enum ending ending_of_error(int error);

#endif
