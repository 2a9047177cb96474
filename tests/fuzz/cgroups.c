/*
 * The files that tell the CPU quota, each ended by a NUL: /proc/self/cgroup,
 * /proc/self/mountinfo, and for the groups /, /a and /a/b below the mount point /m what is in
 * cpu.max, cpu.cfs_quota_us and cpu.cfs_period_us.  Whatever they hold, the quota is one of
 * those that the files give, or there is none.
 */
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/process/cpus.h"
#include "fuzz.h"

static const char *const folders[] = { "proc", "proc/self", "m", "m/a", "m/a/b" };

/* In the order of the input. */
static const char *const names[] = {
	"proc/self/cgroup", "proc/self/mountinfo",
	"m/cpu.max", "m/cpu.cfs_quota_us", "m/cpu.cfs_period_us",
	"m/a/cpu.max", "m/a/cpu.cfs_quota_us", "m/a/cpu.cfs_period_us",
	"m/a/b/cpu.max", "m/a/b/cpu.cfs_quota_us", "m/a/b/cpu.cfs_period_us",
};
#define FILE_COUNT (sizeof(names) / sizeof(names[0]))
#define FIRST_GROUP 2

static char root[] = "/tmp/echod-fuzz-XXXXXX";
static int files[FILE_COUNT];

static int
remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
	(void)status;
	(void)flag;
	(void)walk;
	return remove(path);
}

static void
remove_all(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *
path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void
make_files(void)
{
	char target[32];

	fuzz_assert(mkdtemp(root) != NULL && atexit(remove_all) == 0);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		fuzz_assert(mkdir(path_of(folders[i]), 0700) == 0);
	for (size_t i = 0; i < FILE_COUNT; i++) {
		files[i] = memfd_create("fuzz", MFD_CLOEXEC); /* quicker than any file system */
		snprintf(target, sizeof(target), "/proc/self/fd/%d", files[i]);
		fuzz_assert(files[i] != -1 && symlink(target, path_of(names[i])) == 0);
	}
}

/* CPUs by a quota and its period, in the first line of each text; 0 where they are none. */
static size_t
cpus_of(const char *quota, const char *period)
{
	unsigned long long most, each;
	char *line;
	int found;

	fuzz_assert(asprintf(&line, "%.*s %.*s", (int)strcspn(quota, "\n"), quota,
	    (int)strcspn(period, "\n"), period) >= 0);
	found = sscanf(line, "%llu %llu", &most, &each);
	free(line);
	return found < 2 || each == 0 ? 0 : (size_t)(most / each + (most % each != 0));
}

static void
check(char *texts[FILE_COUNT])
{
	const size_t found = cpus_quota(root);
	bool given = found == 0;

	for (size_t i = FIRST_GROUP; i < FILE_COUNT && !given; i += 3)
		given = found == cpus_of(texts[i], "") ||
		    found == cpus_of(texts[i + 1], texts[i + 2]);
	fuzz_assert(given);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char *texts[FILE_COUNT];

	if (files[0] == 0)
		make_files();
	for (size_t i = 0; i < FILE_COUNT; i++) {
		texts[i] = input_text(&input);
		fuzz_assert(ftruncate(files[i], 0) == 0);
		fuzz_assert(pwrite(files[i], texts[i], strlen(texts[i]), 0) ==
		    (ssize_t)strlen(texts[i]));
	}
	check(texts);
	for (size_t i = 0; i < FILE_COUNT; i++)
		free(texts[i]);
	return 0;
}
