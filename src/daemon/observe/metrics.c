/* The census as Prometheus reads it: see metrics.h. */
#include "daemon/observe/metrics.h"

#include <event2/buffer.h>

#include "daemon/observe/series.h"

struct metrics {
	struct evbuffer *text;
	const struct family *family; /* that was begun last */
	bool is_whole;
};

static const char *
type_of(const struct family *family)
{
	return family->type == FAMILY_COUNTER ? "counter" : "gauge";
}

static void
write_series(void *arg, const struct family *family, const char *series, uint64_t number)
{
	struct metrics *metrics = arg;

	if (family != metrics->family && evbuffer_add_printf(metrics->text,
	    "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
	    type_of(family)) == -1)
		metrics->is_whole = false;
	metrics->family = family;
	if (evbuffer_add_printf(metrics->text, "%s %llu\n", series, (unsigned long long)number) == -1)
		metrics->is_whole = false;
}

bool
metrics_write(const struct census *census, struct evbuffer *text)
{
	struct metrics metrics = { .text = text, .is_whole = true };

	series_each(census, write_series, &metrics);
	return metrics.is_whole;
}
