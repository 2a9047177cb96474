/*
 * Descriptors that go with a message from one process to another (unix(7), SCM_RIGHTS).
 */
#ifndef DAEMON_HANDOVER_RIGHTS_H
#define DAEMON_HANDOVER_RIGHTS_H

#include <stddef.h>
#include <sys/socket.h>

/* The size of the control of a message that has so many. */
#define RIGHTS_SIZE(count) CMSG_SPACE((count) * sizeof(int))

/*
 * Puts `count` of them, which stay the caller's, into the control of a message, which has room for
 * them; 0: none.
 */
void rights_put(struct msghdr *header, const int *fds, size_t count);

/*
 * Copies those of a message that was received to `fds`, which has room for what its control had
 * room for.  Returns how many they are, which are the caller's.
 */
size_t rights_take(const struct msghdr *header, int *fds);

#endif
