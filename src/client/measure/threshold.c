/* What loss and round-trip times must not exceed: see threshold.h. */
#include "client/measure/threshold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What rounding may add to a value that is just as much as it may be. */
#define ROUNDING 1e-9

#define LOSS "loss"

static const char loss_fault[] = "give a percentage from 0 to 100, as in 0.5%";
static const char rtt_fault[] = "give STATISTIC:TIME, as in p99:5ms: the statistic is min, avg, "
    "max, mdev or p1 to p100, the time has a unit, us, ms or s";

static const struct {
	const char *name;
	double seconds;
} units[] = { { "us", 1e-6 }, { "µs", 1e-6 }, { "ms", 1e-3 }, { "s", 1 } };

static const char *const statistics[] = { "min", "avg", "max", "mdev" };

/* --- reading ------------------------------------------------------------------------- */

/* Reads a decimal number from *text on, which is then behind it. */
static bool
read_number(const char **text, double *value)
{
	const size_t length = strspn(*text, "0123456789.");
	char *end;

	if (length == 0)
		return false;
	*value = strtod(*text, &end);
	if (end != *text + length)
		return false;
	*text = end;
	return true;
}

static const char *
add(struct thresholds *thresholds, const char *name, size_t length, double most)
{
	struct threshold *row = &thresholds->rows[thresholds->count];

	if (thresholds->count == THRESHOLDS_MAX)
		return "there are more than 16 thresholds";
	thresholds->count++;
	memcpy(row->name, name, length);
	row->name[length] = '\0';
	row->most = most;
	return NULL;
}

const char *
thresholds_add_loss(struct thresholds *thresholds, const char *text)
{
	double percent;

	if (!read_number(&text, &percent) || percent > 100)
		return loss_fault;
	text += strspn(text, " ");
	if (strcmp(text, "") != 0 && strcmp(text, "%") != 0)
		return loss_fault;
	return add(thresholds, LOSS, strlen(LOSS), percent / 100);
}

/* Of "p99.9" the number; 0 where `name` is no percentile. */
static double
percentile_of(const char *name)
{
	double percent;

	if (*name++ != 'p' || !read_number(&name, &percent) || *name != '\0')
		return 0;
	return percent >= 1 && percent <= 100 ? percent : 0;
}

static bool
is_statistic(const char *name)
{
	for (size_t i = 0; i < sizeof(statistics) / sizeof(statistics[0]); i++)
		if (strcmp(name, statistics[i]) == 0)
			return true;
	return percentile_of(name) > 0;
}

/* Reads "5ms" from *text on, which is then behind it. */
static bool
read_time(const char **text, double *seconds)
{
	const char *const number = *text;
	size_t length;

	if (!read_number(text, seconds))
		return false;
	*text += strspn(*text, " ");
	length = strcspn(*text, ",");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (length == strlen(units[i].name) && memcmp(*text, units[i].name, length) == 0) {
			*text += length;
			*seconds *= units[i].seconds;
			return true;
		}
	*text = number;
	return false;
}

const char *
thresholds_add_rtt(struct thresholds *thresholds, const char *text)
{
	char name[THRESHOLD_NAME_SIZE];
	const char *fault;
	double seconds;

	do {
		const size_t length = strcspn(text, ":");

		if (length >= sizeof(name) || text[length] == '\0')
			return rtt_fault;
		memcpy(name, text, length);
		name[length] = '\0';
		text += length + 1;
		if (strcmp(name, "mean") == 0)
			memcpy(name, "avg", sizeof("avg"));
		if (!is_statistic(name) || !read_time(&text, &seconds))
			return rtt_fault;
		fault = add(thresholds, name, strlen(name), seconds);
	} while (fault == NULL && *text++ == ',');
	return fault;
}

/* --- judging ------------------------------------------------------------------------- */

bool
threshold_is_of_loss(const struct threshold *threshold)
{
	return strcmp(threshold->name, LOSS) == 0;
}

/* False where nothing is known of it. */
static bool
measure(const struct threshold *threshold, const struct tally *tally, double *value)
{
	const char *name = threshold->name;
	struct summary s;

	if (threshold_is_of_loss(threshold)) {
		*value = tally_loss(tally);
		return tally_judged(tally) > 0;
	}
	if (*name == 'p') {
		*value = samples_percentile(&tally->rtt, percentile_of(name));
	} else {
		s = samples_summarise(&tally->rtt);
		*value = strcmp(name, "min") == 0 ? s.min : strcmp(name, "avg") == 0 ? s.avg :
		    strcmp(name, "max") == 0 ? s.max : s.mdev;
	}
	return tally->rtt.count > 0;
}

bool
threshold_holds(const struct threshold *threshold, const struct tally *tally)
{
	double value;

	return measure(threshold, tally, &value) && value <= threshold->most * (1 + ROUNDING);
}

/* With as many digits as tell the value from what it must not exceed. */
static void
tell_more(const struct threshold *threshold, double value, char text[THRESHOLD_TEXT_SIZE])
{
	const bool is_loss = threshold_is_of_loss(threshold);
	const double scale = is_loss ? 100 : 1000;
	const char *unit = is_loss ? "%" : " ms";
	char is[24], most[24];
	int digits = 7;

	snprintf(most, sizeof(most), "%.10g", threshold->most * scale);
	do
		snprintf(is, sizeof(is), "%.*g", digits, value * scale);
	while (strtod(is, NULL) <= strtod(most, NULL) && ++digits <= 15);
	snprintf(text, THRESHOLD_TEXT_SIZE, "%s is %s%s, more than %s%s", threshold->name, is, unit,
	    most, unit);
}

const char *
threshold_tell(const struct threshold *threshold, const struct tally *tally,
    char text[THRESHOLD_TEXT_SIZE])
{
	double value;

	if (!measure(threshold, tally, &value))
		snprintf(text, THRESHOLD_TEXT_SIZE, "%s is unknown", threshold->name);
	else
		tell_more(threshold, value, text);
	return text;
}
