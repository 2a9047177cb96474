/*
 * What the service manager gives: sockets, by sd_listen_fds(3), and a watchdog, by
 * sd_watchdog_enabled(3).  Without libsystemd, or where there is no manager, nothing.  What it
 * is told: notify.h.
 */
#ifndef DAEMON_PROCESS_MANAGER_H
#define DAEMON_PROCESS_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

/* "+systemd" or "-systemd", for --version. */
extern const char manager_feature[];

/* The name by which it keeps a parcel for the next process (daemon/handover/deposit.h). */
#define MANAGER_PARCEL "echod-parcel"

/*
 * True where it passes such a parcel: as long as nobody has taken that, its tries to start one must
 * not end.  Before manager_take_sockets().
 */
bool manager_has_parcel(void);

/*
 * The sockets that the manager passes.  Returns how many, the first of them in *first and
 * their names in *names, which is for free() as each of them is; or -1 with errno.  Only
 * once: no child of echod is to think that they are its own.
 */
int manager_take_sockets(int *first, char ***names);

/* Within how many milliseconds of each other it wants signs of life; 0: it does not. */
int64_t manager_watchdog(void);

#endif
