/*
 * The records of a parcel.  One function says what each is made of, for writing and for reading, so
 * that what can be written is what can be read.
 */
#ifndef DAEMON_HANDOVER_RECORDS_H
#define DAEMON_HANDOVER_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/handover/coder.h"
#include "daemon/listen/packed.h"
#include "daemon/stream/packed.h"
#include "net/source_name.h"

enum parcel_kind {
	PARCEL_SERVICE,
	PARCEL_LISTENER,
	PARCEL_SOCKET, /* of the listener before it; it has a descriptor */
	PARCEL_LEDGER,
	PARCEL_NUMBER, /* of the ledger before it; before the first one of a room of the census */
	PARCEL_SAMPLE,
	PARCEL_SOURCE,
	PARCEL_CONN,     /* it has a descriptor */
	PARCEL_PREAMBLE, /* the same */
	PARCEL_KINDS
};

/* What all of it is of. */
struct parcel_service {
	const char *version; /* of echod */
	int64_t started;     /* time(2), when the first process of the service did */
	int64_t packed;      /* clock_ms(), when this was */
	const char *configuration; /* in force, as config_dump() prints it; "": it is not told */
};

/* What is counted under the name of one or more listeners: see census.h. */
struct parcel_ledger {
	const char *name;
	unsigned carries; /* enum carried */
	uint64_t gone;    /* as struct ledger has it */
};

/* One number of a counter, by the names that it is rendered under. */
struct parcel_number {
	const char *family;
	const char *value; /* of its label; of a histogram a bound, or "sum"; "": it has no label */
	uint64_t number;
};

/* One moment of the history: what it says is whoever keeps that who knows. */
#define PARCEL_SAMPLE_NUMBERS 16
struct parcel_sample {
	int64_t at; /* clock_ms() */
	size_t count; /* of the numbers, at most PARCEL_SAMPLE_NUMBERS */
	uint64_t numbers[PARCEL_SAMPLE_NUMBERS];
};

/* What the books of sources remember of one beside its connections. */
struct parcel_source {
	struct source_name name;
	int64_t paid; /* ns, of clock_ms() */
};

/* The ledger is the place of its record among those of ledgers, which come before. */
struct parcel_conn {
	size_t ledger;
	struct packed_conn conn;
};

struct parcel_preamble {
	size_t ledger;
	struct packed_preamble preamble;
};

struct parcel_item {
	enum parcel_kind kind;
	union {
		struct parcel_service service;
		struct packed_listener listener;
		struct packed_socket socket;
		struct parcel_ledger ledger;
		struct parcel_number number;
		struct parcel_sample sample;
		struct parcel_source source;
		struct parcel_conn conn;
		struct parcel_preamble preamble;
	};
};

/* Whether a record of this kind has a descriptor. */
bool parcel_has_descriptor(enum parcel_kind kind);

/* What the kind is called; "end" for PARCEL_KINDS. */
const char *record_name(enum parcel_kind kind);

/* Writes or reads *item, of the kind that it says. */
void code_item(struct coder *coder, struct parcel_item *item);

#endif
