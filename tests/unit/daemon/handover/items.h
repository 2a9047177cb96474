/* A parcel with a record of each kind, for the tests of it, and memory that one is written to. */
#ifndef TESTS_UNIT_ITEMS_H
#define TESTS_UNIT_ITEMS_H

#include <stddef.h>

#include "daemon/handover/parcel.h"

/* Some of them have more than one, so that all that may be absent is there, and not. */
#define ITEMS 19
extern const struct parcel_item items[ITEMS];

/* How many of them have a descriptor. */
size_t items_descriptors(void);

/* Asserts that both say the same, whatever they point to. */
void assert_same_item(const struct parcel_item *a, const struct parcel_item *b);

/* What was written: kept_size says how much, and is set to 0 before. */
#define KEPT_MOST 262144
extern unsigned char kept[KEPT_MOST];
extern size_t kept_size;

/* For parcel_begin(). */
int keep(void *arg, const void *data, size_t count);

#endif
