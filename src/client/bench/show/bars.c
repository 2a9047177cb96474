/* Bars and sparklines: see bars.h. */
#include "client/bench/show/bars.h"

#include <math.h>

#define EIGHTHS 8

static double
limited(double part)
{
	return part >= 0 ? fmin(part, 1) : 0;
}

void
bar_add(struct line *line, unsigned columns, double part)
{
	static const char *const blocks[EIGHTHS] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned eighths = (unsigned)lround(limited(part) * columns * EIGHTHS);

	if (part > 0 && eighths == 0)
		eighths = 1;
	if (!line->utf8) {
		line_fill(line, "#", (eighths + EIGHTHS - 1) / EIGHTHS);
		return;
	}
	line_fill(line, "█", eighths / EIGHTHS);
	if (eighths % EIGHTHS > 0)
		line_fill(line, blocks[eighths % EIGHTHS], 1);
}

/* Full only where it is. */
void
bar_add_progress(struct line *line, unsigned columns, double part)
{
	const unsigned full = (unsigned)floor(limited(part) * columns);

	line_fill(line, line->utf8 ? "█" : "#", full);
	line_fill(line, line->utf8 ? "░" : "-", columns - full);
}

void
spark_add(struct line *line, const double *values, size_t count)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { " ", "_", ".", ":", "-", "=", "+", "*", "#" };
	double highest = 0;

	for (size_t i = 0; i < count; i++)
		highest = fmax(highest, values[i]);
	for (size_t i = 0; i < count; i++) {
		const unsigned height = values[i] > 0
		    ? (unsigned)ceil(values[i] / highest * EIGHTHS) : 0;

		line_fill(line, (line->utf8 ? blocks : ascii)[height], 1);
	}
}
