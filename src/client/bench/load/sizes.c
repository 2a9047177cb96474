/* How long the messages of bench are: see sizes.h. */
#include "client/bench/load/sizes.h"

#include <stdbool.h>
#include <string.h>

static const char fault[] = "give SIZE[:WEIGHT],..., 1 to 64M bytes each, as in 64:9,16K:1";

/* Reads an integer from 1 to `most` from *text on, which is then behind it; 0: there is none. */
static uint64_t
read_number(const char **text, uint64_t most)
{
	uint64_t value = 0;

	for (; **text >= '0' && **text <= '9'; ++*text)
		if (value <= most)
			value = value * 10 + (uint64_t)(**text - '0');
	return value <= most ? value : 0;
}

static uint64_t
read_size(const char **text)
{
	uint64_t value = read_number(text, SIZES_MOST);

	if (**text == 'K' || **text == 'k')
		value *= 1024;
	else if (**text == 'M' || **text == 'm')
		value *= 1024 * UINT64_C(1024);
	else
		return value;
	++*text;
	return value <= SIZES_MOST ? value : 0;
}

static bool
read_row(struct sizes *sizes, const char **text)
{
	const uint64_t bytes = read_size(text);
	uint64_t weight = 1;

	if (**text == ':') {
		++*text;
		weight = read_number(text, SIZES_WEIGHT_MOST);
	}
	if (bytes == 0 || weight == 0)
		return false;
	sizes->rows[sizes->count].bytes = (size_t)bytes;
	sizes->rows[sizes->count].weight = (uint32_t)weight;
	sizes->weights += weight;
	sizes->count++;
	return true;
}

const char *
sizes_parse(struct sizes *sizes, const char *text)
{
	*sizes = (struct sizes){ .count = 0 };
	do {
		if (sizes->count == SIZES_MAX)
			return "there are more than 16 sizes";
		if (!read_row(sizes, &text))
			return fault;
	} while (*text++ == ',');
	return text[-1] == '\0' ? NULL : fault;
}

size_t
sizes_longest(const struct sizes *sizes)
{
	size_t most = 0;

	for (size_t i = 0; i < sizes->count; i++)
		if (sizes->rows[i].bytes > most)
			most = sizes->rows[i].bytes;
	return most;
}

size_t
sizes_shortest(const struct sizes *sizes)
{
	size_t least = SIZES_MOST;

	for (size_t i = 0; i < sizes->count; i++)
		if (sizes->rows[i].bytes < least)
			least = sizes->rows[i].bytes;
	return least;
}

/* Murmur's finish (public domain): neighbours get sizes that have nothing to do with each other. */
static uint64_t
scatter(uint64_t z)
{
	z = (z ^ (z >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	z = (z ^ (z >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return z ^ (z >> 33);
}

size_t
sizes_pick_one(const struct sizes *sizes, uint64_t connection, uint64_t number)
{
	uint64_t at = scatter(scatter(connection) + number) % sizes->weights;
	size_t i = 0;

	while (at >= sizes->rows[i].weight)
		at -= sizes->rows[i++].weight;
	return sizes->rows[i].bytes;
}
