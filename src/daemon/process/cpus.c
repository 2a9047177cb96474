/* How many CPUs the process may really use: see cpus.h. */
#include "daemon/process/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- parsing ------------------------------------------------------------------------ */

/* A line of /proc/self/cgroup: the process's group in one hierarchy. */
struct group {
	bool v2;
	const char *path;
};

/* A line of /proc/self/mountinfo that is a hierarchy which may have CPU quotas. */
struct mount {
	bool v2;
	const char *top; /* the group that is mounted */
	char *point;
};

/* True when `list`, separated by commas, has `word`. */
static bool
lists(const char *list, const char *word)
{
	const size_t length = strlen(word);

	for (; list != NULL; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, word, length) == 0 &&
		    (list[length] == ',' || list[length] == '\0'))
			return true;
	}
	return false;
}

/* "0::PATH", or "NUMBER:CONTROLLERS:PATH" with the controller "cpu".  Cuts `line` up. */
static bool
parse_group(char *line, struct group *group)
{
	char *const controllers = strchr(line, ':');
	char *const path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

	if (path == NULL || path[1] != '/')
		return false;
	*path = '\0';
	group->path = path + 1;
	group->v2 = strncmp(line, "0:", 2) == 0 && controllers[1] == '\0';
	return group->v2 || lists(controllers + 1, "cpu");
}

/* Puts the bytes back that mountinfo writes as "\040". */
static void
unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; to++) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

/* proc_pid_mountinfo(5): "36 35 0:30 TOP POINT OPTIONS ... - TYPE SOURCE OPTIONS". */
static bool
parse_mount(char *line, struct mount *mount)
{
	char *fields[5] = { NULL }, *rest = strstr(line, " - ");
	const char *type;

	if (rest == NULL)
		return false;
	*rest = '\0';
	for (size_t i = 0; i < 5; i++)
		fields[i] = strsep(&line, " ");
	rest += 3;
	type = strsep(&rest, " ");
	(void)strsep(&rest, " ");
	if (fields[4] == NULL || rest == NULL)
		return false;
	mount->v2 = strcmp(type, "cgroup2") == 0;
	mount->top = fields[3];
	mount->point = fields[4];
	unescape(fields[3]);
	unescape(mount->point);
	return mount->v2 || (strcmp(type, "cgroup") == 0 && lists(rest, "cpu"));
}

/* What of the group's path lies below the mount, "" or "/..."; NULL where it lies elsewhere. */
static const char *
below(const struct mount *mount, const char *path)
{
	const size_t length = strcmp(mount->top, "/") == 0 ? 0 : strlen(mount->top);

	if (strncmp(path, mount->top, length) != 0 || strstr(path, "/..") != NULL)
		return NULL;
	path += length;
	if (strcmp(path, "/") == 0)
		return "";
	return *path == '/' || *path == '\0' ? path : NULL;
}

/* Digits and no more, above zero.  Returns false for anything else: "max", "-1". */
static bool
parse_number(const char *text, unsigned long long *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *number > 0;
}

/* CPUs, rounded up, of microseconds in each so many; 0 where the words are no quota. */
static size_t
parse_quota(const char *quota, const char *period)
{
	unsigned long long most, each;

	if (!parse_number(quota, &most) || !parse_number(period, &each))
		return 0;
	return (size_t)(most / each + (most % each != 0));
}

/* --- reading ------------------------------------------------------------------------ */

struct search {
	const char *root;
	size_t least; /* 0: none found yet */
};

/* Reads the first line of a file without its end.  Returns false where there is none. */
static bool
read_line(const char *folder, const char *name, char *line, int size)
{
	char *path;
	FILE *file;
	bool found;

	if (asprintf(&path, "%s/%s", folder, name) == -1)
		return false;
	file = fopen(path, "re");
	free(path);
	if (file == NULL)
		return false;
	found = fgets(line, size, file) != NULL;
	line[found ? strcspn(line, "\n") : 0] = '\0';
	fclose(file);
	return found;
}

static size_t
quota_of_folder(const char *folder, bool v2)
{
	char quota[64], period[64], *space;

	if (!v2)
		return read_line(folder, "cpu.cfs_quota_us", quota, sizeof(quota)) &&
			read_line(folder, "cpu.cfs_period_us", period, sizeof(period))
		    ? parse_quota(quota, period) : 0;
	if (!read_line(folder, "cpu.max", quota, sizeof(quota)))
		return 0;
	space = strchr(quota, ' ');
	if (space == NULL)
		return 0;
	*space = '\0';
	return parse_quota(quota, space + 1);
}

/* From the group up to the one that is mounted. */
static void
search_upwards(struct search *search, const struct mount *mount, const char *path)
{
	char *folder;
	size_t top, found;

	if (asprintf(&folder, "%s%s%s", search->root, mount->point, path) == -1)
		return;
	top = strlen(folder) - strlen(path);
	for (;;) {
		found = quota_of_folder(folder, mount->v2);
		if (found > 0 && (search->least == 0 || found < search->least))
			search->least = found;
		if (strlen(folder) <= top)
			break;
		*strrchr(folder, '/') = '\0';
	}
	free(folder);
}

/*
 * Calls `take` with each line of a file, without its end, which it may cut up; a file that
 * cannot be read has none.
 */
static void
each_line(struct search *search, const char *name,
    void (*take)(struct search *search, char *line, const void *arg), const void *arg)
{
	char *line = NULL, *path;
	size_t size = 0;
	FILE *file;

	if (asprintf(&path, "%s/%s", search->root, name) == -1)
		return;
	file = fopen(path, "re");
	free(path);
	if (file == NULL)
		return;
	while (getline(&line, &size, file) != -1) {
		line[strcspn(line, "\n")] = '\0';
		take(search, line, arg);
	}
	free(line);
	fclose(file);
}

static void
take_mount(struct search *search, char *line, const void *arg)
{
	const struct group *group = arg;
	struct mount mount;
	const char *path;

	if (!parse_mount(line, &mount) || mount.v2 != group->v2)
		return;
	path = below(&mount, group->path);
	if (path != NULL)
		search_upwards(search, &mount, path);
}

static void
take_group(struct search *search, char *line, const void *arg)
{
	struct group group;

	(void)arg;
	if (parse_group(line, &group))
		each_line(search, "proc/self/mountinfo", take_mount, &group);
}

size_t
cpus_quota(const char *root)
{
	struct search search = { root, 0 };

	each_line(&search, "proc/self/cgroup", take_group, NULL);
	return search.least;
}

static size_t
affinity(void)
{
	cpu_set_t *set;
	size_t size;
	int count = 0;

	/* The kernel refuses a set that is too small for its CPUs. */
	for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE * 64; cpus *= 2) {
		set = CPU_ALLOC((size_t)cpus);
		if (set == NULL)
			break;
		size = CPU_ALLOC_SIZE((size_t)cpus);
		if (sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return (size_t)count;
	}
	return 1;
}

size_t
cpus_usable(void)
{
	const size_t allowed = affinity(), quota = cpus_quota("");

	return quota > 0 && quota < allowed ? quota : allowed;
}
