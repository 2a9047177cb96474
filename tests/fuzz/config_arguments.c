/*
 * The command line: arguments as the shell would give them, each ended by a NUL: "-f", "-v",
 * "-lURI", "-oNAME=VALUE".  With "-c" there is a file with a listener, else none.  It has
 * faults, each of them one line, or is loaded; and what is loaded is dumped as a file that is
 * loaded and dumped as the same.
 */
#include "dumps.h"

#define FILE_TEXT "listen file { port = 7 }\n"
#define ARGUMENTS_MAX 32

static const char *
beginning(const char *argument, const char *option)
{
	const size_t length = strlen(option);

	return strncmp(argument, option, length) == 0 ? argument + length : NULL;
}

static void
take(struct config_source *source, const char *uris[], const char *settings[],
    const char *argument)
{
	const char *value;

	if ((value = beginning(argument, "-l")) != NULL)
		uris[source->listen_count++] = value;
	else if ((value = beginning(argument, "-o")) != NULL)
		settings[source->set_count++] = value;
	else if (strcmp(argument, "-v") == 0)
		source->verbose++;
	else if (strcmp(argument, "-f") == 0)
		source->foreground = true;
	else if (strcmp(argument, "-c") == 0)
		source->path = file_of(FILE_TEXT, strlen(FILE_TEXT));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *uris[ARGUMENTS_MAX], *settings[ARGUMENTS_MAX];
	struct config_source source = {
		.path = "/proc/self/not-there", .may_be_missing = true, .listen = uris,
		.set = settings,
	};
	struct input input = { data, size };
	char *arguments[ARGUMENTS_MAX];
	struct config *config;
	size_t count = 0;

	while (input.left > 0 && count < ARGUMENTS_MAX) {
		arguments[count] = input_text(&input);
		take(&source, uris, settings, arguments[count++]);
	}
	config = load(&source);
	if (config != NULL)
		check_dump(config);
	while (count > 0)
		free(arguments[--count]);
	return 0;
}
