/* All that is counted: see census.h. */
#include "daemon/account/census.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What a room's counter begins with. */
struct beginning {
	struct beginning *next;
	uint64_t number;
	size_t value; /* where it begins in */
	char text[];  /* the family, a NUL, and the value */
};

struct census {
	/* The control thread changes which ledgers there are under it; others look under it. */
	pthread_mutex_t lock;
	size_t worker_count;
	STAILQ_HEAD(census_rooms, census_room) rooms;
	struct beginning *beginnings;
	TAILQ_HEAD(ledgers, ledger) ledgers; /* in the order in which their names first came */
	struct ledger *gone; /* what was folded; none of them */
	size_t unheld_count; /* of the ledgers */
	uint64_t departures; /* how often a ledger lost its last holder */
	void (*expect)(void *arg, int64_t due); /* census_set_teller(); NULL: nobody */
	void *expect_arg;
};

/* --- life ---------------------------------------------------------------------------- */

static void
on_expect(struct census *census, int64_t due)
{
	if (census->expect != NULL)
		census->expect(census->expect_arg, due);
}

struct census *
census_new(size_t worker_count)
{
	struct census *census = calloc(1, sizeof(*census));

	if (census == NULL)
		return NULL;
	pthread_mutex_init(&census->lock, NULL);
	census->worker_count = worker_count;
	STAILQ_INIT(&census->rooms);
	TAILQ_INIT(&census->ledgers);
	census->gone = ledger_new(CENSUS_GONE, 1);
	if (census->gone == NULL) {
		free(census);
		errno = ENOMEM;
		return NULL;
	}
	census->gone->expect = on_expect;
	census->gone->census = census;
	return census;
}

static struct ledger *
first_of(const struct census *census)
{
	return TAILQ_FIRST(&census->ledgers);
}

/* What it has counted goes to `heir`, if any. */
static void
forget(struct census *census, struct ledger *ledger, struct ledger *heir)
{
	pthread_mutex_lock(&census->lock);
	if (heir != NULL)
		ledger_add(heir, ledger);
	TAILQ_REMOVE(&census->ledgers, ledger, neighbours);
	pthread_mutex_unlock(&census->lock);
	ledger_free(ledger);
}

static void
free_beginnings(struct beginning *beginning)
{
	for (struct beginning *next; beginning != NULL; beginning = next) {
		next = beginning->next;
		free(beginning);
	}
}

void
census_free(struct census *census)
{
	struct ledger *ledger;

	if (census == NULL)
		return;
	while ((ledger = first_of(census)) != NULL)
		forget(census, ledger, NULL);
	ledger_free(census->gone);
	free_beginnings(census->beginnings);
	pthread_mutex_destroy(&census->lock);
	free(census);
}

/* --- names that go and return ----------------------------------------------------------- */

/* `last` has gone just now. */
static struct ledger *
find_longest_gone(const struct census *census, struct ledger *last)
{
	struct ledger *ledger, *longest = last;

	for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
		if (ledger->gone != 0 && ledger->gone < longest->gone)
			longest = ledger;
	return longest;
}

/* Nobody writes it any more: who moved bytes for it has been settled. */
static void
fold(struct census *census, struct ledger *ledger)
{
	census->unheld_count--;
	forget(census, ledger, census->gone);
}

static void
on_unheld(struct census *census, struct ledger *ledger)
{
	if (ledger->carries == 0) {
		forget(census, ledger, NULL);
		return;
	}
	ledger->gone = ++census->departures;
	if (++census->unheld_count > CENSUS_NAMES)
		fold(census, find_longest_gone(census, ledger));
}

static struct ledger *
find(const struct census *census, const char *name)
{
	struct ledger *ledger;

	for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
		if (strcmp(ledger->name, name) == 0)
			return ledger;
	return NULL;
}

static struct ledger *
make(struct census *census, const char *name)
{
	struct ledger *ledger = ledger_new(name, census->worker_count);

	if (ledger == NULL)
		return NULL;
	ledger->unheld = on_unheld;
	ledger->expect = on_expect;
	ledger->census = census;
	pthread_mutex_lock(&census->lock);
	TAILQ_INSERT_TAIL(&census->ledgers, ledger, neighbours);
	pthread_mutex_unlock(&census->lock);
	return ledger;
}

struct ledger *
census_open(struct census *census, const char *name)
{
	struct ledger *ledger = find(census, name);

	if (ledger == NULL)
		return make(census, name);
	if (ledger->gone != 0) {
		ledger->gone = 0;
		census->unheld_count--;
	}
	ledger_hold(ledger);
	return ledger;
}

/* --- what others register ------------------------------------------------------------------ */

void
census_set_teller(struct census *census, void (*expect)(void *arg, int64_t due), void *arg)
{
	census->expect = expect;
	census->expect_arg = arg;
}

void
census_register(struct census *census, struct census_room *room)
{
	STAILQ_INSERT_TAIL(&census->rooms, room, neighbours);
}

