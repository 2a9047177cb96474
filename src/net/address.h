/*
 * Socket addresses: one compact value for IPv4 and IPv6, its text and back; and in their place
 * what is known of a peer on a Unix socket, which has no address: who it is.
 *
 * A v4-mapped IPv6 address (RFC 4291, 2.5.5.2) becomes the IPv4 address that
 * it stands for at the door, so that nothing behind it meets one.  In the same way only
 * addresses of which each interface has its own, those that are link-local, keep a scope
 * (RFC 4007): so what is equal has one text, which is read as the same again.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Who called connect(2), as the kernel says (unix(7), SO_PEERCRED). */
struct unix_peer {
	sa_family_t family; /* AF_UNIX */
	pid_t pid;          /* 0: of a process that this one cannot see */
	uid_t uid;
};

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct unix_peer unix_peer;
	};
};

/* "[", 45 characters of address, "%", 15 of interface, "]:65535" and the NUL. */
#define ADDRESS_TEXT_SIZE 72

/* 45 characters of address, "%", 15 of interface, and the NUL. */
#define ADDRESS_HOST_SIZE 62

/* What would be right, and the NUL. */
#define ADDRESS_RIGHT_SIZE 160

/*
 * Reads a numeric IPv4 or IPv6 address (without brackets; a link-local one may have
 * "%interface", by name or number) into *address, with `port` in host order.
 * Resolves no names.  Returns false, *address untouched, when `text` is none, or names an
 * interface that the host does not have.
 */
bool address_parse(struct address *address, const char *text, uint16_t port);

/*
 * Judges the numeric address `text` as one to listen on or to connect to, whether or not the
 * host has the interface that it names.  Returns true, with the one way to write it in `host`;
 * or false with what would be right in `right`, "" where `text` is no address at all.
 */
bool address_check_host(const char *text, char host[ADDRESS_HOST_SIZE],
    char right[ADDRESS_RIGHT_SIZE]);

/* Takes over what accept(2), recvmsg(2) or getsockname(2) gave. */
void address_from_sockaddr(struct address *address, const struct sockaddr *sa, socklen_t length);

/* The peer of a Unix socket. */
struct address address_of_unix_peer(uid_t uid, pid_t pid);

/* The length that bind(2) and sendmsg(2) want. */
socklen_t address_length(const struct address *address);

/* The port in host order; 0 for a family that has none. */
static inline uint16_t
address_port(const struct address *address)
{
	switch (address->sa.sa_family) {
	case AF_INET:
		return ntohs(address->in4.sin_port);
	case AF_INET6:
		return ntohs(address->in6.sin6_port);
	default:
		return 0;
	}
}

void address_set_port(struct address *address, uint16_t port);

/* True for 0.0.0.0 and ::. */
bool address_is_wildcard(const struct address *address);

/* True for 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct address *address);

/* True when both name the same host and the same port. */
bool address_equal(const struct address *a, const struct address *b);

/*
 * Writes "192.0.2.1:7", "[2001:db8::1]:7" or "uid:1000,pid:4711" to `text` and returns it; a
 * family that echod does not know gives "unknown".
 */
const char *address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

#endif
