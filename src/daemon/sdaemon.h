/*
 * What the service manager is told, by sd_notify(3).  Without libsystemd, or where
 * no manager listens, nothing happens.
 */
#ifndef DAEMON_SDAEMON_H
#define DAEMON_SDAEMON_H

/* "+systemd" or "-systemd", for --version. */
extern const char sdaemon_feature[];

/* `status` is one line for "systemctl status". */
void sdaemon_ready(const char *status);
void sdaemon_reloading(void);
/* ... and in how many seconds echod has stopped at the latest. */
void sdaemon_stopping(const char *status, unsigned seconds);

#endif
