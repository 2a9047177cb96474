/* Users and groups, as the database has them and as this process sees them. */
#ifndef DAEMON_PROCESS_ACCOUNTS_H
#define DAEMON_PROCESS_ACCOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Looks up a user or a group by name.  Returns 0, and in *found whether there is one, in *id
 * which, where `id` is not NULL; or the error number by which the database does not answer.
 */
int accounts_find_user(const char *name, id_t *id, bool *found);
int accounts_find_group(const char *name, id_t *id, bool *found);

/*
 * False where this process sees other users as one (user_namespaces(7), overflowuid), since it is
 * in a namespace that has not all of them, as by PrivateUsers=.
 */
bool accounts_are_whole(void);

#endif
