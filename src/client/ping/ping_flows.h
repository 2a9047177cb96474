/*
 * The flows of ping --flows: the table of them, and which of them lose more than the others.
 */
#ifndef CLIENT_PING_PING_FLOWS_H
#define CLIENT_PING_PING_FLOWS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "client/measure/judge.h"
#include "client/measure/suspects.h"

/* What is known of one. */
struct ping_flow {
	const struct tally *tally;
	uint16_t port; /* of this end; 0: it was not reached */
};

/* Those of a run, and what is found. */
struct ping_flows {
	size_t count;
	struct ping_flow rows[SUSPECTS_MOST];
	struct suspect suspects[SUSPECTS_MOST];
	struct suspects found;
	size_t unreached;
};

/* Finds it, from the first two members. */
void ping_flows_judge(struct ping_flows *flows);

/* A line for each. */
void ping_flows_print_table(const struct ping_flows *flows, FILE *stream);

/* What is found: a few lines. */
void ping_flows_print(const struct ping_flows *flows, FILE *stream);

/* The first of them, of what is wrong; "" where nothing is.  For free(); NULL: no memory. */
char *ping_flows_fault(const struct ping_flows *flows);

/* Both for JSON; NULL: no memory. */
json_t *ping_flows_array(const struct ping_flows *flows);
json_t *ping_flows_verdict(const struct ping_flows *flows);

#endif