/* --- what another process had ------------------------------------------------------------- */

static uint64_t
begins_with(const struct census *census, const char *family, const char *value)
{
	const struct beginning *beginning = census->beginnings;

	for (; beginning != NULL; beginning = beginning->next)
		if (strcmp(beginning->text, family) == 0 &&
		    strcmp(beginning->text + beginning->value, value) == 0)
			return beginning->number;
	return 0;
}

bool
census_adopt(struct census *census, const char *family, const char *value, uint64_t number)
{
	const size_t size = strlen(family) + 1, value_size = strlen(value) + 1;
	struct beginning *beginning = malloc(sizeof(*beginning) + size + value_size);

	if (beginning == NULL)
		return false;
	*beginning = (struct beginning){ census->beginnings, number, size };
	memcpy(beginning->text, family, size);
	memcpy(beginning->text + size, value, value_size);
	census->beginnings = beginning;
	return true;
}

struct ledger *
census_adopt_ledger(struct census *census, const char *name, unsigned carries)
{
	struct ledger *ledger = census->gone;

	if (strcmp(name, CENSUS_GONE) == 0)
		ledger_hold(ledger);
	else
		ledger = census_open(census, name);
	if (ledger != NULL)
		ledger->carries |= carries;
	return ledger;
}

/* --- counting -------------------------------------------------------------------------------- */

struct visitor {
	void (*visit)(void *arg, const struct census_entry *entry);
	void *arg;
};

/* What the entries of one family have in common. */
struct source {
	const struct family *family;
	const char *listener;
	bool is_gone; /* what is 0 is left out */
};

static void
visit_number(const struct visitor *visitor, const struct source *source, const char *value,
    uint64_t number)
{
	const struct family *family = source->family;
	const struct census_entry entry = {
		family, "", source->listener, value != NULL ? family->label : NULL, value, number,
		family->decimals,
	};

	if (number != CENSUS_NONE && (number > 0 || !source->is_gone))
		visitor->visit(visitor->arg, &entry);
}

/* What was at most a bound was at most all that follow. */
static void
visit_histogram(const struct visitor *visitor, const struct source *source,
    const uint64_t cells[SCALE_CELLS_MOST])
{
	const struct scale *scale = source->family->scale;
	struct census_entry entry = {
		source->family, "_bucket", source->listener, "le", NULL, 0, 0,
	};
	uint64_t count = 0;

	for (size_t i = 0; i <= scale->count; i++)
		count += cells[i];
	if (count == 0 && source->is_gone)
		return;
	for (size_t i = 0; i <= scale->count; i++) {
		entry.value = scale->texts[i];
		entry.number += cells[i];
		visitor->visit(visitor->arg, &entry);
	}
	entry = (struct census_entry){ source->family, "_sum", source->listener, NULL, NULL,
		cells[scale_sum(scale)], scale->decimals };
	visitor->visit(visitor->arg, &entry);
	entry = (struct census_entry){ source->family, "_count", source->listener, NULL, NULL,
		count, 0 };
	visitor->visit(visitor->arg, &entry);
}

static const char *
value_of(const struct census_row *row, const void *of, size_t index)
{
	if (row->value != NULL)
		return row->value(of, index);
	return row->family.values != NULL && index < row->family.count ? row->family.values[index]
	    : NULL;
}

/* What the room has counted, and what was before. */
static uint64_t
number_of(const struct census *census, const struct census_row *row, const void *of, size_t index)
{
	const struct family *family = &row->family;
	const uint64_t number = row->read(of, index);
	const char *value;

	if (census->beginnings == NULL || family->type == FAMILY_GAUGE || number == CENSUS_NONE)
		return number;
	value = family->type == FAMILY_HISTOGRAM ? family_value(family, index)
	    : value_of(row, of, index);
	return number + begins_with(census, family->name, value != NULL ? value : "");
}

static void
visit_row(const struct visitor *visitor, const struct census *census, const struct census_row *row,
    const void *of)
{
	const struct source source = { &row->family, NULL, false };
	uint64_t cells[SCALE_CELLS_MOST] = { 0 };
	const char *value;

	if (row->family.type == FAMILY_HISTOGRAM) {
		for (size_t i = 0; i < row->family.count; i++)
			cells[i] = number_of(census, row, of, i);
		visit_histogram(visitor, &source, cells);
	} else if (row->family.label == NULL) {
		visit_number(visitor, &source, NULL, number_of(census, row, of, 0));
	} else {
		for (size_t i = 0; (value = value_of(row, of, i)) != NULL; i++)
			visit_number(visitor, &source, value, number_of(census, row, of, i));
	}
}

