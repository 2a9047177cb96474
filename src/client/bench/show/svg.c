/*
 * A picture of a run that needs nothing but a browser: the percentiles up to the slowest message,
 * the throughput and the latency over time, light or dark as the reader's desktop is.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "client/bench/show/file.h"
#include "client/bench/show/line.h"
#include "client/bench/show/units.h"

/* The picture, and in it each chart: below one another, all of the same shape. */
#define WIDTH 960
#define HEIGHT 970
#define LEFT 90
#define RIGHT 910
#define PLOT_HEIGHT 220
#define CHART_HEIGHT 300
#define FIRST_TOP 110

/* Lines over time have no more points than there are pixels. */
#define POINTS_MAX 800

struct chart {
	FILE *stream;
	double top;
	double x_least, x_most;
	double y_least, y_most;
	bool y_is_log;
};

static const char style[] =
    "<style>\n"
    "svg { background: #fff; color: #1a1a1a; font: 13px system-ui, sans-serif; }\n"
    "text { fill: #1a1a1a; } .dim { fill: #666; }\n"
    ".grid { stroke: #ddd; fill: none; } .frame { stroke: #999; fill: none; }\n"
    ".line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .key { stroke-width: 3; }\n"
    ".corrected, .sent, .p99 { stroke: #c2410c; } .uncorrected, .echoed { stroke: #1d4ed8; }\n"
    ".slip, .p50 { stroke: #15803d; } .max { stroke: #999; stroke-width: 1; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { background: #16181d; } text { fill: #e6e6e6; } .dim { fill: #9aa0a6; }\n"
    ".grid { stroke: #30343b; } .frame { stroke: #5f6670; }\n"
    ".corrected, .sent, .p99 { stroke: #fb923c; } .uncorrected, .echoed { stroke: #7aa2ff; }\n"
    ".slip, .p50 { stroke: #4ade80; } .max { stroke: #7c828a; }\n"
    "}\n"
    "</style>\n";

/* --- where things stand ---------------------------------------------------------------- */

static double
x_of(const struct chart *chart, double value)
{
	return LEFT + (RIGHT - LEFT) * (value - chart->x_least) / (chart->x_most - chart->x_least);
}

/* What is below the least is on the line of it. */
static double
y_of(const struct chart *chart, double value)
{
	const double least = chart->y_is_log ? log10(chart->y_least) : chart->y_least;
	const double most = chart->y_is_log ? log10(chart->y_most) : chart->y_most;
	const double at = chart->y_is_log ? log10(fmax(value, chart->y_least)) : value;

	return chart->top + PLOT_HEIGHT * (1 - (at - least) / (most - least));
}

/* Decades around what there is, one at least. */
static void
scale_times(struct chart *chart, double least, double most)
{
	chart->y_is_log = true;
	chart->y_least = pow(10, floor(log10(fmax(least, 1))));
	chart->y_most = pow(10, ceil(log10(fmax(most, 1))));
	if (chart->y_most <= chart->y_least)
		chart->y_most = chart->y_least * 10;
}

/* The least of 1, 2 or 5 times a power of ten of which `count` reach `value`. */
static double
nice_step(double value, double count)
{
	const double raw = value / count, decade = pow(10, floor(log10(raw)));

	if (!(raw > 0))
		return 1;
	return decade * (raw <= decade ? 1 : raw <= decade * 2 ? 2 : raw <= decade * 5 ? 5 : 10);
}

/* --- what all charts have -------------------------------------------------------------- */

/* What no terminal would print, no browser need. */
static void
print_escaped(const char *text, FILE *stream)
{
	unsigned width;
	size_t size;

	for (; *text != '\0'; text += size > 0 ? size : 1) {
		size = line_character(text, &width);
		if (size == 0)
			fputc('?', stream);
		else if (strchr("<>&", *text) != NULL)
			fprintf(stream, "&#%d;", *text);
		else
			fwrite(text, 1, size, stream);
	}
}

static void
print_title(const struct chart *chart, const char *title)
{
	fprintf(chart->stream, "<text x=\"%d\" y=\"%.0f\" font-weight=\"bold\">%s</text>\n"
	    "<rect class=\"frame\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>\n",
	    LEFT, chart->top - 14, title, LEFT, chart->top, RIGHT - LEFT, PLOT_HEIGHT);
}

/* The names of the lines, from the right. */
static void
print_key(const struct chart *chart, const char *name, int place)
{
	const double x = RIGHT - 120 * (place + 1);

	fprintf(chart->stream, "<path class=\"key %s\" d=\"M%.0f,%.0fh18\"/>"
	    "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", name, x, chart->top - 18, x + 24,
	    chart->top - 14, name);
}

