/* CPU quotas of control groups, in trees that the test lays out as kernels do. */
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/process/cpus.h"
#include "runner.h"

#define GROUP "proc/self/cgroup"
#define MOUNTS "proc/self/mountinfo"

#define V2_MOUNT "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
#define OTHER_MOUNTS                                                            \
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"                \
	"23 22 0:5 / /proc rw - proc proc rw\n"                                  \
	"33 30 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"      \
	"34 30 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
#define HYBRID_MOUNT "35 30 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define V1_GROUPS "9:name=systemd:/\n4:cpuset:/other\n"

struct quota_case {
	const char *name;
	size_t cpus; /* 0: no quota */
	struct file {
		const char *path, *text;
	} files[8];
};

static const struct quota_case cases[] = {
	{ "nothing at all", 0, { { NULL, NULL } } },
	{ "no mounts", 0, { { GROUP, "0::/a\n" }, { "sys/fs/cgroup/a/cpu.max", "100000 100000\n" } } },
	{ "v2", 2, { { GROUP, "0::/a\n" }, { MOUNTS, OTHER_MOUNTS V2_MOUNT },
		       { "sys/fs/cgroup/a/cpu.max", "200000 100000\n" } } },
	{ "rounded up", 2, { { GROUP, "0::/a\n" }, { MOUNTS, V2_MOUNT },
			       { "sys/fs/cgroup/a/cpu.max", "100001 100000\n" } } },
	{ "less than one", 1, { { GROUP, "0::/a\n" }, { MOUNTS, V2_MOUNT },
				  { "sys/fs/cgroup/a/cpu.max", "1000 100000\n" } } },
	{ "v2, at its root", 3, { { GROUP, "0::/\n" }, { MOUNTS, V2_MOUNT },
				    { "sys/fs/cgroup/cpu.max", "300000 100000\n" } } },
	{ "max", 0, { { GROUP, "0::/a\n" }, { MOUNTS, V2_MOUNT },
			{ "sys/fs/cgroup/a/cpu.max", "max 100000\n" } } },
	{ "above", 2, { { GROUP, "0::/a/b/c\n" }, { MOUNTS, V2_MOUNT },
			  { "sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n" },
			  { "sys/fs/cgroup/a/cpu.max", "50000 25000\n" } } },
	{ "least of all above", 2, { { GROUP, "0::/a/b/c\n" }, { MOUNTS, V2_MOUNT },
				       { "sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n" },
				       { "sys/fs/cgroup/a/b/cpu.max", "150000 100000\n" },
				       { "sys/fs/cgroup/a/cpu.max", "300000 100000\n" } } },
	{ "not of others", 0, { { GROUP, "0::/a/b\n" }, { MOUNTS, V2_MOUNT },
				  { "sys/fs/cgroup/a/c/cpu.max", "100000 100000\n" },
				  { "sys/fs/cgroup/a/b/d/cpu.max", "100000 100000\n" } } },
	{ "above the mount is another's", 0, { { GROUP, "0::/\n" }, { MOUNTS, V2_MOUNT },
						 { "sys/fs/cpu.max", "100000 100000\n" } } },
	{ "v1", 2, { { GROUP, V1_GROUPS "3:cpu,cpuacct:/a\n" }, { MOUNTS, OTHER_MOUNTS V1_MOUNT },
		       { "sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "10000\n" },
		       { "sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "10000\n" },
		       { "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "20000\n" },
		       { "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "10000\n" } } },
	{ "v1, none", 0, { { GROUP, V1_GROUPS "3:cpuacct,cpu:/a\n" }, { MOUNTS, V1_MOUNT },
			     { "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n" },
			     { "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n" } } },
	{ "v1, above", 3, { { GROUP, "3:cpu:/a/b\n" }, { MOUNTS, V1_MOUNT },
			      { "sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n" },
			      { "sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n" },
			      { "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n" },
			      { "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n" } } },
	{ "v1, no period", 0, { { GROUP, "3:cpu:/a\n" }, { MOUNTS, V1_MOUNT },
				  { "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n" } } },
	{ "v1, another controller's group", 0, { { GROUP, "3:cpuset:/a\n4:cpuacct:/a\n" },
						   { MOUNTS, OTHER_MOUNTS V1_MOUNT },
						   { "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n" },
						   { "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n" } } },
	{ "hybrid, in v1", 2, { { GROUP, V1_GROUPS "3:cpu:/a\n0::/b\n" },
				  { MOUNTS, OTHER_MOUNTS HYBRID_MOUNT V1_MOUNT },
				  { "sys/fs/cgroup/unified/b/cpu.stat", "usage_usec 1\n" },
				  { "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "200000\n" },
				  { "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n" } } },
	{ "hybrid, in v2", 4, { { GROUP, V1_GROUPS "0::/b\n" },
				  { MOUNTS, OTHER_MOUNTS HYBRID_MOUNT },
				  { "sys/fs/cgroup/unified/b/cpu.max", "400000 100000\n" } } },
	{ "a container's mount", 2, { { GROUP, "0::/docker/abc/a\n" },
					{ MOUNTS, "30 20 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n" },
					{ "sys/fs/cgroup/a/cpu.max", "max 100000\n" },
					{ "sys/fs/cgroup/cpu.max", "200000 100000\n" } } },
	{ "a container's mount itself", 2, { { GROUP, "0::/docker/abc\n" },
					       { MOUNTS, "30 20 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n" },
					       { "sys/fs/cgroup/cpu.max", "200000 100000\n" } } },
	{ "a mount of another group", 0, { { GROUP, "0::/docker/abcd\n" },
					     { MOUNTS, "30 20 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n" },
					     { "sys/fs/cgroup/cpu.max", "100000 100000\n" },
					     { "sys/fs/cgroupd/cpu.max", "100000 100000\n" } } },
	{ "a group out of sight", 0, { { GROUP, "0::/../b\n" }, { MOUNTS, V2_MOUNT },
					 { "sys/fs/cgroup/cpu.stat", "usage_usec 1\n" },
					 { "sys/fs/b/cpu.max", "100000 100000\n" } } },
	{ "a space in the mount point", 2, { { GROUP, "0::/a\n" },
					       { MOUNTS, "30 20 0:26 / /c\\040d rw - cgroup2 cgroup2 rw\n" },
					       { "c d/a/cpu.max", "200000 100000\n" } } },
	{ "a colon in the group", 2, { { GROUP, "0::/a:b\n" }, { MOUNTS, V2_MOUNT },
					 { "sys/fs/cgroup/a:b/cpu.max", "200000 100000\n" } } },
	{ "garbage in cpu.max", 0, { { GROUP, "0::/a/b/c/d/e\n" }, { MOUNTS, V2_MOUNT },
				       { "sys/fs/cgroup/a/cpu.max", "100000\n" },
				       { "sys/fs/cgroup/a/b/cpu.max", "x 100000\n" },
				       { "sys/fs/cgroup/a/b/c/cpu.max", "100000 0\n" },
				       { "sys/fs/cgroup/a/b/c/d/cpu.max", "99999999999999999999 1\n" },
				       { "sys/fs/cgroup/a/b/c/d/e/cpu.max", "" } } },
	{ "garbage in /proc", 2, { { GROUP, "\n:\n::\n0\n0:\n0::\nx:cpu\n0::/a\n" },
				     { MOUNTS, "\n - \n - cgroup2\n - cgroup2 x y\n1 2 3 4 - cgroup2 x y\n"
					       "1 2 3 4 5\n1 2 3 / /\\ rw - cgroup2\n" V2_MOUNT },
				     { "sys/fs/cgroup/a/cpu.max", "200000 100000" } } },
};

static char root[] = "/tmp/echod-cpus-XXXXXX";

static void
write_file(const struct file *file)
{
	char path[PATH_MAX];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", root, file->path);
	for (char *slash = strchr(path + sizeof(root), '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	to = fopen(path, "w");
	ck_assert_ptr_nonnull(to);
	ck_assert_int_ge(fputs(file->text, to), 0);
	ck_assert_int_eq(fclose(to), 0);
}

static int
remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
	(void)status;
	(void)flag;
	(void)walk;
	return remove(path);
}

START_TEST(quota)
{
	const struct quota_case *tree = &cases[_i];
	size_t found;

	ck_assert_ptr_nonnull(mkdtemp(root));
	for (size_t i = 0; tree->files[i].path != NULL; i++)
		write_file(&tree->files[i]);
	found = cpus_quota(root);
	ck_assert_int_eq(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	ck_assert_msg(found == tree->cpus, "%s: %zu CPUs, not %zu", tree->name, found, tree->cpus);
}
END_TEST

START_TEST(one_at_least)
{
	ck_assert_uint_ge(cpus_usable(), 1);
	ck_assert_uint_le(cpus_usable(), (unsigned long)sysconf(_SC_NPROCESSORS_CONF));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cpus");
	TCase *tests = tcase_create("cpus");

	tcase_add_loop_test(tests, quota, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tests, one_at_least);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
