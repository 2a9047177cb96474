/* Binding a listener to a path or an abstract name: see unix_bind.h. */
#include "daemon/listen/paths/unix_bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/listen/paths/unix_place.h"
#include "daemon/process/accounts.h"
#include "daemon/process/sandbox.h"
#include "net/buffers.h"

/* Binding under way: what is told when it fails. */
struct attempt {
	const struct binding *binding;
	const char *name;
	struct unix_dress dress;
	const char *why; /* a constant; NULL: errno says it */
	char text[160];  /* for one that is none */
};

/* --- owner and group ------------------------------------------------------------------- */

static int
find(struct attempt *attempt, const char *what, const char *account,
    int (*look_up)(const char *, id_t *, bool *), id_t *id)
{
	bool found = true;
	int failure;

	*id = (id_t)-1;
	if (*account == '\0')
		return 0;
	failure = look_up(account, id, &found);
	if (failure == 0 && found)
		return 0;
	snprintf(attempt->text, sizeof(attempt->text), "cannot find the %s \"%.60s\"", what, account);
	attempt->why = attempt->text;
	errno = failure != 0 ? failure : ENOENT;
	return -1;
}

static int
find_dress(struct attempt *attempt)
{
	const struct binding *binding = attempt->binding;

	attempt->dress.mode = binding->mode;
	if (find(attempt, "owner", binding->owner, accounts_find_user, &attempt->dress.uid) == -1)
		return -1;
	return find(attempt, "group", binding->group, accounts_find_group, &attempt->dress.gid);
}

/* --- its socket -------------------------------------------------------------------------- */

/* Each of these adds a socket and returns 0, or -1 with errno. */

static void
add(const struct attempt *attempt, int fd, struct unix_place *place, struct bound *bound)
{
	struct bound_socket *added = &bound->sockets[bound->count++];

	*added = (struct bound_socket){ .fd = fd, .place = place };
	endpoint_format(attempt->binding->endpoint.protocol, attempt->name, 0, added->uri,
	    sizeof(added->uri));
}

static int
go_on(struct attempt *attempt, const struct bound_socket *leaving, struct bound *bound)
{
	const int fd = fcntl(leaving->fd, F_DUPFD_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	add(attempt, fd, unix_place_hold(leaving->place), bound);
	bound->sockets[bound->count - 1].twin = leaving->fd;
	attempt->why = "its mode, owner and group cannot be changed";
	if (unix_place_dress(leaving->place, &attempt->dress) == 0)
		return 0;
	bound_close_behind(bound, bound->count - 1);
	return -1;
}

static int
make(struct attempt *attempt, struct bound *bound)
{
	const struct binding *binding = attempt->binding;
	const int type = protocol_socket_type(binding->endpoint.protocol);
	struct unix_place *place;
	int fd, error;

	if (!unix_name_is_abstract(attempt->name) && !sandbox_allows_files()) {
		attempt->why = "the sandbox was made without a path: restart echod";
		errno = EPERM;
		return -1;
	}
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	buffers_set(fd, binding->socket_buffer);
	place = unix_place_bind(fd, attempt->name, &attempt->dress, SOCKETS_BACKLOG, &attempt->why);
	if (place == NULL) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	add(attempt, fd, place, bound);
	return 0;
}

/*
 * True where `name` leads to `socket` and no listener that is made at the same time goes on with
 * it already: by another spelling of the path two would be served by one.
 */
static bool
is_free_at(const struct bound_socket *socket, const char *name)
{
	return socket->place != NULL && unix_place_is_at(socket->place, name) &&
	    !unix_place_is_shared(socket->place);
}

/* The socket of `binding`'s own listener that is there and stays, or NULL. */
static const struct bound_socket *
find_kept(const struct binding *binding, const char *name)
{
	for (size_t i = 0; binding->now != NULL && i < binding->now->count; i++) {
		const struct bound_socket *socket = &binding->now->sockets[i];

		if (is_free_at(socket, name))
			return socket;
	}
	return NULL;
}

static const struct bound_socket *
find_leaving(const struct binding *binding, const char *name)
{
	const struct leaving *leaving = bind_leaving(binding);

	for (size_t i = 0; i < leaving->count; i++) {
		const struct bound_socket *socket = leaving->sockets[i];

		if (is_free_at(socket, name))
			return socket;
	}
	return NULL;
}

static int
bind_name(struct attempt *attempt, struct bound *bound)
{
	const struct binding *binding = attempt->binding;
	const struct bound_socket *there;

	if (bind_add_inherited(binding, bound) == -1)
		return -1;
	if (bound->count > 0)
		return 0;
	if ((there = find_kept(binding, attempt->name)) != NULL) {
		bound->sockets[bound->count] = *there;
		bound->sockets[bound->count++].kept = true;
		return 0;
	}
	if (find_dress(attempt) == -1)
		return -1;
	if ((there = find_leaving(binding, attempt->name)) != NULL)
		return go_on(attempt, there, bound);
	return make(attempt, bound);
}

/* --- a listener -------------------------------------------------------------------------- */

static const char *
hint(int error)
{
	switch (error) {
	case ENOENT:
		return "; its folder has to be there";
	case EADDRINUSE:
		return "; give another path, or remove it";
	default:
		return "";
	}
}

int
unix_bind_listener(const struct binding *binding, struct bound *bound, struct faults *faults)
{
	struct attempt attempt = { .binding = binding, .name = binding->endpoint.host };
	char uri[ENDPOINT_TEXT_SIZE];
	int error;

	*bound = (struct bound){
		.sockets = calloc(binding->inherited->count + 1, sizeof(*bound->sockets)),
	};
	if (bound->sockets != NULL && bind_name(&attempt, bound) == 0)
		return 0;
	error = errno;
	bound_free(bound);
	endpoint_format_view(&binding->endpoint, uri);
	if (attempt.why != NULL)
		faults_add(faults, "cannot listen on %s (%s): %s: %s%s", uri, binding->name,
		    attempt.why, strerror(error), hint(error));
	else
		faults_add(faults, "cannot listen on %s (%s): %s%s", uri, binding->name,
		    strerror(error), hint(error));
	errno = error;
	return -1;
}
