/*
 * The names of Unix sockets (unix(7)), as both commands write them: a path, or "@" and an
 * abstract name, of which each network namespace has its own.
 *
 * A name is one word of printable ASCII characters, as it goes into URIs and log lines.
 */
#ifndef NET_UNIX_NAME_H
#define NET_UNIX_NAME_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* "@", the 107 bytes that there is room for in an address, and the NUL. */
#define UNIX_NAME_SIZE 109

/* Returns NULL where `name` can be one, or what would be right, a constant. */
const char *unix_name_fault(const char *name);

bool unix_name_is_abstract(const char *name);

/* Writes `name`, which has no fault, to *address; returns the length that bind(2) wants. */
socklen_t unix_name_to_sockaddr(const char *name, struct sockaddr_un *address);

/*
 * Writes to `name` what getsockname(2) gave.  Returns false where the socket has no name, or
 * none that could be written.
 */
bool unix_name_from_sockaddr(char name[UNIX_NAME_SIZE], const struct sockaddr_un *address,
    socklen_t length);

#endif
