/* The sizes of messages: see sizes.h. */
#include "client/measure/sizes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/measure/message.h"

static const char fault[] = "give 16 to 65507 bytes, a list as 64,1400, or a sweep as 64-1472:8";

struct sizes
sizes_of_one(size_t size)
{
	return (struct sizes){ .count = 1, .parts = 1, .part = { { size, 1, 1 } } };
}

/* Reads a number from *text on, which is then behind it. */
static bool
read_number(const char **text, size_t least, size_t most, size_t *value)
{
	const size_t length = strspn(*text, "0123456789");

	if (length == 0 || length > strlen("65507"))
		return false;
	*value = strtoul(*text, NULL, 10);
	*text += length;
	return *value >= least && *value <= most;
}

/* Reads "64" or "64-1472:8" from *text on, which is then behind it. */
static bool
read_part(const char **text, struct sizes_part *part)
{
	size_t last;

	if (!read_number(text, MESSAGE_LEAST, MESSAGE_MOST, &part->first))
		return false;
	part->step = part->count = 1;
	if (**text != '-')
		return true;
	++*text;
	if (!read_number(text, part->first, MESSAGE_MOST, &last))
		return false;
	if (**text == ':') {
		++*text;
		if (!read_number(text, 1, MESSAGE_MOST, &part->step))
			return false;
	}
	part->count = (last - part->first) / part->step + 1;
	return true;
}

const char *
sizes_parse(struct sizes *sizes, const char *text)
{
	sizes->count = sizes->parts = 0;
	do {
		struct sizes_part part;

		if (!read_part(&text, &part))
			return fault;
		if (sizes->parts == SIZES_PARTS_MOST || sizes->count + part.count > SIZES_MOST)
			return "there are more than 4096 sizes, or 64 parts of a list";
		sizes->part[sizes->parts++] = part;
		sizes->count += part.count;
	} while (*text == ',' && *++text != '\0');
	return *text == '\0' && text[-1] != ',' ? NULL : fault;
}

size_t
sizes_at(const struct sizes *sizes, size_t place)
{
	const struct sizes_part *part = sizes->part;

	while (place >= part->count) {
		place -= part->count;
		part++;
	}
	return part->first + place * part->step;
}

size_t
sizes_least(const struct sizes *sizes)
{
	size_t least = MESSAGE_MOST;

	for (size_t i = 0; i < sizes->parts; i++)
		if (sizes->part[i].first < least)
			least = sizes->part[i].first;
	return least;
}

size_t
sizes_most(const struct sizes *sizes)
{
	size_t most = 0;

	for (size_t i = 0; i < sizes->parts; i++) {
		const struct sizes_part *part = &sizes->part[i];
		const size_t last = part->first + (part->count - 1) * part->step;

		if (last > most)
			most = last;
	}
	return most;
}
