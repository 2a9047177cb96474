/*
 * What the harnesses of the configuration share: a file to load, and the properties that hold
 * for whatever was loaded.
 */
#ifndef TESTS_FUZZ_DUMPS_H
#define TESTS_FUZZ_DUMPS_H

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config/config.h"
#include "fuzz.h"

/*
 * In the place of libc's, which would ask the system's databases.  Theirs have every name, but
 * for those that begin with "no", and one that cannot be looked up.
 */
static inline int
look_up(const char *name, bool *found)
{
	*found = strncmp(name, "no", 2) != 0 && strcmp(name, "broken") != 0;
	return strcmp(name, "broken") == 0 ? EIO : 0;
}

int
getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
    struct passwd **result)
{
	bool found;
	const int failure = look_up(name, &found);

	(void)buffer;
	(void)size;
	*result = found ? user : NULL;
	return failure;
}

int
getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
    struct group **result)
{
	bool found;
	const int failure = look_up(name, &found);

	(void)buffer;
	(void)size;
	*result = found ? group : NULL;
	return failure;
}

/* Returns the path of a file with these bytes: always the same one. */
static inline const char *
file_of(const void *data, size_t size)
{
	static int fd = -1;
	static char path[32];

	if (fd == -1) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_assert(fd != -1 && ftruncate(fd, 0) == 0);
	fuzz_assert(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

/* A message is one line, whatever it quotes. */
static inline void
check_faults(const struct faults *faults)
{
	for (size_t i = 0; i < faults_count(faults); i++) {
		const char *text = faults_get(faults, i);

		fuzz_assert(*text != '\0');
		for (; *text != '\0'; text++)
			fuzz_assert((unsigned char)*text >= 0x20 && *text != 0x7f);
	}
}

/* Returns the configuration, or NULL where it has faults: never neither, never both. */
static inline struct config *
load(const struct config_source *source)
{
	struct faults *faults = faults_new();
	struct config *config;

	fuzz_assert(faults != NULL);
	config = config_load(source, faults);
	fuzz_assert((config == NULL) == (faults_count(faults) > 0));
	check_faults(faults);
	faults_free(faults);
	return config;
}

/* Returns its text, for free(). */
static inline char *
dump(const struct config *config, size_t *size)
{
	char *text;
	FILE *out = open_memstream(&text, size);

	fuzz_assert(out != NULL && config_dump(config, out) == 0);
	fclose(out);
	for (size_t i = 0; i < *size; i++) /* fit for a terminal, whatever a string holds */
		fuzz_assert(text[i] == '\n' || text[i] == '\t' || (unsigned char)text[i] >= 0x20);
	return text;
}

/* Takes over `config`. */
static inline void
check_dump(struct config *config)
{
	size_t size, again_size;
	char *text = dump(config, &size), *again;
	const struct config_source source = { .path = file_of(text, size) };
	struct config *read = load(&source);

	fuzz_assert(read != NULL);
	again = dump(read, &again_size);
	fuzz_assert(strcmp(again, text) == 0);
	free(again);
	free(text);
	config_free(read);
	config_free(config);
}

#endif
