/*
 * --ready-fd: a line of JSON to whoever started echod, once it serves: its process number, and
 * by which URIs it is reached, with the ports that the kernel picked.
 *
 * The descriptor is the caller's until then.  Nobody waits for a reader: what finds no room is
 * written when there is some.
 */
#ifndef DAEMON_CONTROL_READY_H
#define DAEMON_CONTROL_READY_H

struct event_base;
struct listeners;
struct ready;

/*
 * Reads `text` as the number of a descriptor to write to.  Returns it, or -1 with what is wrong
 * and would be right in *right, a constant string.
 */
int ready_read(const char *text, const char **right);

/*
 * Takes over what `fd` is open on, so that it ends with this object; -1: nobody wants to know.
 * `fd` itself is closed, or, where it is standard output, open on /dev/null.  Returns NULL with
 * errno.  ready_free() frees it, before its event base.
 */
struct ready *ready_new(int fd);
void ready_free(struct ready *ready);

/* Writes the line and closes the descriptor, as far as it can at once: by `base` the rest. */
void ready_tell(struct ready *ready, struct event_base *base, const struct listeners *listeners);

#endif
