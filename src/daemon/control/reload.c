/* A reload: see reload.h. */
#include "daemon/control/reload.h"

#include <stdio.h>

#include "base/log.h"
#include "base/plural.h"
#include "daemon/control/hand_over.h"
#include "daemon/control/parts.h"
#include "daemon/control/server_internal.h"

void
reload_log_faults(const struct faults *faults)
{
	for (size_t i = 0; i < faults_count(faults); i++)
		log_error("%s", faults_get(faults, i));
}

/* Listeners whose addresses mean something else than before are the exception. */
static void
log_reloaded(const char *path, const struct listeners_change *change)
{
	char renewed[40] = "";

	if (change->renewed > 0)
		snprintf(renewed, sizeof(renewed), ", %zu made anew", change->renewed);
	log_notice("reloaded %s: %zu listener%s added, %zu removed, %zu kept%s", path, change->added,
	    plural(change->added), change->removed, change->kept, renewed);
}

void
reload_tell(struct server *server, const char *fault)
{
	snprintf(server->condition.fault, sizeof(server->condition.fault), "%s",
	    fault != NULL ? fault : "");
	server->condition.failed = time(NULL);
	supervision_reloaded(server->supervision, fault);
}

/* Returns true when the new configuration is in force, false when nothing has changed. */
static bool
try_reload(struct server *server, struct faults *faults)
{
	struct config_source source = *server->source;
	struct listeners_change change;
	struct config *next;

	/* An editor's rename must never close the listeners. */
	source.may_be_missing = false;
	source.running = server->config;
	next = config_load(&source, faults);
	if (next == NULL)
		return false;
	if (!parts_prepare(server, next, faults)) {
		config_free(next);
		return false;
	}
	change = parts_commit(server, next);
	log_reloaded(source.path, &change);
	inherited_tell_unserved(server->inherited, next);
	return true;
}

void
reload(struct server *server)
{
	struct faults *faults = faults_new();

	if (hand_over_give_up(server, "it was told to reload"))
		return;
	log_notice("SIGHUP: reloading %s", server->source->path);
	supervision_reloading(server->supervision);
	if (faults != NULL && try_reload(server, faults)) {
		server->reloads_succeeded++;
		reload_tell(server, NULL);
	} else {
		if (faults != NULL)
			reload_log_faults(faults);
		log_error("reload failed: the running configuration stays in force");
		server->reloads_failed++;
		reload_tell(server, faults != NULL && faults_count(faults) > 0 ? faults_get(faults, 0)
		    : "out of memory");
	}
	faults_free(faults);
}
