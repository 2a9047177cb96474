/* Where a listening Unix socket is bound: see unix_place.h. */
#include "daemon/listen/paths/unix_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "net/unix_name.h"

/*
 * How often, and how long in between, the lock of a folder is tried: ns.  Who only replaces a file
 * is done sooner; whoever else may read the folder may hold it for ever, and is not waited for.
 */
#define LOCK_TRIES 20
#define LOCK_WAIT 10000000

struct unix_place {
	unsigned holders;
	bool settled;
	bool is_abstract;
	bool is_anothers;   /* the process's that bound it */
	bool is_bound;      /* there is a file, of these numbers */
	dev_t device;
	ino_t inode;
	bool was_dressed;   /* and is to be again as it was `before` */
	struct unix_dress before;
	char *aside;        /* where the one that was in the way is; NULL: none was */
	char name[UNIX_NAME_SIZE];
};

/* --- the folder --------------------------------------------------------------------- */

/* Returns a descriptor to close, or -1: somebody has the lock, or the folder cannot be read. */
static int
lock_folder(const char *path)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT };
	const char *slash = strrchr(path, '/');
	char folder[UNIX_NAME_SIZE];
	int fd;

	/* It is absolute, and its folder may be the root. */
	snprintf(folder, sizeof(folder), "%.*s/", slash != NULL ? (int)(slash - path) : 0, path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd != -1 && i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		nanosleep(&wait, NULL);
	}
	log_debug("no lock on %s: %s", folder, strerror(errno));
	return fd;
}

static void
unlock_folder(int fd)
{
	const int error = errno;

	if (fd != -1)
		close(fd);
	errno = error;
}

/* --- what is in the way -------------------------------------------------------------- */

/* Returns 0 where nobody listens at the socket `name`, or -1 with errno and *why. */
static int
probe(const char *name, const char **why)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	const socklen_t length = unix_name_to_sockaddr(name, &address);
	int error;

	if (fd == -1)
		return -1;
	error = connect(fd, (struct sockaddr *)&address, length) == 0 ? 0 : errno;
	close(fd);
	if (error == ECONNREFUSED)
		return 0;
	/* EAGAIN: many wait there; EPROTOTYPE: it is for datagrams. */
	*why = error == 0 || error == EAGAIN || error == EPROTOTYPE ? "somebody listens there"
	    : "the socket that is there cannot be asked whether somebody listens";
	errno = error == 0 || error == EAGAIN || error == EPROTOTYPE ? EADDRINUSE : error;
	return -1;
}

/* A name beside it that nobody has. */
static int
rename_aside(struct unix_place *place)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return -1;
	if (asprintf(&place->aside, "%s.%016llx", place->name, (unsigned long long)number) == -1) {
		place->aside = NULL;
		errno = ENOMEM;
		return -1;
	}
	if (rename(place->name, place->aside) == 0)
		return 0;
	free(place->aside);
	place->aside = NULL;
	return -1;
}

/* Returns 0, or -1 with errno and *why. */
static int
clear_way(struct unix_place *place, const char **why)
{
	struct stat there;

	if (lstat(place->name, &there) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(there.st_mode)) {
		*why = "what is there is no socket";
		errno = EADDRINUSE;
		return -1;
	}
	if (probe(place->name, why) == -1)
		return -1;
	*why = "the stale socket that is there cannot be replaced";
	return rename_aside(place);
}

/* --- its file -------------------------------------------------------------------------- */

bool
unix_place_is_at(const struct unix_place *place, const char *name)
{
	struct stat now;

	if (place->is_abstract || unix_name_is_abstract(name))
		return strcmp(place->name, name) == 0;
	return place->is_bound && lstat(name, &now) == 0 && now.st_dev == place->device &&
	    now.st_ino == place->inode;
}

bool
unix_place_is_there(const struct unix_place *place)
{
	return unix_place_is_at(place, place->name);
}

/*
 * What is so already is not touched: who may not change it need not.  The owner comes before the
 * mode: a change of owners may take bits from it.
 */
static int
dress(const char *path, const struct unix_dress *wanted)
{
	struct stat now;
	bool has_owners;

	if (lstat(path, &now) == -1)
		return -1;
	has_owners = (wanted->uid == (uid_t)-1 || wanted->uid == now.st_uid) &&
	    (wanted->gid == (gid_t)-1 || wanted->gid == now.st_gid);
	if (has_owners && wanted->mode == (now.st_mode & ALLPERMS))
		return 0;
	if (!has_owners && chown(path, wanted->uid, wanted->gid) == -1)
		return -1;
	return chmod(path, wanted->mode);
}

