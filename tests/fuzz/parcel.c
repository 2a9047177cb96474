/*
 * A parcel.  What is taken is the same when it is written again, points into the parcel alone, and
 * can be made connections, books and totals of; all else is refused in one line.  The sum is set
 * right first, since nobody would guess it.
 */
#include "daemon/access/sources.h"
#include "daemon/account/census.h"
#include "daemon/handover/parcel.h"
#include "daemon/stream/conn.h"
#include "daemon/stream/packed.h"
#include "fuzz.h"

#define WORD sizeof(uint64_t)

static uint8_t *written;
static size_t written_size;

static int
compare(void *arg, const void *data, size_t size)
{
	const struct parcel *parcel = arg;

	fuzz_assert(written_size + size <= parcel->size);
	if (size > 0)
		fuzz_assert(memcmp(parcel->data + written_size, data, size) == 0);
	written_size += size;
	return 0;
}

/* As parcel.c has it. */
static void
set_sum(uint8_t *bytes, size_t size)
{
	uint64_t sum = 0, word;

	for (size_t at = 0; at + 2 * WORD <= size; at += WORD) {
		memcpy(&word, bytes + at, WORD);
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	}
	if (size >= WORD)
		memcpy(bytes + size / WORD * WORD - WORD, &sum, WORD);
}

static void
check_why(const char *why)
{
	fuzz_assert(*why != '\0' && strlen(why) < PARCEL_WHY_SIZE);
	for (; *why != '\0'; why++)
		fuzz_assert((unsigned char)*why >= 0x20 && (unsigned char)*why < 0x7f);
}

/* --- what becomes of it ------------------------------------------------------------------ */

static struct census *census;
static struct sources *sources;
static struct ledger *ledger;

static void
use_conn(const struct packed_conn *packed)
{
	struct conn *conn = conn_unpack(-1, packed, &ledger->branches[0]);
	struct conn_facts facts;

	fuzz_assert(conn != NULL);
	fuzz_assert(conn_state(conn) == packed->state && conn_state(conn) >= CONN_READING);
	fuzz_assert(conn_silence(conn, INT64_C(1) << 40) >= 0);
	conn_age(conn, INT64_C(1) << 40);
	conn_facts(conn, &facts);
	fuzz_assert(facts.received == packed->received && facts.sent == packed->sent);
	fuzz_assert((conn_via(conn) != NULL) == packed->is_proxied);
	fuzz_assert(sources_adopt_open(sources, &packed->peer));
	conn_free(conn);
}

static void
use(const struct parcel_item *item)
{
	struct ledger *adopted;

	switch (item->kind) {
	case PARCEL_LEDGER:
		adopted = census_adopt_ledger(census, item->ledger.name, item->ledger.carries);
		fuzz_assert(adopted != NULL);
		ledger_release(adopted);
		break;
	case PARCEL_NUMBER:
		fuzz_assert(census_adopt(census, item->number.family, item->number.value,
		    item->number.number));
		ledger_adopt(ledger, item->number.family, item->number.value, item->number.number);
		break;
	case PARCEL_SOURCE:
		fuzz_assert(sources_adopt(sources, item->source.name, item->source.paid));
		break;
	case PARCEL_CONN:
		use_conn(&item->conn.conn);
		break;
	default:
		break;
	}
}

/* --- the parcel --------------------------------------------------------------------------- */

static void
check_taken(struct parcel *parcel)
{
	struct parcel_writer writer;
	struct parcel_item item;
	size_t descriptor, descriptors = 0;

	written_size = 0;
	parcel_begin(&writer, compare, parcel);
	while (parcel_next(parcel, &item, &descriptor)) {
		fuzz_assert(descriptor == descriptors);
		descriptors += parcel_has_descriptor(item.kind);
		fuzz_assert(parcel_put(&writer, &item) == 0);
		use(&item);
	}
	fuzz_assert(parcel_end(&writer) == 0);
	fuzz_assert(written_size == parcel->size);
	fuzz_assert(descriptors == parcel_descriptors(parcel));
}

static void
make_rooms(void)
{
	census = census_new(1);
	sources = sources_new();
	ledger = ledger_new("fuzz", 1);
	fuzz_assert(census != NULL && sources != NULL && ledger != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[PARCEL_WHY_SIZE] = "";
	struct parcel parcel;

	written = (uint8_t *)copy_text(data, size);
	set_sum(written, size);
	make_rooms();
	if (parcel_open(&parcel, written, size, why))
		check_taken(&parcel);
	else
		check_why(why);
	ledger_free(ledger);
	sources_free(sources);
	census_free(census);
	free(written);
	return 0;
}
