/* Round-trip times: see samples.h. */
#include "client/measure/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool
samples_add(struct samples *samples, double seconds)
{
	if (samples->count == samples->room) {
		const size_t room = samples->room == 0 ? 64 : samples->room * 2;
		double *values = reallocarray(samples->values, room, sizeof(*values));

		if (values == NULL)
			return false;
		samples->values = values;
		samples->room = room;
	}
	samples->values[samples->count++] = seconds;
	return true;
}

void
samples_free(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){ 0, 0, NULL };
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Returns a sorted copy of samples that are there, for free(), or NULL. */
static double *
sort(const struct samples *samples)
{
	double *sorted = reallocarray(NULL, samples->count, sizeof(*sorted));

	if (sorted == NULL)
		return NULL;
	memcpy(sorted, samples->values, samples->count * sizeof(*sorted));
	qsort(sorted, samples->count, sizeof(*sorted), compare);
	return sorted;
}

/* The nearest rank.  What rounding adds to a whole one must not make it the next. */
static double
percentile(const double *sorted, size_t count, double percent)
{
	const double rank = ceil((double)count * percent / 100 - 1e-6);

	return sorted[rank > 1 ? (size_t)rank - 1 : 0];
}

bool
samples_percentile(const struct samples *samples, double percent, double *seconds)
{
	double *sorted = sort(samples);

	if (sorted == NULL)
		return false;
	*seconds = percentile(sorted, samples->count, percent);
	free(sorted);
	return true;
}

bool
samples_summarise(const struct samples *samples, struct summary *summary)
{
	double sum = 0, squares = 0, *sorted;
	const size_t count = samples->count;

	*summary = (struct summary){ 0 };
	if (count == 0)
		return true;
	sorted = sort(samples);
	if (sorted == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		sum += sorted[i];
	summary->avg = sum / (double)count;
	for (size_t i = 0; i < count; i++)
		squares += (sorted[i] - summary->avg) * (sorted[i] - summary->avg);
	summary->mdev = sqrt(squares / (double)count);
	summary->min = sorted[0];
	summary->max = sorted[count - 1];
	summary->p50 = percentile(sorted, count, 50);
	summary->p99 = percentile(sorted, count, 99);
	free(sorted);
	return true;
}