static void
print_y(const struct chart *chart, double value, const char *label)
{
	const double y = y_of(chart, value);

	fprintf(chart->stream, "<path class=\"grid\" d=\"M%d,%.1fH%d\"/><text class=\"dim\" x=\"%d\""
	    " y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT, y, RIGHT, LEFT - 8, y + 4, label);
}

static void
print_x(const struct chart *chart, double value, const char *label)
{
	const double x = x_of(chart, value);

	fprintf(chart->stream, "<path class=\"grid\" d=\"M%.1f,%.0fv%d\"/><text class=\"dim\" x=\"%.1f\""
	    " y=\"%.0f\" text-anchor=\"middle\">%s</text>\n", x, chart->top, PLOT_HEIGHT, x,
	    chart->top + PLOT_HEIGHT + 18, label);
}

static void
print_decades(const struct chart *chart)
{
	const int decades = (int)lround(log10(chart->y_most / chart->y_least));
	char label[UNITS_SIZE];

	for (int i = 0; i <= decades; i++) {
		const double time = chart->y_least * pow(10, i);

		print_y(chart, time, units_time((int64_t)time, label));
	}
}

/* --- percentiles ----------------------------------------------------------------------- */

/* Of 0 nines to as many as the messages have. */
static double
nines_of(const struct bench_result *result)
{
	uint64_t most = 0;

	for (int i = 0; i <= BENCH_SLIP; i++)
		most = result->times[i].count > most ? result->times[i].count : most;
	return fmin(fmax(ceil(log10((double)most + 1) - 1e-9), 2), 9);
}

static void
print_curve(const struct chart *chart, const struct histogram *histogram, const char *name)
{
	const double end = fmin(log10(fmax((double)histogram->count, 1)), chart->x_most);
	struct histogram_bucket bucket;
	uint64_t below = 0;

	if (histogram->count == 0)
		return;
	fprintf(chart->stream, "<path class=\"line %s\" d=\"M%d,%.1f", name, LEFT,
	    y_of(chart, (double)histogram->min));
	for (size_t at = 0; histogram_next(histogram, &at, &bucket);) {
		const double part = (double)(below += bucket.count) / (double)histogram->count;
		const double nines = part < 1 ? fmin(-log10(1 - part), end) : end;

		fprintf(chart->stream, "V%.1fH%.1f", y_of(chart,
		    (double)histogram_told(histogram, &bucket)), x_of(chart, nines));
	}
	fprintf(chart->stream, "\"/>\n");
}

static void
print_percentiles(const struct bench_result *result, FILE *stream)
{
	struct chart chart = { .stream = stream, .top = FIRST_TOP, .x_most = nines_of(result) };
	double least = INFINITY, most = 0;
	char label[32] = "0%";

	for (int i = 0; i <= BENCH_SLIP; i++)
		if (result->times[i].count > 0) {
			least = fmin(least, (double)result->times[i].min);
			most = fmax(most, (double)result->times[i].max);
		}
	scale_times(&chart, isfinite(least) ? least : 1, most);
	print_title(&chart, "Latency by percentile");
	print_decades(&chart);
	for (int nines = 0; nines <= (int)chart.x_most; nines++) {
		if (nines > 0)
			snprintf(label, sizeof(label), "%.*f%%", nines > 2 ? nines - 2 : 0,
			    100 - pow(10, 2 - nines));
		print_x(&chart, nines, label);
	}
	for (int i = BENCH_SLIP; i >= 0; i--) {
		print_curve(&chart, &result->times[i], bench_time_word((enum bench_time)i));
		print_key(&chart, bench_time_word((enum bench_time)i), BENCH_SLIP - i);
	}
}

/* --- over time ------------------------------------------------------------------------- */

/* What a row has, for a line; below 0: nothing. */
typedef double value_of_row(const struct bench_second *row);

static double
sent_of(const struct bench_second *row)
{
	return (double)row->sent;
}

static double
echoed_of(const struct bench_second *row)
{
	return (double)row->echoed;
}

static double
p50_of(const struct bench_second *row)
{
	return row->echoed > 0 ? (double)row->p50 : -1;
}

static double
p99_of(const struct bench_second *row)
{
	return row->echoed > 0 ? (double)row->p99 : -1;
}

static double
max_of(const struct bench_second *row)
{
	return row->echoed > 0 ? (double)row->max : -1;
}

static double
highest(const struct bench_seconds *seconds, value_of_row *value)
{
	double most = 0;

	for (size_t i = 0; i < seconds->count; i++)
		most = fmax(most, value(&seconds->rows[i]));
	return most;
}

static double
lowest(const struct bench_seconds *seconds, value_of_row *value)
{
	double least = INFINITY;

	for (size_t i = 0; i < seconds->count; i++)
		if (value(&seconds->rows[i]) >= 0)
			least = fmin(least, value(&seconds->rows[i]));
	return isfinite(least) ? least : 1;
}

/* Of several rows for one point the greatest; the line breaks where there is nothing. */
static void
print_line(const struct chart *chart, const struct bench_seconds *seconds, value_of_row *value,
    const char *name)
{
	const size_t each = seconds->count / POINTS_MAX + 1;
	bool broken = true;

	fprintf(chart->stream, "<path class=\"line %s\" d=\"", name);
	for (size_t i = 0; i < seconds->count; i += each) {
		const uint64_t second = seconds->rows[i].second;
		double most = -1;

		broken |= i > 0 && second > seconds->rows[i - 1].second + 1;
		for (size_t j = i; j < i + each && j < seconds->count; j++)
			most = fmax(most, value(&seconds->rows[j]));
		if (most >= 0)
			fprintf(chart->stream, "%c%.1f,%.1fh%.1f", broken ? 'M' : 'L',
			    x_of(chart, (double)second), y_of(chart, most),
			    x_of(chart, (double)each) - x_of(chart, 0));
		broken = most < 0;
	}
	fputs("\"/>\n", chart->stream);
}

static void
print_seconds(const struct chart *chart)
{
	const double step = fmax(nice_step(chart->x_most, 10), 1);
	char label[UNITS_SIZE];

	for (int i = 0; i * step <= chart->x_most; i++) {
		snprintf(label, sizeof(label), "%.0f s", i * step);
		print_x(chart, i * step, label);
	}
}

static double
end_of(const struct bench_seconds *seconds)
{
	return seconds->count > 0 ? (double)seconds->rows[seconds->count - 1].second + 1 : 1;
}

static void
print_throughput(const struct bench_result *result, FILE *stream)
{
	const struct bench_seconds *seconds = &result->seconds;
	const double most = fmax(fmax(highest(seconds, sent_of), highest(seconds, echoed_of)), 1);
	const double step = fmax(nice_step(most, 5), 1);
	struct chart chart = { .stream = stream, .top = FIRST_TOP + CHART_HEIGHT,
	    .x_most = end_of(seconds), .y_most = ceil(most / step) * step };
	char label[UNITS_SIZE];

	print_title(&chart, "Messages a second");
	for (int i = 0; i * step <= chart.y_most * 1.001; i++)
		print_y(&chart, i * step, units_number(i * step, label));
	print_seconds(&chart);
	print_line(&chart, seconds, sent_of, "sent");
	print_line(&chart, seconds, echoed_of, "echoed");
	print_key(&chart, "sent", 1);
	print_key(&chart, "echoed", 0);
}

static void
print_latency(const struct bench_result *result, FILE *stream)
{
	const struct bench_seconds *seconds = &result->seconds;
	struct chart chart = { .stream = stream, .top = FIRST_TOP + 2 * CHART_HEIGHT,
	    .x_most = end_of(seconds) };

	scale_times(&chart, lowest(seconds, p50_of), highest(seconds, max_of));
	print_title(&chart, "Corrected latency of each second");
	print_decades(&chart);
	print_seconds(&chart);
	print_line(&chart, seconds, max_of, "max");
	print_line(&chart, seconds, p99_of, "p99");
	print_line(&chart, seconds, p50_of, "p50");
	print_key(&chart, "p50", 2);
	print_key(&chart, "p99", 1);
	print_key(&chart, "max", 0);
}

/* --- all of it ------------------------------------------------------------------------- */

static void
print_head(const struct bench_result *result, FILE *stream)
{
	char p50[UNITS_SIZE], p99[UNITS_SIZE], max[UNITS_SIZE];
	const struct histogram *times = &result->times[BENCH_CORRECTED];

	fprintf(stream, "<text x=\"%d\" y=\"36\" font-size=\"18\">", LEFT);
	print_escaped(result->asked.target, stream);
	fprintf(stream, "</text>\n<text class=\"dim\" x=\"%d\" y=\"60\">%" PRIu64 " sent, %" PRIu64
	    " came back, %" PRIu64 " errors, %.1f/s; corrected p50 %s, p99 %s, max %s</text>\n",
	    LEFT, result->counts[BENCH_SENT], result->counts[BENCH_ECHOED],
	    bench_result_errors(result), bench_result_rate(result),
	    units_time(histogram_quantile(times, 0.5), p50),
	    units_time(histogram_quantile(times, 0.99), p99), units_time(times->max, max));
}

void
bench_svg_print(const struct bench_result *result, FILE *stream)
{
	fprintf(stream, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
	    " width=\"%d\" height=\"%d\" role=\"img\">\n<title>echod-client bench: ", WIDTH, HEIGHT,
	    WIDTH, HEIGHT);
	print_escaped(result->asked.target, stream);
	fprintf(stream, "</title>\n%s", style);
	print_head(result, stream);
	print_percentiles(result, stream);
	print_throughput(result, stream);
	print_latency(result, stream);
	fputs("</svg>\n", stream);
}
