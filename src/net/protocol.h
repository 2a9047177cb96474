/*
 * The protocols that echod and its client speak: THE table.  What differs from one to
 * another is a column, so that another one is a row, and whoever lists them or asks what
 * they are needs no change.
 */
#ifndef NET_PROTOCOL_H
#define NET_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_TLS, PROTOCOL_UNIX, PROTOCOL_COUNT };

/* Room for protocol_names() or protocol_forms(), and the NUL. */
#define PROTOCOLS_TEXT_SIZE 128

/* "tcp", "udp", "tls" or "unix". */
const char *protocol_name(enum protocol protocol);

/* Returns false, *protocol untouched, when `name` is no protocol of echod's. */
bool protocol_parse(const char *name, enum protocol *protocol);

/*
 * Finds the protocol whose sockets are as SO_DOMAIN, SO_TYPE and SO_PROTOCOL say, the first
 * where several speak over the same.  Returns false, *protocol untouched, where there is none.
 */
bool protocol_of_socket(int domain, int type, int number, enum protocol *protocol);

/* True where peers make connections, false where they send datagrams. */
bool protocol_is_stream(enum protocol protocol);

/* True where a place is a host and a port, false where it is a path or an abstract name. */
bool protocol_has_ports(enum protocol protocol);

/* True where connections speak TLS. */
bool protocol_is_secure(enum protocol protocol);

/* What is between its name and the place in a URI: "://" or ":". */
const char *protocol_separator(enum protocol protocol);

/* SOCK_STREAM or SOCK_DGRAM. */
int protocol_socket_type(enum protocol protocol);

/* True where an address that a socket of one has is in use for a socket of the other. */
bool protocol_shares_addresses(enum protocol a, enum protocol b);

/* The one that is meant where none is named, and the port where that is not. */
enum protocol protocol_default(void);
uint16_t protocol_default_port(enum protocol protocol);

/* The one whose places are paths. */
enum protocol protocol_of_paths(void);

/* All of them, for texts: "tcp, udp, tls or unix", and "tcp://HOST:PORT, … or unix:PATH". */
const char *protocol_names(char text[PROTOCOLS_TEXT_SIZE]);
const char *protocol_forms(char text[PROTOCOLS_TEXT_SIZE]);

/* The names of those of which that holds: "tcp, udp or tls" where protocol_has_ports(). */
const char *protocol_names_of(bool (*holds)(enum protocol protocol),
    char text[PROTOCOLS_TEXT_SIZE]);

#endif
