/*
 * A library of nsswitch.conf(5) whose service does not answer: see
 * tests/integration/test_start_failures.py.  Each name says how; of all others it says that there
 * is none.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	enum nss_status status;
	int error;
} answers[] = {
	{ "not-started", NSS_STATUS_UNAVAIL, ENOENT },
	{ "refused", NSS_STATUS_UNAVAIL, ECONNREFUSED },
	{ "forbidden", NSS_STATUS_UNAVAIL, EPERM },
	{ "overloaded", NSS_STATUS_TRYAGAIN, EAGAIN },
};

static enum nss_status
answer(const char *name, int *error)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(name, answers[i].name) == 0) {
			*error = answers[i].error;
			return answers[i].status;
		}
	*error = ENOENT;
	return NSS_STATUS_NOTFOUND;
}

enum nss_status
_nss_silent_getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
    int *error);
enum nss_status
_nss_silent_getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
    int *error);

enum nss_status
_nss_silent_getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
    int *error)
{
	(void)user;
	(void)buffer;
	(void)size;
	return answer(name, error);
}

enum nss_status
_nss_silent_getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
    int *error)
{
	(void)group;
	(void)buffer;
	(void)size;
	return answer(name, error);
}
