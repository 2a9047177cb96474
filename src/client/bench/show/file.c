/* Files that results are written to: see file.h. */
#include "client/bench/show/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
bench_file_is_device(const char *path)
{
	return strncmp(path, "/dev/", strlen("/dev/")) == 0;
}

/*
 * The file that a link leads to is what is replaced, but for those that lead to what is open, like
 * /dev/stdout.  For free(); NULL with errno.
 */
static char *
resolve(const char *path)
{
	char *real = bench_file_is_device(path) ? NULL : realpath(path, NULL);

	return real != NULL || (errno != ENOENT && !bench_file_is_device(path)) ? real : strdup(path);
}

/* Something to replace, or to make. */
static bool
is_file(const char *path, const struct stat *st)
{
	return S_ISREG(st->st_mode) && !bench_file_is_device(path);
}

static mode_t
mode_of_new(void)
{
	const mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Opens a file beside `path` that may take its place, and sets *beside, for free().  -1: errno. */
static int
open_beside(const char *path, mode_t mode, char **beside)
{
	int fd, error;

	*beside = NULL;
	if (*path == '\0') {
		errno = ENOENT;
		return -1;
	}
	if (asprintf(beside, "%s.XXXXXX", path) == -1) {
		*beside = NULL;
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(*beside, O_CLOEXEC);
	if (fd != -1 && fchmod(fd, mode) == -1) {
		error = errno;
		close(fd);
		unlink(*beside);
		errno = error;
		fd = -1;
	}
	return fd;
}

/* What can be said of a path that is there without writing: 0, or errno. */
static int
check_there(const char *path, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return EISDIR;
	return access(path, W_OK) == -1 ? errno : 0;
}

int
bench_file_check(const char *path)
{
	char *real = resolve(path), *beside;
	struct stat st;
	int fd, error;

	if (real == NULL)
		return errno;
	error = stat(real, &st) == 0 ? check_there(real, &st) : errno == ENOENT ? 0 : errno;
	if (error == 0 && (stat(real, &st) == -1 || is_file(real, &st))) {
		fd = open_beside(real, 0600, &beside);
		error = fd == -1 ? errno : 0;
		if (fd != -1) {
			close(fd);
			unlink(beside);
		}
		free(beside);
	}
	free(real);
	return error;
}

/* --- writing --------------------------------------------------------------------------- */

/* Closes what `fd` is.  Returns 0, or errno. */
static int
print_to(int fd, void (*print)(const struct bench_result *result, FILE *stream),
    const struct bench_result *result)
{
	FILE *stream = fdopen(fd, "w");
	int error;

	if (stream == NULL) {
		error = errno;
		close(fd);
		return error;
	}
	errno = 0;
	print(result, stream);
	error = ferror(stream) ? errno != 0 ? errno : EIO : 0;
	if (fclose(stream) == EOF && error == 0)
		error = errno;
	return error;
}

static int
replace(const char *path, mode_t mode, void (*print)(const struct bench_result *result,
    FILE *stream), const struct bench_result *result)
{
	char *beside;
	const int fd = open_beside(path, mode, &beside);
	int error = fd == -1 ? errno : print_to(fd, print, result);

	if (error == 0 && rename(beside, path) == -1)
		error = errno;
	if (error != 0 && fd != -1)
		unlink(beside);
	free(beside);
	return error;
}

/* What stands for a descriptor would have an offset of its own where that is a file. */
static int
open_device(const char *path)
{
	if (strcmp(path, "/dev/stdout") == 0)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (strcmp(path, "/dev/stderr") == 0)
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	return open(path, O_WRONLY | O_CLOEXEC);
}

int
bench_file_write(const char *path, void (*print)(const struct bench_result *result,
    FILE *stream), const struct bench_result *result)
{
	char *real = resolve(path);
	struct stat st;
	int error, fd;

	if (real == NULL)
		return errno;
	if (stat(real, &st) == -1) {
		error = replace(real, mode_of_new(), print, result);
	} else if (is_file(real, &st)) {
		error = replace(real, st.st_mode & 07777, print, result);
	} else {
		fd = open_device(real);
		error = fd == -1 ? errno : print_to(fd, print, result);
	}
	free(real);
	return error;
}
