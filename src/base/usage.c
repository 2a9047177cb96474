/* Options of a command line that are none: see usage.h. */
#include "base/usage.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/spelling.h"

/* Longer names are no options. */
#define NAME_SIZE 64

/* "--name=value" without what is no name. */
static void
copy_name(char name[NAME_SIZE], const char *argument)
{
	argument += strspn(argument, "-");
	snprintf(name, NAME_SIZE, "%.*s", (int)strcspn(argument, "="), argument);
}

/* Returns the name that was meant, or NULL. */
static const char *
find_near(const struct option *options, const char *name)
{
	const char *nearest = NULL;
	size_t least = SPELLING_NEAR + 1;

	for (; options->name != NULL; options++) {
		const size_t distance = spelling_distance(name, options->name);

		if (distance < least && distance + 1 < strlen(name)) {
			least = distance;
			nearest = options->name;
		}
	}
	return nearest;
}

/* Writes the names that begin with `name` to `text`; returns how many there are. */
static size_t
list_meant(const struct option *options, const char *name, char text[], size_t size)
{
	size_t count = 0, used = 0;

	for (; options->name != NULL; options++) {
		if (strncmp(options->name, name, strlen(name)) != 0 || used >= size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s--%s",
		    count == 0 ? "" : " or ", options->name);
		count++;
	}
	return count;
}

static bool
has_letter(const struct option *options, int letter)
{
	while (options->name != NULL && options->val != letter)
		options++;
	return options->name != NULL;
}

static void
tell_long(const char *program, const char *argument, const struct option *options)
{
	char name[NAME_SIZE], shown[NAME_SIZE * 4], meant[512];
	const char *near;

	copy_name(name, argument);
	escape_bytes(name, strlen(name), shown);
	near = find_near(options, name);
	if (optopt != 0 && has_letter(options, optopt))
		fprintf(stderr, "%s: --%s takes no value\n", program, shown);
	else if (list_meant(options, name, meant, sizeof(meant)) > 1)
		fprintf(stderr, "%s: --%s may be %s\n", program, shown, meant);
	else if (near != NULL)
		fprintf(stderr, "%s: there is no option --%s: did you mean --%s?\n", program, shown,
		    near);
	else
		fprintf(stderr, "%s: there is no option --%s\n", program, shown);
}

/* One of several letters, maybe, in an argument that was meant for a long name: "-version". */
static void
tell_letter(const char *program, char *const argv[], const struct option *options)
{
	const char letter = (char)optopt, *near;
	const bool more = argv[optind] != NULL && *argv[optind] == '-' &&
	    strchr(argv[optind], letter) != NULL;
	char name[NAME_SIZE], shown[8];

	copy_name(name, argv[more ? optind : optind - 1]);
	near = find_near(options, name);
	fprintf(stderr, "%s: there is no option -%s%s%s%s\n", program,
	    escape_bytes(&letter, 1, shown), near != NULL ? ": did you mean --" : "",
	    near != NULL ? near : "", near != NULL ? "?" : "");
}

void
usage_tell_option(const char *program, int result, char *const argv[],
    const struct option *options)
{
	const char *argument = argv[optind - 1];
	const bool is_long = strncmp(argument, "--", 2) == 0;

	if (result == ':' && is_long)
		fprintf(stderr, "%s: %s needs a value\n", program, argument);
	else if (result == ':')
		fprintf(stderr, "%s: -%c needs a value\n", program, optopt);
	else if (is_long && (optopt == 0 || has_letter(options, optopt)))
		tell_long(program, argument, options);
	else
		tell_letter(program, argv, options);
}
