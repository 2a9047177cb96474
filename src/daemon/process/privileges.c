/* Giving up root once the sockets are bound: see privileges.h. */
#include "daemon/process/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/log.h"

/* All that is kept of root's rights: a reload may add a listener on a port below 1024. */
#define KEPT CAP_NET_BIND_SERVICE

/*
 * User 0 is nobody special any more, a change of users neither gives nor takes a capability,
 * and none is handed on to another program.  Locked: no one can undo it.
 */
#define SECUREBITS                                                              \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |        \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |           \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

struct identity {
	const char *user;
	uid_t uid;
	gid_t gid;
};

static int
find_identity(const char *user, const char *group, struct identity *identity)
{
	const struct passwd *of_user;
	const struct group *of_group;

	errno = 0;
	of_user = getpwnam(user);
	if (of_user == NULL) {
		log_error("cannot find user \"%s\": %s", user,
		    errno != 0 ? strerror(errno) : "no user of this name");
		return -1;
	}
	*identity = (struct identity){ user, of_user->pw_uid, of_user->pw_gid };
	if (group[0] == '\0')
		return 0;
	errno = 0;
	of_group = getgrnam(group);
	if (of_group == NULL) {
		log_error("cannot find group \"%s\": %s", group,
		    errno != 0 ? strerror(errno) : "no group of this name");
		return -1;
	}
	identity->gid = of_group->gr_gid;
	return 0;
}

/* Without the right to do so, only such a reload fails, later, and says so. */
static void
hand_over(const struct identity *identity, const int *fds, size_t fd_count)
{
	for (size_t i = 0; i < fd_count; i++)
		if (fchown(fds[i], identity->uid, identity->gid) == -1)
			log_warning_limited("cannot give a socket to user \"%s\": %s",
			    identity->user, strerror(errno));
}

/* What no one may ever have again: done while root, who has the right to (CAP_SETPCAP). */
static int
limit_capabilities(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap != KEPT && cap_get_bound(cap) > 0 && cap_drop_bound(cap) == -1)
			return -1;
	return cap_set_secbits(SECUREBITS);
}

/* The user's own groups stay: one of them may be what lets it read the configuration. */
static int
become(const struct identity *identity)
{
	if (initgroups(identity->user, identity->gid) == -1 ||
	    setresgid(identity->gid, identity->gid, identity->gid) == -1)
		return -1;
	return setresuid(identity->uid, identity->uid, identity->uid);
}

/* Gives up all that the process has but KEPT, where it has that. */
static int
keep_least(void)
{
	const cap_value_t kept = KEPT;
	cap_flag_value_t has = CAP_CLEAR;
	cap_t now = cap_get_proc(), least = cap_init();
	int result = -1, error;

	if (now != NULL && least != NULL && cap_get_flag(now, kept, CAP_PERMITTED, &has) == 0 &&
	    cap_set_flag(least, CAP_PERMITTED, 1, &kept, has) == 0 &&
	    cap_set_flag(least, CAP_EFFECTIVE, 1, &kept, has) == 0)
		result = cap_set_proc(least);
	error = errno;
	cap_free(now);
	cap_free(least);
	errno = error;
	return result;
}

/* --- the proof: a drop that can be undone is none ---------------------------------- */

static bool
can_be_root(const struct identity *identity)
{
	if (identity->uid == 0)
		return false; /* as it was told to be */
	return setresuid(0, 0, 0) != -1 || seteuid(0) != -1 ||
	    (identity->gid != 0 && setresgid(0, 0, 0) != -1);
}

static bool
has_in_any_set(cap_t state, cap_value_t cap)
{
	static const cap_flag_t flags[] = { CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE };
	cap_flag_value_t value;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (cap_get_flag(state, cap, flags[i], &value) == -1 || value == CAP_SET)
			return true;
	return cap_get_bound(cap) != 0 || cap_get_ambient(cap) != 0;
}

static bool
has_more_capabilities(void)
{
	cap_t state = cap_get_proc();
	bool more = state == NULL || cap_get_ambient(KEPT) != 0;

	for (cap_value_t cap = 0; !more && cap_get_bound(cap) >= 0; cap++)
		more = cap != KEPT && has_in_any_set(state, cap);
	cap_free(state);
	return more;
}

/* By the one that would lead to all others. */
static bool
can_gain_capabilities(void)
{
	const cap_value_t key = CAP_SETUID;
	cap_t state = cap_get_proc();
	bool gained = state == NULL || cap_set_flag(state, CAP_PERMITTED, 1, &key, CAP_SET) == -1 ||
	    cap_set_proc(state) == 0;

	cap_free(state);
	return gained || cap_get_secbits() != SECUREBITS;
}

static int
prove(const struct identity *identity)
{
	const char *fault = NULL;

	if (can_be_root(identity))
		fault = "could become root again";
	else if (has_more_capabilities())
		fault = "still has capabilities of root";
	else if (can_gain_capabilities())
		fault = "could get capabilities of root again";
	if (fault == NULL)
		return 0;
	log_error("%s after having become user \"%s\"", fault, identity->user);
	return -1;
}

/* --- all of it --------------------------------------------------------------------- */

static int
switch_to(const struct identity *identity)
{
	if (limit_capabilities() == -1) {
		log_error("cannot give up capabilities, which needs CAP_SETPCAP: %s",
		    strerror(errno));
		return -1;
	}
	if (become(identity) == -1 || keep_least() == -1) {
		log_error("cannot become user \"%s\": %s", identity->user, strerror(errno));
		return -1;
	}
	return prove(identity);
}

int
privileges_drop(const char *user, const char *group, const int *fds, size_t fd_count)
{
	struct identity identity;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_error("cannot set no_new_privs: %s", strerror(errno));
		return -1;
	}
	if (geteuid() != 0) {
		if (user[0] != '\0')
			log_notice("user = \"%s\" has no effect: echod was not started as root", user);
		return 0;
	}
	if (user[0] == '\0') {
		log_warning("running as root: name a user to switch to in the configuration");
		return 0;
	}
	if (find_identity(user, group, &identity) == -1)
		return -1;
	hand_over(&identity, fds, fd_count);
	if (switch_to(&identity) == -1)
		return -1;
	log_notice("running as user %s (uid %u, gid %u)", identity.user, (unsigned)identity.uid,
	    (unsigned)identity.gid);
	return 0;
}
