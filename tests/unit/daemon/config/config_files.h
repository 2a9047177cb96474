/*
 * What the tests of the configuration share: a folder of their own, a file in it
 * to load, and what loading says.
 */
#ifndef TESTS_CONFIG_FILES_H
#define TESTS_CONFIG_FILES_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/config.h"

#define GOOD "listen a { port = 0 }\n"
#define MEBIBYTE ((size_t)1024 * 1024)

/* --- files to load ---------------------------------------------------------------- */

static char folder[64]; /* of this test alone */
static char path[96];   /* the file in it that write_file() writes */

static inline void
make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/echod-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/echod.conf", folder);
}

static inline void
remove_folder(void)
{
	unlink(path);
	rmdir(path);
	rmdir(folder);
}

static inline void
write_bytes(const void *data, size_t size)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(data, 1, size, out), size);
	ck_assert_int_eq(fclose(out), 0);
}

static inline void
write_file(const char *text)
{
	write_bytes(text, strlen(text));
}

static inline char *
read_file(const char *name)
{
	char *text = calloc(1, MEBIBYTE);
	FILE *in = fopen(name, "r");

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(in != NULL, "%s: %s", name, strerror(errno));
	ck_assert_uint_lt(fread(text, 1, MEBIBYTE - 1, in), MEBIBYTE - 1);
	fclose(in);
	return text;
}

/* --- lines ------------------------------------------------------------------------- */

static inline const char *
next_line(const char *line)
{
	return strchr(line, '\n') + 1;
}

/* Whether their first lines are the same, up to three dots that end the expected one. */
static inline bool
is_same_line(const char *seen, const char *expected)
{
	size_t length = (size_t)(next_line(expected) - expected);

	if (length > 4 && strncmp(expected + length - 4, "...\n", 4) == 0)
		length -= 4;
	return strncmp(seen, expected, length) == 0;
}

/* Shows both from the first difference on: a message of Check is not long. */
static inline void
assert_same_lines(const char *name, const char *seen, const char *expected)
{
	while (*seen != '\0' && *expected != '\0' && is_same_line(seen, expected)) {
		seen = next_line(seen);
		expected = next_line(expected);
	}
	ck_assert_msg(*seen == '\0' && *expected == '\0',
	    "%s gives:\n%.800s\nbut expected:\n%.800s", name, seen, expected);
}

/* --- loading ------------------------------------------------------------------------ */

/* Every fault on a line of its own, `name` before a ':' or at the start told as FILE. */
static inline char *
join_faults(const struct faults *faults, const char *name)
{
	char *text = NULL;
	size_t size, length = strlen(name);
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < faults_count(faults); i++) {
		const char *fault = faults_get(faults, i);

		if (strncmp(fault, name, length) == 0)
			fprintf(out, "FILE%s\n", fault + length);
		else
			fprintf(out, "%s\n", fault);
	}
	fclose(out);
	return text;
}

static inline char *
dump(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_int_eq(config_dump(config, out), 0);
	fclose(out);
	return text;
}

/* Returns the configuration, or NULL with what is wrong in *told, for free(). */
static inline struct config *
load(const struct config_source *source, char **told)
{
	struct faults *faults = faults_new();
	struct config *config = config_load(source, faults);

	*told = NULL;
	if (config == NULL)
		*told = join_faults(faults, source->path);
	ck_assert_uint_eq(faults_count(faults) == 0, config != NULL);
	faults_free(faults);
	return config;
}

static inline struct config *
load_good(const struct config_source *source)
{
	char *told;
	struct config *config = load(source, &told);

	ck_assert_msg(config != NULL, "not loaded:\n%s", told);
	return config;
}

/* Each line of *told ends with a newline; `expected` holds all of them, "..." for any rest. */
static inline void
assert_faults(const struct config_source *source, const char *expected)
{
	char *told;
	struct config *config = load(source, &told);

	ck_assert_msg(config == NULL, "loaded, but expected:\n%s", expected);
	assert_same_lines(source->path, told, expected);
	free(told);
}

static inline void
assert_file_faults(const char *expected)
{
	const struct config_source source = { .path = path };

	assert_faults(&source, expected);
}

#endif
