/* Two targets compared: see against.h. */
#include "client/bench/against.h"

#include <math.h>
#include <stdlib.h>

#include "base/plural.h"
#include "client/bench/show/object.h"
#include "client/timing.h"

void
against_dispose(struct against *against)
{
	for (size_t i = 0; i < AGAINST_ROUNDS_MAX; i++)
		for (size_t which = 0; which < 2; which++)
			bench_result_free(against->rounds[i].results[which]);
}

/* Where the figure of each row comes from, and what is said of the first that has more, or less. */
static const struct figure {
	const char *name, *text, *more, *less;
	double quantile; /* below 0: it is the rate */
} figures[AGAINST_RATIOS] = {
	{ "rate", "echoes a second", "more", "fewer", -1 },
	{ "p50", "p50", "slower", "faster", 0.5 },
	{ "p99", "p99", "slower", "faster", 0.99 },
	{ "p99.9", "p99.9", "slower", "faster", 0.999 },
};

static double
value_of(const struct figure *figure, const struct bench_result *result)
{
	if (figure->quantile < 0)
		return bench_result_rate(result);
	return timing_seconds(histogram_quantile(&result->times[BENCH_CORRECTED], figure->quantile));
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(const double *sorted, size_t count)
{
	return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/* Of one of the two targets, over all rounds. */
static double
median_of(const struct against *against, const struct figure *figure, size_t which)
{
	double values[AGAINST_ROUNDS_MAX] = { 0 };

	for (size_t i = 0; i < against->count; i++)
		values[i] = value_of(figure, against->rounds[i].results[which]);
	qsort(values, against->count, sizeof(*values), compare);
	return against->count > 0 ? median(values, against->count) : (double)NAN;
}

/* All are in their order. */
static enum against_side
side_of(const double *first, const double *second, size_t count)
{
	if (count < AGAINST_ROUNDS_TOLD)
		return AGAINST_FEW;
	if (first[0] > second[count - 1])
		return AGAINST_FIRST;
	return second[0] > first[count - 1] ? AGAINST_SECOND : AGAINST_NEITHER;
}

static struct against_ratio
ratio_of(const struct against *against, const struct figure *figure)
{
	double first[AGAINST_ROUNDS_MAX], second[AGAINST_ROUNDS_MAX], ratios[AGAINST_ROUNDS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < against->count; i++) {
		first[count] = value_of(figure, against->rounds[i].results[0]);
		second[count] = value_of(figure, against->rounds[i].results[1]);
		ratios[count] = first[count] / second[count];
		count += first[count] > 0 && second[count] > 0;
	}
	if (count == 0)
		return (struct against_ratio){ figure->name, (double)NAN, (double)NAN, (double)NAN,
			AGAINST_FEW };
	qsort(first, count, sizeof(*first), compare);
	qsort(second, count, sizeof(*second), compare);
	qsort(ratios, count, sizeof(*ratios), compare);
	return (struct against_ratio){ figure->name, median(ratios, count), ratios[0],
		ratios[count - 1], side_of(first, second, count) };
}

void
against_ratios(const struct against *against, struct against_ratio ratios[AGAINST_RATIOS])
{
	for (size_t i = 0; i < AGAINST_RATIOS; i++)
		ratios[i] = ratio_of(against, &figures[i]);
}

/* --- as text ------------------------------------------------------------------------------ */

/* "": nothing can be said of so few. */
static const char *
words_of(const struct figure *figure, enum against_side more)
{
	switch (more) {
	case AGAINST_FIRST:
		return figure->more;
	case AGAINST_SECOND:
		return figure->less;
	case AGAINST_NEITHER:
		return "no clear difference";
	default:
		return "";
	}
}

static void
print_row(const struct against *against, const struct figure *figure, FILE *stream)
{
	const struct against_ratio ratio = ratio_of(against, figure);
	const bool is_rate = figure->quantile < 0;
	const double scale = is_rate ? 1 : 1e6;
	const char *words = words_of(figure, ratio.more);

	fprintf(stream, "%-16s %12.*f %12.*f", figure->text, is_rate ? 0 : 1,
	    median_of(against, figure, 0) * scale, is_rate ? 0 : 1,
	    median_of(against, figure, 1) * scale);
	fprintf(stream, "  %6.3f  %.3f to %.3f%s%s\n", ratio.median, ratio.least, ratio.most,
	    *words != '\0' ? "  " : "", words);
}

void
against_print(const struct against *against, FILE *stream)
{
	fprintf(stream, "--- %s against %s ---\n", against->uris[0], against->uris[1]);
	fprintf(stream, "%-16s %12s %12s  %6s  %s\n", "medians", "first", "second", "ratio",
	    "in the rounds");
	for (size_t i = 0; i < AGAINST_RATIOS; i++)
		print_row(against, &figures[i], stream);
	fprintf(stream, "%zu round%s in turn, times in us, corrected\n", against->count,
	    plural(against->count));
	if (against->count < AGAINST_ROUNDS_TOLD)
		fprintf(stream, "No verdict from fewer than %d rounds.\n", AGAINST_ROUNDS_TOLD);
}

/* --- as JSON ------------------------------------------------------------------------------ */

static json_t *
number(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *
ratio_fields(const struct against *against)
{
	struct against_ratio ratios[AGAINST_RATIOS];
	json_t *object = json_object();

	against_ratios(against, ratios);
	for (size_t i = 0; i < AGAINST_RATIOS; i++)
		if (json_object_set_new(object, ratios[i].name, json_pack("{so so so}",
		    "median", number(ratios[i].median), "least", number(ratios[i].least),
		    "most", number(ratios[i].most))) == -1) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static json_t *
round_fields(const struct against *against)
{
	json_t *array = json_array();

	for (size_t i = 0; i < against->count; i++)
		if (json_array_append_new(array, json_pack("[o o]",
		    bench_fields(against->rounds[i].results[0]),
		    bench_fields(against->rounds[i].results[1]))) == -1) {
			json_decref(array);
			return NULL;
		}
	return array;
}

json_t *
against_fields(const struct against *against)
{
	double seconds = 0;

	for (size_t i = 0; i < against->count; i++)
		seconds += against->rounds[i].results[0]->elapsed +
		    against->rounds[i].results[1]->elapsed;
	return json_pack("{ss so so sf}", "against", against->uris[1], "ratios",
	    ratio_fields(against), "rounds", round_fields(against), "seconds", seconds);
}
