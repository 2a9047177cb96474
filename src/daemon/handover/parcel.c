/* The parcel as bytes: see parcel.h. */
#include "daemon/handover/parcel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kind of the record that ends it. */
#define END PARCEL_KINDS

/* What it begins with: two words. */
struct opening {
	char magic[CODER_WORD];
	uint64_t version;
};

static const struct opening opening = {
	{ 'e', 'c', 'h', 'o', 'd', '-', '\r', '\n' }, PARCEL_VERSION,
};

/* What each record begins with. */
struct heading {
	uint64_t kind;
	uint64_t size; /* bytes of what follows, whole words */
};

/* What the last one is. */
struct ending {
	uint64_t records, descriptors; /* before it */
	uint64_t sum;                  /* of all words before this one */
};

/* Any change of one word changes it: a step with an odd factor loses nothing of what there was. */
static uint64_t
add_to_sum(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *at = data;

	for (size_t i = 0; i + CODER_WORD <= size; i += CODER_WORD) {
		uint64_t word;

		memcpy(&word, at + i, CODER_WORD);
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return sum;
}

/* Takes the next record to those that came.  Returns NULL, or what is wrong with its place. */
static const char *
note(struct parcel_order *order, const struct parcel_item *item)
{
	const bool is_first = order->records == 0;

	if ((item->kind == PARCEL_SERVICE) != is_first)
		return "place";
	if (item->kind == PARCEL_SOCKET && !order->has_listener)
		return "listener";
	if (item->kind == PARCEL_CONN && item->conn.ledger >= order->ledgers)
		return "ledger";
	if (item->kind == PARCEL_PREAMBLE && item->preamble.ledger >= order->ledgers)
		return "ledger";
	order->records++;
	order->descriptors += parcel_has_descriptor(item->kind);
	order->ledgers += item->kind == PARCEL_LEDGER;
	order->has_listener = order->has_listener || item->kind == PARCEL_LISTENER;
	return NULL;
}

/* --- writing ------------------------------------------------------------------------ */

static int
fail(struct parcel_writer *writer, int error)
{
	if (writer->error == 0)
		writer->error = error;
	errno = writer->error;
	return -1;
}

void
parcel_spoil(struct parcel_writer *writer, int error)
{
	fail(writer, error);
}

static void
add(struct parcel_writer *writer, const void *data, size_t size)
{
	if (writer->error != 0)
		return;
	writer->sum = add_to_sum(writer->sum, data, size);
	if (writer->put(writer->arg, data, size) == -1)
		fail(writer, errno);
}

void
parcel_begin(struct parcel_writer *writer,
    int (*put)(void *arg, const void *data, size_t size), void *arg)
{
	*writer = (struct parcel_writer){ .put = put, .arg = arg };
	add(writer, &opening, sizeof(opening));
}

int
parcel_put(struct parcel_writer *writer, const struct parcel_item *item)
{
	struct coder coder = { .room = &writer->record };
	struct heading heading = { .kind = item->kind };
	struct parcel_item copy = *item;

	if (writer->error != 0)
		return fail(writer, writer->error);
	writer->record.size = 0;
	code_item(&coder, &copy);
	if (coder.lacks_memory)
		return fail(writer, ENOMEM);
	if (coder.fault != NULL || note(&writer->order, item) != NULL)
		return fail(writer, EINVAL);
	heading.size = writer->record.size;
	add(writer, &heading, sizeof(heading));
	add(writer, writer->record.bytes, writer->record.size);
	return writer->error == 0 ? 0 : fail(writer, writer->error);
}

int
parcel_end(struct parcel_writer *writer)
{
	const struct heading heading = { END, sizeof(struct ending) };
	struct ending ending = { writer->order.records, writer->order.descriptors, 0 };

	if (ending.records == 0)
		fail(writer, EINVAL);
	add(writer, &heading, sizeof(heading));
	ending.sum = add_to_sum(writer->sum, &ending, offsetof(struct ending, sum));
	add(writer, &ending, sizeof(ending));
	free(writer->record.bytes);
	writer->record = (struct coder_room){ 0 };
	return writer->error == 0 ? 0 : fail(writer, writer->error);
}

/* --- reading ------------------------------------------------------------------------ */

/* Reads the heading of the next record.  Returns false where there is none. */
static bool
read_heading(struct parcel *parcel, struct heading *heading)
{
	const size_t left = parcel->size - parcel->at;

	if (left < sizeof(*heading))
		return false;
	memcpy(heading, parcel->data + parcel->at, sizeof(*heading));
	return heading->kind <= END && heading->size % CODER_WORD == 0 &&
	    heading->size <= left - sizeof(*heading);
}

/* Reads the record of that heading.  Returns NULL, or what is wrong. */
static const char *
read_item(struct parcel *parcel, const struct heading *heading, struct parcel_item *item)
{
	struct coder coder = {
		.at = parcel->data + parcel->at + sizeof(*heading), .left = heading->size,
	};

	memset(item, 0, sizeof(*item));
	item->kind = (enum parcel_kind)heading->kind;
	code_item(&coder, item);
	if (coder.left > 0)
		coder_blame(&coder, "size");
	if (coder.fault == NULL)
		coder.fault = note(&parcel->order, item);
	parcel->at += sizeof(*heading) + heading->size;
	return coder.fault;
}

/* Returns NULL, or what is wrong. */
static const char *
check_end(struct parcel *parcel, const struct heading *heading)
{
	const size_t begins = parcel->at + sizeof(*heading);
	struct ending ending;

	if (heading->size != sizeof(ending) || parcel->size != begins + sizeof(ending))
		return "size";
	memcpy(&ending, parcel->data + begins, sizeof(ending));
	if (ending.records != parcel->order.records || ending.records == 0)
		return "count of records";
	if (ending.descriptors != parcel->order.descriptors)
		return "count of descriptors";
	if (ending.sum != add_to_sum(0, parcel->data, parcel->size - CODER_WORD))
		return "sum";
	parcel->descriptors = parcel->order.descriptors;
	return NULL;
}

static bool
blame_record(const struct parcel *parcel, size_t at, const char *kind, const char *part, char *why)
{
	snprintf(why, PARCEL_WHY_SIZE, "it is damaged at byte %zu: the %s of record %llu (%s)", at,
	    part, (unsigned long long)parcel->order.records + 1, kind);
	return false;
}

static bool
check_records(struct parcel *parcel, char why[PARCEL_WHY_SIZE])
{
	struct parcel_item item;
	struct heading heading;

	for (;;) {
		const size_t at = parcel->at;
		const char *fault;

		if (!read_heading(parcel, &heading))
			return blame_record(parcel, at, "unknown", "heading", why);
		fault = heading.kind == END ? check_end(parcel, &heading)
		    : read_item(parcel, &heading, &item);
		if (fault != NULL)
			return blame_record(parcel, at, record_name(heading.kind), fault, why);
		if (heading.kind == END)
			return true;
	}
}

bool
parcel_open(struct parcel *parcel, const void *data, size_t size, char why[PARCEL_WHY_SIZE])
{
	struct opening there;

	*parcel = (struct parcel){ .data = data, .size = size, .at = sizeof(there) };
	if (size < sizeof(there) ||
	    memcmp(memcpy(&there, data, sizeof(there)), opening.magic, sizeof(opening.magic)) != 0) {
		snprintf(why, PARCEL_WHY_SIZE, "it is no parcel of echod");
		return false;
	}
	if (there.version != opening.version) {
		snprintf(why, PARCEL_WHY_SIZE, "it has version %llu of its format, and this echod "
		    "takes %d", (unsigned long long)there.version, PARCEL_VERSION);
		return false;
	}
	if (!check_records(parcel, why))
		return false;
	parcel_rewind(parcel);
	return true;
}

bool
parcel_next(struct parcel *parcel, struct parcel_item *item, size_t *descriptor)
{
	struct heading heading;

	*descriptor = parcel->order.descriptors;
	return read_heading(parcel, &heading) && heading.kind != END &&
	    read_item(parcel, &heading, item) == NULL;
}

void
parcel_rewind(struct parcel *parcel)
{
	parcel->at = sizeof(struct opening);
	parcel->order = (struct parcel_order){ 0 };
}

size_t
parcel_descriptors(const struct parcel *parcel)
{
	return parcel->descriptors;
}
