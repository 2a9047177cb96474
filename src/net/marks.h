/*
 * What IP packets carry beside addresses and bytes: the marks that routers treat them by, and how
 * far they may go.  DSCP (RFC 2474) and ECN (RFC 3168) share one byte, which IPv4 calls type of
 * service (TOS) and IPv6 traffic class; the time to live (TTL) is the hop limit of IPv6.
 */
#ifndef NET_MARKS_H
#define NET_MARKS_H

#include <stdbool.h>
#include <sys/socket.h>

/* What a socket is to send with. */
struct marking {
	bool has_tos;
	unsigned char tos;
	int ttl; /* 0: as the system has it */
	enum {
		FRAGMENTS_AS_EVER,
		FRAGMENTS_ALLOWED,
		FRAGMENTS_FORBIDDEN,
		FRAGMENTS_PROBED, /* forbidden, whatever the system remembers of the path */
	} fragments;
};

#define MARKS_DSCP_SHIFT 2 /* of the TOS */

/* What a datagram came with; -1 where that is not known. */
struct marks {
	int tos, ttl;
};

/*
 * Read "ef", "af41", "cs6" or a number from 0 to 63, "ect0" or a number from 0 to 3, "do" or "dont".
 * Return NULL, or what would be right as a constant string.
 */
const char *marks_parse_dscp(const char *text, int *dscp);
const char *marking_parse_dscp(struct marking *marking, const char *text);
const char *marking_parse_ecn(struct marking *marking, const char *text);
const char *marking_parse_fragments(struct marking *marking, const char *text);

/* Sets a new socket of `family`: AF_INET or AF_INET6, else nothing.  Returns 0 or an errno. */
int marking_set(const struct marking *marking, int fd, int family);

/* From now on the socket, for datagrams, tells what each comes with. */
void marks_ask(int fd, int family);

/* What recvmsg(2) tells by the control messages of `header`. */
struct marks marks_read(struct msghdr *header);

/* The room for these in a control buffer. */
#define MARKS_SPACE (2 * CMSG_SPACE(sizeof(int)))

/* The longest path MTU that the system knows of a connected socket's way; 0: it knows none. */
int marks_path_mtu(int fd, int family);

#endif
