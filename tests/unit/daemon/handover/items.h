/* A parcel with a record of each kind, for the tests of it. */
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

#endif
