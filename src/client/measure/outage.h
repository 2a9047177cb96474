/*
 * When the far end fell silent, and how long it was away.  Pure: the time is an argument, in
 * nanoseconds.
 */
#ifndef CLIENT_MEASURE_OUTAGE_H
#define CLIENT_MEASURE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

/* All 0 to begin with. */
struct outage {
	int64_t asked; /* when the first message was sent that nothing has followed; 0: none was */
	int64_t begun; /* when it went away; 0: it is there */
	int64_t total; /* for how long it was away, before this time */
};

/* A message was sent. */
void outage_sent(struct outage *outage, int64_t now);

/* Nothing is asked any more: somebody is there who says that it is not, or there is a new way. */
void outage_forget(struct outage *outage);

/* When it has been silent for `limit`; false where nothing waits for an answer. */
bool outage_due(const struct outage *outage, int64_t limit, int64_t *at);

/* It is away since `since`, or longer.  Returns false where that was known. */
bool outage_begin(struct outage *outage, int64_t since);

/* It was heard.  Returns for how long it was away; 0: it was not. */
int64_t outage_heard(struct outage *outage, int64_t now);

/* For how long it was away, by now. */
int64_t outage_total(const struct outage *outage, int64_t now);

#endif
