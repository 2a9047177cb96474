/* Numbers with their units: see units.h. */
#include "client/bench/show/units.h"

#include <stdio.h>

struct scale {
	double step; /* from one unit to the next */
	const char *units[8];
};

/* Three digits, and of the largest unit as many as there are. */
static const char *
print(double value, const struct scale *scale, char text[UNITS_SIZE])
{
	size_t unit = 0;

	/* What would be rounded to a fourth digit is of the next unit. */
	while (value >= (scale->step > 1000 ? 1023.5 : 999.5) && scale->units[unit + 1] != NULL) {
		value /= scale->step;
		unit++;
	}
	snprintf(text, UNITS_SIZE, "%.*f%s", unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2,
	    value, scale->units[unit]);
	return text;
}

const char *
units_time(int64_t nanoseconds, char text[UNITS_SIZE])
{
	static const struct scale scale = { 1000, { " ns", " us", " ms", " s" } };

	return print((double)nanoseconds, &scale, text);
}

const char *
units_number(double number, char text[UNITS_SIZE])
{
	static const struct scale scale = { 1000, { "", " k", " M", " G", " T" } };

	return print(number, &scale, text);
}

const char *
units_bytes(double bytes, char text[UNITS_SIZE])
{
	static const struct scale scale = { 1024, { " B", " KiB", " MiB", " GiB", " TiB" } };

	return print(bytes, &scale, text);
}

const char *
units_bits(double bytes, char text[UNITS_SIZE])
{
	static const struct scale scale = { 1000,
		{ " bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s" } };

	return print(bytes * 8, &scale, text);
}
