/* The census as series: see series.h. */
#include "daemon/observe/series.h"

#include <stdio.h>

/* A name, two labels and a listener's name of 63 characters. */
#define SERIES_SIZE 192

struct out {
	void (*to)(void *arg, const struct family *family, const char *series, uint64_t number);
	void *arg;
};

static void
write_entry(void *arg, const struct census_entry *entry)
{
	const struct family *family = entry->family;
	const struct out *out = arg;
	char series[SERIES_SIZE];

	if (entry->listener != NULL && entry->value != NULL)
		snprintf(series, sizeof(series), "%s{listener=\"%s\",%s=\"%s\"}", family->name,
		    entry->listener, family->label, entry->value);
	else if (entry->listener != NULL)
		snprintf(series, sizeof(series), "%s{listener=\"%s\"}", family->name, entry->listener);
	else if (entry->value != NULL)
		snprintf(series, sizeof(series), "%s{%s=\"%s\"}", family->name, family->label,
		    entry->value);
	else
		snprintf(series, sizeof(series), "%s", family->name);
	out->to(out->arg, family, series, entry->number);
}

void
series_each(const struct census *census,
    void (*to)(void *arg, const struct family *family, const char *series, uint64_t number),
    void *arg)
{
	struct out out = { to, arg };

	census_each(census, write_entry, &out);
}
