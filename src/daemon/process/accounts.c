/* Users and groups: see accounts.h. */
#include "daemon/process/accounts.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* An entry of the user or group database that needs more is broken. */
#define DATABASE_ENTRY_MAX ((size_t)1024 * 1024)

/* Each returns 0 or an error number, and whether there is such a name in *found. */
static int
look_up_user(const char *name, char *buffer, size_t size, id_t *id, bool *found)
{
	struct passwd user, *result;
	const int failure = getpwnam_r(name, &user, buffer, size, &result);

	*found = result != NULL;
	if (*found && id != NULL)
		*id = user.pw_uid;
	return failure;
}

static int
look_up_group(const char *name, char *buffer, size_t size, id_t *id, bool *found)
{
	struct group group, *result;
	const int failure = getgrnam_r(name, &group, buffer, size, &result);

	*found = result != NULL;
	if (*found && id != NULL)
		*id = group.gr_gid;
	return failure;
}

static int
look_up(int (*function)(const char *, char *, size_t, id_t *, bool *), const char *name, id_t *id,
    bool *found)
{
	size_t size = 1024;
	int failure = ERANGE;

	*found = false;
	for (; failure == ERANGE && size <= DATABASE_ENTRY_MAX; size *= 2) {
		char *buffer = malloc(size);

		if (buffer == NULL)
			return ENOMEM;
		failure = function(name, buffer, size, id, found);
		free(buffer);
	}
	return failure;
}

int
accounts_find_user(const char *name, id_t *id, bool *found)
{
	return look_up(look_up_user, name, id, found);
}

int
accounts_find_group(const char *name, id_t *id, bool *found)
{
	return look_up(look_up_group, name, id, found);
}

bool
accounts_are_whole(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	uint32_t count;
	uint64_t mapped = 0;

	if (map == NULL)
		return true; /* where nothing tells */
	while (fscanf(map, "%*u%*u%" SCNu32, &count) == 1)
		mapped += count;
	fclose(map);
	return mapped == UINT32_MAX; /* no two lines have one user, and -1 is none */
}
