/* A listener: see listener.h. */
#include "daemon/listen/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/listen/admission.h"
#include "daemon/listen/inherited.h"
#include "daemon/listen/kind.h"

struct listener {
	const struct listener_kind *kind;
	const struct listen_config *config;
	struct bound bound;
	struct ledger *ledger;
	void *service; /* the kind's, over the sockets of `bound` */
};

/* --- life ----------------------------------------------------------------------- */

/* Frees all but the sockets and the service. */
static void
dispose(struct listener *listener)
{
	ledger_release(listener->ledger);
	free(listener);
}

struct listener *
listener_new(const struct listen_config *config, const struct bound *bound,
    const struct listener_context *context)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->kind = kind_of(config->protocol);
	listener->config = config;
	listener->bound = *bound;
	listener->ledger = census_open(context->census, config->name);
	if (listener->ledger != NULL)
		listener->service =
		    listener->kind->make(context, listener->ledger, &listener->bound);
	if (listener->service != NULL)
		return listener;
	dispose(listener);
	errno = ENOMEM;
	return NULL;
}

void
listener_free(struct listener *listener)
{
	if (listener == NULL)
		return;
	listener->kind->free(listener->service);
	bind_close(&listener->bound);
	dispose(listener);
}

void
listener_close(struct listener *listener)
{
	listener->kind->close(listener->service);
	bind_free(&listener->bound);
	dispose(listener);
}

/* --- serving ----------------------------------------------------------------------- */

/* The workers' sockets of one address have one line. */
static bool
is_first_of_its_address(const struct bound *bound, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (address_equal(&bound->sockets[before].address, &bound->sockets[i].address))
			return false;
	return true;
}

void
listener_visit(const struct listener *listener, listener_visitor *visit, void *arg)
{
	const struct bound *bound = &listener->bound;

	for (size_t i = 0; i < bound->count; i++)
		if (is_first_of_its_address(bound, i))
			visit(arg, listener->config->name, listener->config->protocol,
			    &bound->sockets[i]);
}

static void
log_listening(void *arg, const char *name, enum protocol protocol,
    const struct bound_socket *socket)
{
	(void)arg;
	(void)protocol;
	if (socket->inherited != NULL)
		log_notice("listening on %s (%s), inherited as %s", socket->uri, name,
		    socket->inherited->name);
	else
		log_notice("listening on %s (%s)", socket->uri, name);
}

void
listener_take_config(struct listener *listener, const struct listen_config *config)
{
	listener->config = config;
}

void
listener_take_acl(struct listener *listener)
{
	if (listener->kind->take_acl != NULL)
		listener->kind->take_acl(listener->service);
}

void
listener_serve(struct listener *listener)
{
	listener_visit(listener, log_listening, NULL);
	listener->ledger->carries |= listener->kind->carries;
	listener->kind->serve(listener->service);
}

void
listener_resume(struct listener *listener)
{
	if (listener->kind->resume != NULL)
		listener->kind->resume(listener->service);
}

/* --- what others may know ------------------------------------------------------------ */

bool
listener_is(const struct listener *listener, const struct listen_config *config)
{
	return config_is_same_listener(listener->config, config);
}

enum protocol
listener_protocol(const struct listener *listener)
{
	return listener->config->protocol;
}

const struct bound *
listener_sockets(const struct listener *listener)
{
	return &listener->bound;
}
