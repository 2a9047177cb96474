/*
 * The main() of a harness without libFuzzer: gives it the inputs in its corpus, or the files
 * that are named.  Each is named before it is run, so that the last one named is at fault.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

static int
fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return EXIT_FAILURE;
}

static int
replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *data;
	size_t size;

	if (file == NULL || fstat(fileno(file), &status) != 0)
		return fail(path);
	size = (size_t)status.st_size;
	/* Of the input's size and no more: an empty one has no byte to be read either. */
	data = malloc(size);
	if ((data == NULL && size > 0) || fread(data, 1, size, file) != size)
		return fail(path);
	fclose(file);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return EXIT_SUCCESS;
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
replay_folder(const char *folder)
{
	struct dirent **entries;
	const int count = scandir(folder, &entries, is_input, alphasort);
	int status = count > 0 ? EXIT_SUCCESS : fail(folder);

	for (int i = 0; i < count; i++) {
		char *path = NULL;

		if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0 ||
		    replay(path) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
		free(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return status;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *slash = strrchr(argv[0], '/');
	int status = EXIT_SUCCESS;
	char *folder;

	if (argc == 1) {
		if (asprintf(&folder, "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".",
		    slash != NULL ? slash + 1 : argv[0]) < 0)
			return fail(argv[0]);
		status = replay_folder(folder);
		free(folder);
	}
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	return status;
}
