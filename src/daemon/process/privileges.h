/*
 * Giving up root once the sockets are bound, for good: what is left is the right to bind
 * ports below 1024, which a reload may ask for.
 */
#ifndef DAEMON_PROCESS_PRIVILEGES_H
#define DAEMON_PROCESS_PRIVILEGES_H

#include <stddef.h>

/*
 * Whoever starts it: sets no_new_privs, so that no program that it might be made to
 * execute has more rights than it.
 *
 * Started as root: hands the bound sockets of `fds` to the user, since the kernel lets
 * only sockets of one user share an address on a reload (socket(7)); becomes `user`, with
 * `group` (empty: the user's own) and that user's supplementary groups; gives up all
 * capabilities but CAP_NET_BIND_SERVICE; and proves that there is no way back.  Where
 * `user` is empty it stays root and warns.  Not root: stays who it is, with the
 * capabilities that it was given.
 *
 * Before any thread starts: the kernel keeps all of this for each thread on its own, and
 * a new one has what its maker had.
 * Returns 0, or -1 after an error in the log: the process must not go on then.
 */
int privileges_drop(const char *user, const char *group, const int *fds, size_t fd_count);

#endif
