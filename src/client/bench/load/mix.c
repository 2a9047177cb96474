/* How long the messages of bench are: see mix.h. */
#include "client/bench/load/mix.h"

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
	uint64_t value = read_number(text, MIX_SIZE_MOST);

	if (**text == 'K' || **text == 'k')
		value *= 1024;
	else if (**text == 'M' || **text == 'm')
		value *= 1024 * UINT64_C(1024);
	else
		return value;
	++*text;
	return value <= MIX_SIZE_MOST ? value : 0;
}

static bool
read_row(struct mix *mix, const char **text)
{
	const uint64_t bytes = read_size(text);
	uint64_t weight = 1;

	if (**text == ':') {
		++*text;
		weight = read_number(text, MIX_WEIGHT_MOST);
	}
	if (bytes == 0 || weight == 0)
		return false;
	mix->rows[mix->count].bytes = (size_t)bytes;
	mix->rows[mix->count].weight = (uint32_t)weight;
	mix->weights += weight;
	mix->count++;
	return true;
}

const char *
mix_parse(struct mix *mix, const char *text)
{
	*mix = (struct mix){ .count = 0 };
	do {
		if (mix->count == MIX_MOST)
			return "there are more than 16 sizes";
		if (!read_row(mix, &text))
			return fault;
	} while (*text++ == ',');
	return text[-1] == '\0' ? NULL : fault;
}

size_t
mix_longest(const struct mix *mix)
{
	size_t most = 0;

	for (size_t i = 0; i < mix->count; i++)
		if (mix->rows[i].bytes > most)
			most = mix->rows[i].bytes;
	return most;
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
mix_pick_one(const struct mix *mix, uint64_t connection, uint64_t number)
{
	uint64_t at = scatter(scatter(connection) + number) % mix->weights;
	size_t i = 0;

	while (at >= mix->rows[i].weight)
		at -= mix->rows[i++].weight;
	return mix->rows[i].bytes;
}
