/*
 * The way to the system's logger, /dev/log.  It speaks as syslog(3) does, which does not tell
 * whether anybody was there to listen.  For the log thread alone.
 */
#ifndef BASE_LOG_SYSLOG_H
#define BASE_LOG_SYSLOG_H

#include <time.h>

#define LOG_SYSLOG_PATH "/dev/log"

/* Connects where there is no connection yet.  Returns 0, or -1 with errno. */
int log_syslog_connect(void);

/*
 * Sends one message, with its facility and level in `priority`, over a new connection where the
 * old one is broken.  A logger that has no room is waited for, `patience` milliseconds at most.
 * Returns 0, or -1 with errno: nobody has got it.
 */
int log_syslog_send(int priority, const struct timespec *when, const char *text, int patience);

/* Ends the connection, if there is one.  Keeps errno. */
void log_syslog_close(void);

/* "daemon", "local0", …: the names that syslog.conf(5) has; "?" for another number. */
const char *log_syslog_facility(int facility);

#endif
