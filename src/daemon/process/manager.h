/*
 * What the service manager is told, by sd_notify(3), and what it gives: sockets, by
 * sd_listen_fds(3), and a watchdog, by sd_watchdog_enabled(3).  Without libsystemd, or
 * where there is no manager, nothing happens.
 */
#ifndef DAEMON_PROCESS_MANAGER_H
#define DAEMON_PROCESS_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

/* "+systemd" or "-systemd", for --version. */
extern const char manager_feature[];

/*
 * The sockets that the manager passes.  Returns how many, the first of them in *first and
 * their names in *names, which is for free() as each of them is; or -1 with errno.  Only
 * once: no child of echod is to think that they are its own.
 */
int manager_take_sockets(int *first, char ***names);

/* True when a manager listens to what follows. */
bool manager_listens(void);

/* Within how many milliseconds of each other it wants signs of life; 0: it does not. */
int64_t manager_watchdog(void);
void manager_feed_watchdog(void);

/* `status` is one line for "systemctl status". */
void manager_ready(const char *status);
void manager_status(const char *status);
void manager_reloading(void);
void manager_stopping(const char *status);
/* A stop goes on: it, or the next such word, will come within `ms` milliseconds. */
void manager_extend_stop(int64_t ms);

#endif
