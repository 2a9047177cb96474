/* What each kind of record of a parcel is made of, for writing and for reading. */
#ifndef DAEMON_HANDOVER_RECORDS_H
#define DAEMON_HANDOVER_RECORDS_H

#include "daemon/handover/coder.h"
#include "daemon/handover/parcel.h"

/* Writes or reads *item, of the kind that it says. */
void code_item(struct coder *coder, struct parcel_item *item);

/* What the kind is called; "end" for PARCEL_KINDS. */
const char *record_name(enum parcel_kind kind);

#endif