int
unix_place_dress(struct unix_place *place, const struct unix_dress *wanted)
{
	struct stat now;

	if (place->is_abstract)
		return 0;
	if (lstat(place->name, &now) == -1)
		return -1;
	place->settled = false;
	place->was_dressed = true;
	place->before = (struct unix_dress){ now.st_mode & ALLPERMS, now.st_uid, now.st_gid };
	return dress(place->name, wanted);
}

static int
note_file(struct unix_place *place)
{
	struct stat now;

	if (place->is_abstract)
		return 0;
	if (lstat(place->name, &now) == -1)
		return -1;
	place->device = now.st_dev;
	place->inode = now.st_ino;
	place->is_bound = true;
	return 0;
}

static int
bind_here(struct unix_place *place, int fd, const struct unix_dress *wanted, int backlog,
    const char **why)
{
	struct sockaddr_un address;
	const socklen_t length = unix_name_to_sockaddr(place->name, &address);

	if (!place->is_abstract && clear_way(place, why) == -1)
		return -1;
	*why = NULL;
	if (bind(fd, (struct sockaddr *)&address, length) == -1 || note_file(place) == -1)
		return -1;
	*why = "its mode, owner and group cannot be set";
	if (!place->is_abstract && dress(place->name, wanted) == -1)
		return -1;
	*why = NULL;
	return listen(fd, backlog);
}

struct unix_place *
unix_place_bind(int fd, const char *name, const struct unix_dress *wanted, int backlog,
    const char **why)
{
	struct unix_place *place = calloc(1, sizeof(*place));
	int lock, result, error;

	*why = NULL;
	if (place == NULL)
		return NULL;
	place->holders = 1;
	place->is_abstract = unix_name_is_abstract(name);
	snprintf(place->name, sizeof(place->name), "%s", name);
	lock = place->is_abstract ? -1 : lock_folder(name);
	result = bind_here(place, fd, wanted, backlog, why);
	unlock_folder(lock);
	if (result == 0)
		return place;
	error = errno;
	unix_place_release(place);
	errno = error;
	return NULL;
}

/* --- ending ------------------------------------------------------------------------------ */

static void
forget(struct unix_place *place)
{
	free(place->aside);
	place->aside = NULL;
	place->was_dressed = false;
	place->settled = true;
}

void
unix_place_settle(struct unix_place *place)
{
	if (place == NULL || place->settled)
		return;
	place->is_anothers = false;
	if (place->aside != NULL && unlink(place->aside) == -1)
		log_warning("cannot remove %s: %s", place->aside, strerror(errno));
	forget(place);
}

/* What was in the way comes back: rename(2) takes the place of the new one. */
static void
undo(struct unix_place *place)
{
	if (place->aside != NULL && rename(place->aside, place->name) == -1)
		log_warning("cannot rename %s back: %s", place->aside, strerror(errno));
	if (place->was_dressed && unix_place_is_there(place) &&
	    dress(place->name, &place->before) == -1)
		log_warning("cannot give %s its mode and owner back: %s", place->name,
		    strerror(errno));
	forget(place);
}

static void
remove_file(const struct unix_place *place)
{
	const bool is_ours = place->is_bound && !place->is_anothers;
	const int lock = is_ours ? lock_folder(place->name) : -1;

	if (is_ours && unix_place_is_there(place) && unlink(place->name) == -1)
		log_notice("cannot remove %s, which the next start replaces: %s", place->name,
		    strerror(errno));
	unlock_folder(lock);
}

struct unix_place *
unix_place_hold(struct unix_place *place)
{
	place->holders++;
	return place;
}

bool
unix_place_is_shared(const struct unix_place *place)
{
	return place->holders > 1;
}

bool
unix_place_release(struct unix_place *place)
{
	if (place == NULL)
		return true;
	if (!place->settled)
		undo(place);
	if (--place->holders > 0)
		return false;
	remove_file(place);
	free(place);
	return true;
}

/* --- from one process to another ------------------------------------------------------- */

void
unix_place_pack(const struct unix_place *place, struct packed_socket *packed)
{
	packed->device = place != NULL && place->is_bound ? place->device : 0;
	packed->inode = place != NULL && place->is_bound ? place->inode : 0;
}

struct unix_place *
unix_place_adopt(const char *name, const struct packed_socket *packed)
{
	struct unix_place *place = calloc(1, sizeof(*place));

	if (place == NULL)
		return NULL;
	place->holders = 1;
	place->is_abstract = unix_name_is_abstract(name);
	place->is_anothers = true;
	place->is_bound = !place->is_abstract && packed->inode != 0;
	place->device = (dev_t)packed->device;
	place->inode = (ino_t)packed->inode;
	snprintf(place->name, sizeof(place->name), "%s", name);
	return place;
}

void
unix_place_let_go(struct unix_place *place)
{
	if (place != NULL)
		place->is_anothers = true;
	unix_place_release(place);
}
