/*
 * Where a listening Unix socket is bound: a file, or an abstract name, which is none.
 *
 * The file is made, dressed (its mode, owner and group) and removed here.  A file in its way is
 * replaced where it is a socket that nobody listens at; nothing else is touched, and what is
 * removed at the end is what was made, not what somebody else has put in its place.  Who
 * replaces holds a lock on the folder (flock(2)), so that of two that start at once one has it.
 *
 * Sockets that are duplicates of each other have one place, counted.  Until unix_place_settle()
 * all can be undone: the last release then leaves the files as they were.  The control thread's.
 */
#ifndef DAEMON_LISTEN_PATHS_UNIX_PLACE_H
#define DAEMON_LISTEN_PATHS_UNIX_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/listen/packed.h"

struct unix_place;

/* How the file is to be. */
struct unix_dress {
	mode_t mode;
	uid_t uid; /* -1: as the kernel makes it, both */
	gid_t gid;
};

/*
 * Binds `fd` to `name` (unix_name.h) and listens there with `backlog`.  Returns the place with one
 * hold, or NULL with errno and in *why what it was about, a constant, or NULL.
 */
struct unix_place *unix_place_bind(int fd, const char *name, const struct unix_dress *wanted,
    int backlog, const char **why);

/* For a duplicate.  Returns `place`. */
struct unix_place *unix_place_hold(struct unix_place *place);

/* True where a duplicate has it as well. */
bool unix_place_is_shared(const struct unix_place *place);

/* Dresses the file anew, to be undone by the next release.  Returns 0, or -1 with errno. */
int unix_place_dress(struct unix_place *place, const struct unix_dress *wanted);

/* What was done is to stay. */
void unix_place_settle(struct unix_place *place);

/* True where `name` leads there now: the file has not been removed or replaced. */
bool unix_place_is_at(const struct unix_place *place, const char *name);
bool unix_place_is_there(const struct unix_place *place);

/* Returns true where that was the last hold: the file is gone.  NULL is no place: true. */
bool unix_place_release(struct unix_place *place);

/* --- from one process to another ------------------------------------------------------- */

/* What another process has to know of the place, which may be NULL. */
void unix_place_pack(const struct unix_place *place, struct packed_socket *packed);

/*
 * The place `name` of a socket that another process had, with one hold.  Until it is settled it
 * is that one's, and no release removes its file.  Returns NULL with errno.
 */
struct unix_place *unix_place_adopt(const char *name, const struct packed_socket *packed);

/* It is another process's now: a release that leaves the file. */
void unix_place_let_go(struct unix_place *place);

#endif