static void
visit_ledger(const struct visitor *visitor, const struct ledger *ledger, enum ledger_row_id id)
{
	const struct family *family = &ledger_rows[id].family;
	const struct source source = { family, ledger->name, ledger->gone != 0 };
	uint64_t cells[SCALE_CELLS_MOST] = { 0 };

	if ((ledger->carries & ledger_rows[id].carried) == 0)
		return;
	if (family->type == FAMILY_HISTOGRAM) {
		for (size_t i = 0; i < family->count; i++)
			cells[i] = ledger_read(ledger, id, i);
		visit_histogram(visitor, &source, cells);
		return;
	}
	for (size_t i = 0; i < family->count; i++)
		visit_number(visitor, &source, family->label != NULL ? family->values[i] : NULL,
		    ledger_read(ledger, id, i));
}

void
census_look(const struct census *census)
{
	const struct census_room *room;

	for (room = STAILQ_FIRST(&census->rooms); room != NULL; room = STAILQ_NEXT(room, neighbours))
		if (room->look != NULL)
			room->look(room->of);
}

void
census_each(const struct census *census,
    void (*visit)(void *arg, const struct census_entry *entry), void *arg)
{
	const struct visitor visitor = { visit, arg };
	const struct census_room *room;
	const struct ledger *ledger;

	census_look(census);
	for (room = STAILQ_FIRST(&census->rooms); room != NULL; room = STAILQ_NEXT(room, neighbours))
		for (size_t i = 0; i < room->count; i++)
			visit_row(&visitor, census, &room->rows[i], room->of);
	for (int id = 0; id < LEDGER_ROW_COUNT; id++) {
		for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
			visit_ledger(&visitor, ledger, id);
		visit_ledger(&visitor, census->gone, id);
	}
}

void
census_each_ledger(const struct census *census, void (*visit)(void *arg, struct ledger *ledger),
    void *arg)
{
	struct ledger *ledger;

	for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
		visit(arg, ledger);
	visit(arg, census->gone);
}

uint64_t
census_read(const struct census *census, enum ledger_row_id id, size_t index)
{
	uint64_t sum = ledger_read(census->gone, id, index);
	const struct ledger *ledger;

	for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
		sum += ledger_read(ledger, id, index);
	return sum;
}

uint64_t
census_total(const struct census *census, enum ledger_row_id id)
{
	uint64_t sum = ledger_total(census->gone, id);
	const struct ledger *ledger;

	for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
		sum += ledger_total(ledger, id);
	return sum;
}

/* --- packing --------------------------------------------------------------------------------- */

static int
pack_number(const struct census_packer *packer, const char *family, const char *value,
    uint64_t number)
{
	if (number == 0 || number == CENSUS_NONE)
		return 0;
	return packer->number(packer->arg, family, value, number);
}

static int
pack_row(const struct census *census, const struct census_packer *packer,
    const struct census_row *row, const void *of)
{
	const struct family *family = &row->family;
	const bool is_labelled = family->type != FAMILY_HISTOGRAM && family->label != NULL;
	const char *value = "";

	if (family->type == FAMILY_GAUGE || row->is_of_process)
		return 0;
	for (size_t i = 0; is_labelled || i == 0 || i < family->count; i++) {
		if (is_labelled && (value = value_of(row, of, i)) == NULL)
			return 0;
		if (family->type == FAMILY_HISTOGRAM)
			value = family_value(family, i);
		if (pack_number(packer, family->name, value, number_of(census, row, of, i)) == -1)
			return -1;
	}
	return 0;
}

static int
pack_ledger(const struct census_packer *packer, const struct ledger *ledger)
{
	if (packer->ledger(packer->arg, ledger) == -1)
		return -1;
	for (int id = 0; id < LEDGER_ROW_COUNT; id++) {
		const struct family *family = &ledger_rows[id].family;

		for (size_t i = 0; family->type != FAMILY_GAUGE && i < family->count; i++)
			if (pack_number(packer, family->name, family_value(family, i),
			    ledger_read(ledger, id, i)) == -1)
				return -1;
	}
	return 0;
}

int
census_pack(const struct census *census, const struct census_packer *packer)
{
	const struct census_room *room;
	const struct ledger *ledger;

	census_look(census);
	for (room = STAILQ_FIRST(&census->rooms); room != NULL; room = STAILQ_NEXT(room, neighbours))
		for (size_t i = 0; i < room->count; i++)
			if (pack_row(census, packer, &room->rows[i], room->of) == -1)
				return -1;
	for (ledger = first_of(census); ledger != NULL; ledger = TAILQ_NEXT(ledger, neighbours))
		if (pack_ledger(packer, ledger) == -1)
			return -1;
	return pack_ledger(packer, census->gone);
}

/* Counters alone: none of them goes back, so that no two changes cancel out. */
uint64_t
census_moves(struct census *census)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&census->lock);
	for (int id = 0; id < LEDGER_ROW_COUNT; id++)
		if (ledger_rows[id].family.type == FAMILY_COUNTER)
			sum += census_total(census, id);
	pthread_mutex_unlock(&census->lock);
	return sum;
}
