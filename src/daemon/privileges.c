/* Giving up root once the sockets are bound: see privileges.h. */
#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/log.h"

struct identity {
	const char *user;
	uid_t uid;
	gid_t gid;
};

static int
find_identity(const struct config *config, struct identity *identity)
{
	const struct passwd *user;
	const struct group *group;

	errno = 0;
	user = getpwnam(config->user);
	if (user == NULL) {
		log_error("cannot find user \"%s\": %s", config->user,
		    errno != 0 ? strerror(errno) : "no user of this name");
		return -1;
	}
	*identity = (struct identity){ config->user, user->pw_uid, user->pw_gid };
	if (config->group[0] == '\0')
		return 0;
	errno = 0;
	group = getgrnam(config->group);
	if (group == NULL) {
		log_error("cannot find group \"%s\": %s", config->group,
		    errno != 0 ? strerror(errno) : "no group of this name");
		return -1;
	}
	identity->gid = group->gr_gid;
	return 0;
}

/* Without the right to do so, only such a reload fails, later, and says so. */
static void
hand_over(const struct identity *identity, const int *fds, size_t fd_count)
{
	for (size_t i = 0; i < fd_count; i++)
		if (fchown(fds[i], identity->uid, identity->gid) == -1)
			log_warning("cannot give a socket to user \"%s\": %s", identity->user,
			    strerror(errno));
}

static int
become(const struct identity *identity)
{
	if (initgroups(identity->user, identity->gid) == -1 ||
	    setresgid(identity->gid, identity->gid, identity->gid) == -1 ||
	    setresuid(identity->uid, identity->uid, identity->uid) == -1) {
		log_error("cannot become user \"%s\": %s", identity->user, strerror(errno));
		return -1;
	}
	return 0;
}

/* A drop that can be undone is none. */
static int
prove(const struct identity *identity)
{
	if (identity->uid == 0)
		return 0;
	if (setresuid(0, 0, 0) != -1 || seteuid(0) != -1 ||
	    (identity->gid != 0 && setresgid(0, 0, 0) != -1)) {
		log_error("could become root again after having become user \"%s\"",
		    identity->user);
		return -1;
	}
	return 0;
}

int
privileges_drop(const struct config *config, const int *fds, size_t fd_count)
{
	struct identity identity;

	if (geteuid() != 0) {
		if (config->user[0] != '\0')
			log_notice("user = \"%s\" has no effect: echod was not started as root",
			    config->user);
		return 0;
	}
	if (config->user[0] == '\0') {
		log_warning("running as root: name a user to switch to in the configuration");
		return 0;
	}
	if (find_identity(config, &identity) == -1)
		return -1;
	hand_over(&identity, fds, fd_count);
	if (become(&identity) == -1 || prove(&identity) == -1)
		return -1;
	log_notice("running as user %s (uid %u, gid %u)", identity.user, (unsigned)identity.uid,
	    (unsigned)identity.gid);
	return 0;
}
