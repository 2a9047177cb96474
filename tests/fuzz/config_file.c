/*
 * A configuration file, byte by byte.  It has faults, each of them one line that names a line of
 * the file, or it is loaded; and what is loaded is dumped as a file that is loaded and dumped as
 * the same.  A misspelt name before all of it is told and hides no other fault.
 */
#include "dumps.h"

#define MISSPELT "misspelt = { \"}\", '=', # }\n}\n"
#define MISSPELT_LINES 2

/* What the fault says, and the line of the file at `path` that it names; 0: none. */
static const char *
words_of(const char *fault, const char *path, long *line)
{
	const size_t length = strlen(path);
	const char *number = fault + length + 1;
	const bool named = strncmp(fault, path, length) == 0 && fault[length] == ':';
	const size_t digits = named ? strspn(number, "0123456789") : 0;

	*line = digits > 0 ? strtol(number, NULL, 10) : 0;
	return named ? number + digits - (digits == 0) : fault;
}

static bool
begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* The words behind ": listener "NAME": ", or NULL. */
static const char *
words_of_listener(const char *words)
{
	static const char beginning[] = ": listener \"", end[] = "\": ";
	const char *name = begins_with(words, beginning) ? words + strlen(beginning) : NULL;
	const char *behind = name != NULL ? strstr(name, end) : NULL;

	return behind != NULL ? behind + strlen(end) : NULL;
}

/* What is said where nothing is missing, and so not of a file with a name that is not known. */
static bool
is_of_whole_file(const char *fault, const char *path)
{
	static const char group[] = "no effect: give user too";
	static const char *const of_listeners[] = {
		"anybody may lie ", "certificate has ", "certificate is missing: ",
		"client_ca without ", "client_certificate without ", "greeting is for ",
		"proxy_protocol is for ", "trusted_proxies without ",
	};
	const size_t length = strlen(fault), tail = strlen(group);
	long line;
	const char *words = words_of_listener(words_of(fault, path, &line));

	for (size_t i = 0; words != NULL && i < sizeof(of_listeners) / sizeof(of_listeners[0]); i++)
		if (begins_with(words, of_listeners[i]))
			return true;
	return begins_with(fault + strlen(path), ": no listener: ") ||
	    (length > tail && strcmp(fault + length - tail, group) == 0);
}

static struct faults *
faults_of(const char *path)
{
	const struct config_source source = { .path = path };
	struct faults *faults = faults_new();

	fuzz_assert(faults != NULL);
	config_free(config_load(&source, faults));
	return faults;
}

/* What libconfuse would have had to say: it is given nothing that is wrong. */
static bool
is_of_libconfuse(const char *words)
{
	static const char said[] = ": libconfuse says: ", unsaid[] = ": Cannot allocate memory";

	return strncmp(words, said, strlen(said)) == 0 || strcmp(words, unsaid) == 0;
}

static void
check_lines(const struct faults *faults, const char *path, const uint8_t *data, size_t size)
{
	long lines = 1, line;

	for (size_t i = 0; i + 1 < size; i++)
		lines += data[i] == '\n';
	for (size_t i = 0; i < faults_count(faults); i++) {
		const char *words = words_of(faults_get(faults, i), path, &line);

		fuzz_assert(line <= lines);
		fuzz_assert(!is_of_libconfuse(words));
	}
}

/* Each is told of the line that it has moved to. */
static void
check_same(const struct faults *faults, const struct faults *more, const char *path)
{
	size_t next = 1;
	long line, moved;

	for (size_t i = 0; i < faults_count(faults); i++) {
		if (is_of_whole_file(faults_get(faults, i), path))
			continue;
		fuzz_assert(next < faults_count(more));
		words_of(faults_get(faults, i), path, &line);
		words_of(faults_get(more, next++), path, &moved);
		fuzz_assert(moved == (line > 0 ? line + MISSPELT_LINES : 0));
	}
	fuzz_assert(next == faults_count(more));
}

static void
check_nothing_is_hidden(const struct faults *faults, const uint8_t *data, size_t size)
{
	const size_t before = strlen(MISSPELT);
	char *text = malloc(before + size);
	struct faults *more;
	const char *path;

	fuzz_assert(text != NULL);
	memcpy(text, MISSPELT, before);
	if (size > 0)
		memcpy(text + before, data, size);
	path = file_of(text, before + size);
	more = faults_of(path);
	fuzz_assert(strstr(faults_get(more, 0), ":1: unknown option \"misspelt\": ") != NULL);
	check_same(faults, more, path);
	faults_free(more);
	free(text);
}

/* What is no text, or begins as another encoding, is not looked into. */
static bool
is_text(const uint8_t *data, size_t size)
{
	return size == 0 || (memchr(data, '\0', size) == NULL && memchr(data, '\r', size) == NULL &&
	    *data < 0xef);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = file_of(data, size);
	const struct config_source source = { .path = path };
	struct faults *faults = faults_of(path);
	struct config *config = load(&source);

	check_lines(faults, path, data, size);
	if (faults_count(faults) < 100 && is_text(data, size))
		check_nothing_is_hidden(faults, data, size);
	faults_free(faults);
	if (config != NULL)
		check_dump(config);
	return 0;
}
