/*
 * What a run of ping comes to, of one target, several, or several flows: as text, as the JSON object,
 * and as exit status.
 */
#ifndef CLIENT_PING_PING_OUTCOME_H
#define CLIENT_PING_PING_OUTCOME_H

#include <jansson.h>
#include <stdio.h>

struct run;

/* Prints the statistics so far. */
void outcome_print(struct run *run, FILE *stream);

/* Once the run is over: tells it, as text or as the object.  Returns the exit status. */
int outcome_tell(struct run *run);

/* The fields of the object: `arg` is a struct run. */
json_t *outcome_fields(const void *arg);

#endif
