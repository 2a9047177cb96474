/* Round-trip times: see samples.h. */
#include "client/measure/samples.h"

#include <math.h>
#include <stdlib.h>

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

/* In place: several ask for them, and there may be millions. */
static void
sort(const struct samples *samples)
{
	for (size_t i = 1; i < samples->count; i++)
		if (samples->values[i - 1] > samples->values[i]) {
			qsort(samples->values, samples->count, sizeof(*samples->values), compare);
			return;
		}
}

/* The nearest rank.  What rounding adds to a whole one must not make it the next. */
double
samples_percentile(const struct samples *samples, double percent)
{
	const double rank = ceil((double)samples->count * percent / 100 - 1e-6);

	if (samples->count == 0)
		return 0;
	sort(samples);
	return samples->values[rank > 1 ? (size_t)rank - 1 : 0];
}

struct summary
samples_summarise(const struct samples *samples)
{
	const double *values = samples->values;
	const size_t count = samples->count;
	struct summary summary = { 0 };
	double sum = 0, squares = 0;

	if (count == 0)
		return summary;
	sort(samples);
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	summary.avg = sum / (double)count;
	for (size_t i = 0; i < count; i++)
		squares += (values[i] - summary.avg) * (values[i] - summary.avg);
	summary.mdev = sqrt(squares / (double)count);
	summary.min = values[0];
	summary.max = values[count - 1];
	summary.p50 = samples_percentile(samples, 50);
	summary.p99 = samples_percentile(samples, 99);
	return summary;
}
