/* The latencies as tables: see table.h. */
#include "client/bench/show/table.h"

#include <math.h>
#include <string.h>

#include "client/bench/show/bars.h"
#include "client/bench/show/percentiles.h"
#include "client/bench/show/units.h"

typedef unsigned long long ull;

/* --- percentiles ----------------------------------------------------------------------- */

static void
print_time(const struct histogram *histogram, int64_t time, FILE *stream)
{
	char text[UNITS_SIZE];

	fprintf(stream, "%14s", histogram->count > 0 ? units_time(time, text) : "-");
}

static void
print_row(const struct bench_result *result, const struct percentile *percentile, FILE *stream)
{
	const uint64_t count = result->times[BENCH_CORRECTED].count;
	const double beyond = (double)count * (1 - percentile->quantile);

	fprintf(stream, "  %-9s", percentile->name);
	for (size_t i = 0; i < BENCH_TIMES; i++)
		print_time(&result->times[i],
		    histogram_quantile(&result->times[i], percentile->quantile), stream);
	fprintf(stream, "%12llu\n", (ull)(beyond + 1e-6));
}

static void
print_means(const struct bench_result *result, const char *name,
    double (*of)(const struct histogram *histogram), FILE *stream)
{
	fprintf(stream, "  %-9s", name);
	for (size_t i = 0; i < BENCH_TIMES; i++)
		print_time(&result->times[i], (int64_t)of(&result->times[i]), stream);
	fputc('\n', stream);
}

void
table_print(const struct bench_result *result, FILE *stream)
{
	uint64_t count = 0;

	for (size_t i = 0; i < BENCH_TIMES; i++)
		count += result->times[i].count;
	if (count == 0)
		return;
	fprintf(stream, "\n%-11s", "latency");
	for (int i = 0; i < BENCH_TIMES; i++)
		fprintf(stream, "%14s", bench_time_word((enum bench_time)i));
	fprintf(stream, "%12s\n  %-9s", "slower", "min");
	for (size_t i = 0; i < BENCH_TIMES; i++)
		print_time(&result->times[i], result->times[i].min, stream);
	fputc('\n', stream);
	for (size_t i = 0; i < PERCENTILES; i++)
		print_row(result, &percentiles[i], stream);
	fprintf(stream, "  %-9s", "max");
	for (size_t i = 0; i < BENCH_TIMES; i++)
		print_time(&result->times[i], result->times[i].max, stream);
	fputc('\n', stream);
	print_means(result, "mean", histogram_mean, stream);
	print_means(result, "deviation", histogram_deviation, stream);
}

/* --- the histogram drawn --------------------------------------------------------------- */

#define ROWS_MAX 20
#define LABEL_WIDTH 28 /* of "  from  1.20 ms", a count of 10 digits, and blanks */

/* Where the rows of a decade begin, the finest first. */
static const struct series {
	int count;
	double steps[10];
} all_series[] = {
	{ 10, { 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 } }, { 5, { 1, 1.5, 2.5, 4, 6 } },
	{ 3, { 1, 2, 5 } }, { 1, { 1 } },
};

/* The start of the row so many steps above 1 ns. */
static double
start_of(const struct series *series, int step)
{
	return series->steps[step % series->count] * pow(10, floor(step / (double)series->count));
}

/* The row that a time is in; of less than 1 ns the first. */
static int
step_of(const struct series *series, int64_t time)
{
	int step = 0;

	while (start_of(series, step + 1) <= (double)time)
		step++;
	return step;
}

/* The finest series of which not too many rows are needed. */
static const struct series *
choose(const struct histogram *histogram)
{
	const struct series *series = all_series;

	for (; series->count > 1; series++)
		if (step_of(series, histogram->max) - step_of(series, histogram->min) < ROWS_MAX)
			break;
	return series;
}

static int
fill(const struct histogram *histogram, const struct series *series, uint64_t rows[ROWS_MAX])
{
	const int first = step_of(series, histogram->min);
	struct histogram_bucket bucket;
	int last = 0;

	memset(rows, 0, ROWS_MAX * sizeof(*rows));
	for (size_t at = 0; histogram_next(histogram, &at, &bucket);) {
		const int row = step_of(series, histogram_told(histogram, &bucket)) - first;

		last = row < 0 ? 0 : row >= ROWS_MAX ? ROWS_MAX - 1 : row;
		rows[last] += bucket.count;
	}
	return last + 1;
}

void
table_draw(const struct histogram *histogram, unsigned columns, bool utf8, FILE *stream)
{
	const struct series *series = choose(histogram);
	const int first = step_of(series, histogram->min);
	const unsigned room = columns > LABEL_WIDTH + 8 ? columns - LABEL_WIDTH - 1 : 8;
	uint64_t rows[ROWS_MAX], most = 0;
	char text[UNITS_SIZE];
	struct line line;
	int count;

	if (histogram->count == 0)
		return;
	count = fill(histogram, series, rows);
	for (int i = 0; i < count; i++)
		most = rows[i] > most ? rows[i] : most;
	fprintf(stream, "\n%-15s%11s\n", "corrected from", "messages");
	for (int i = 0; i < count; i++) {
		line_begin(&line, room, utf8, false);
		bar_add(&line, room, (double)rows[i] / (double)most);
		fprintf(stream, "%15s%11llu%s%s\n",
		    units_time((int64_t)start_of(series, first + i), text), (ull)rows[i],
		    line.width > 0 ? "  " : "", line.text);
	}
}
