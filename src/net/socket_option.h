/* One option of a socket that is worth having, but no reason not to serve. */
#ifndef NET_SOCKET_OPTION_H
#define NET_SOCKET_OPTION_H

/* As setsockopt(2) with an int; a failure is logged at level debug. */
void socket_option_set(int fd, int level, int option, int value);

#endif
