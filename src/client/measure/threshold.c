/* What must not be exceeded, or fallen short of: see threshold.h. */
#include "client/measure/threshold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What rounding may add to a value that is just as much as it may be. */
#define ROUNDING 1e-9

#define LOSS "loss"
#define RATE "rate"

static const char loss_fault[] = "give a percentage from 0 to 100, as in 0.5%";
static const char rtt_fault[] = "give STATISTIC:TIME, as in p99:5ms: the statistic is min, avg, "
    "max, mdev or p1 to p100, the time has a unit, us, ms or s";

static const struct {
	const char *name;
	double seconds;
} units[] = { { "us", 1e-6 }, { "µs", 1e-6 }, { "ms", 1e-3 }, { "s", 1 } };

static const char *const names[] = {
	[OF_LOSS] = LOSS, [OF_RATE] = RATE, [OF_MIN] = "min", [OF_AVG] = "avg", [OF_MAX] = "max",
	[OF_MDEV] = "mdev",
};

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

/* Of "p99.9" the number; 0 where `name` is no percentile. */
static double
percentile_of(const char *name)
{
	double percent;

	if (*name++ != 'p' || !read_number(&name, &percent) || *name != '\0')
		return 0;
	return percent >= 1 && percent <= 100 ? percent : 0;
}

/* A name that is none of them is that of a percentile. */
static enum threshold_kind
kind_of(const char *name)
{
	enum threshold_kind kind = OF_LOSS;

	while (kind < OF_PERCENTILE && strcmp(name, names[kind]) != 0)
		kind++;
	return kind;
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
	row->kind = kind_of(row->name);
	row->percent = percentile_of(row->name);
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

const char *
thresholds_add_rate(struct thresholds *thresholds, double rate)
{
	return add(thresholds, RATE, strlen(RATE), rate);
}

/* Of the replies' times. */
static bool
is_statistic(const char *name)
{
	const enum threshold_kind kind = kind_of(name);

	return kind == OF_PERCENTILE ? percentile_of(name) > 0 : kind >= OF_MIN;
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
thresholds_limit_loss(const struct thresholds *thresholds)
{
	for (size_t i = 0; i < thresholds->count; i++)
		if (thresholds->rows[i].kind == OF_LOSS)
			return true;
	return false;
}

bool
threshold_admits(const struct threshold *threshold, double value)
{
	if (isnan(value))
		return false;
	return threshold->kind == OF_RATE ? value >= threshold->most * (1 - ROUNDING)
	    : value <= threshold->most * (1 + ROUNDING);
}

/* How such values are shown. */
struct unit {
	double scale;
	const char *name, *beyond;
};

static struct unit
unit_of(const struct threshold *threshold)
{
	if (threshold->kind == OF_RATE)
		return (struct unit){ 1, "/s", "less than" };
	if (threshold->kind == OF_LOSS)
		return (struct unit){ 100, "%", "more than" };
	return (struct unit){ 1000, " ms", "more than" };
}

/* With as many digits as tell the value from its limit. */
const char *
threshold_describe(const struct threshold *threshold, double value,
    char text[THRESHOLD_TEXT_SIZE])
{
	const struct unit unit = unit_of(threshold);
	const double sign = threshold->kind == OF_RATE ? -1 : 1;
	char is[24], limit[24];
	int digits = 7;

	if (isnan(value)) {
		snprintf(text, THRESHOLD_TEXT_SIZE, "%s is unknown", threshold->name);
		return text;
	}
	snprintf(limit, sizeof(limit), "%.10g", threshold->most * unit.scale);
	do
		snprintf(is, sizeof(is), "%.*g", digits, value * unit.scale);
	while (sign * strtod(is, NULL) <= sign * strtod(limit, NULL) && ++digits <= 15);
	snprintf(text, THRESHOLD_TEXT_SIZE, "%s is %s%s, %s %s%s", threshold->name, is, unit.name,
	    unit.beyond, limit, unit.name);
	return text;
}

/* What a tally has of it; NAN where nothing is known of it. */
static double
measure(const struct threshold *threshold, const struct tally *tally)
{
	const struct samples *rtt = &tally->rtt;

	if (threshold->kind >= OF_MIN && rtt->count == 0)
		return (double)NAN;
	switch (threshold->kind) {
	case OF_LOSS:
		return tally_loss(tally);
	case OF_RATE: /* it has none */
		break;
	case OF_MIN:
		return samples_summarise(rtt).min;
	case OF_AVG:
		return samples_summarise(rtt).avg;
	case OF_MAX:
		return samples_summarise(rtt).max;
	case OF_MDEV:
		return samples_summarise(rtt).mdev;
	case OF_PERCENTILE:
		return samples_percentile(rtt, threshold->percent);
	}
	return (double)NAN;
}

bool
threshold_holds(const struct threshold *threshold, const struct tally *tally)
{
	return threshold_admits(threshold, measure(threshold, tally));
}

const char *
threshold_tell(const struct threshold *threshold, const struct tally *tally,
    char text[THRESHOLD_TEXT_SIZE])
{
	return threshold_describe(threshold, measure(threshold, tally), text);
}
