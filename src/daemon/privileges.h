/*
 * Giving up root once the sockets are bound, for good.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include "daemon/config.h"

/*
 * Started as root: hands the bound sockets of `fds` to the user, since the kernel lets
 * only sockets of one user share an address on a reload (socket(7)); becomes the user
 * and group of `config`, with that user's supplementary groups; and proves that there
 * is no way back.  With no user set it stays root and warns.  Not root: stays who it
 * is.  Before any thread starts.
 * Returns 0, or -1 after an error in the log: the process must not go on then.
 */
int privileges_drop(const struct config *config, const int *fds, size_t fd_count);

#endif
