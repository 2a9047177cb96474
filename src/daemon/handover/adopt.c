/* Takes what another process had: see adopt.h. */
#include "daemon/handover/adopt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/stream/packed.h"

/* --- listeners ---------------------------------------------------------------------- */

/* One that is being gathered, and its sockets. */
struct gathered {
	struct packed_listener listener;
	struct packed_socket *sockets;
	int *fds;
	size_t count;
};

/* Returns false without memory. */
static bool
gather_socket(struct gathered *gathered, const struct packed_socket *socket, int fd)
{
	struct packed_socket *sockets =
	    reallocarray(gathered->sockets, gathered->count + 1, sizeof(*sockets));
	int *fds = reallocarray(gathered->fds, gathered->count + 1, sizeof(*fds));

	if (sockets != NULL)
		gathered->sockets = sockets;
	if (fds != NULL)
		gathered->fds = fds;
	if (sockets == NULL || fds == NULL)
		return false;
	sockets[gathered->count] = *socket;
	fds[gathered->count++] = fd;
	return true;
}

/* Returns false with a fault. */
static bool
hand_on(struct gathered *gathered, adopter *adopt, void *arg, struct faults *faults)
{
	const size_t count = gathered->count;

	gathered->count = 0;
	return count == 0 ||
	    adopt(arg, &gathered->listener, gathered->sockets, gathered->fds, count, faults);
}

bool
adopt_listeners(struct cargo *cargo, enum packed_role role, adopter *adopt, void *arg,
    struct faults *faults)
{
	struct gathered gathered = { .count = 0 };
	struct parcel_item item;
	bool is_right = true, is_wanted = false;
	size_t descriptor;

	parcel_rewind(&cargo->parcel);
	while (is_right && parcel_next(&cargo->parcel, &item, &descriptor)) {
		if (item.kind == PARCEL_LISTENER) {
			is_right = hand_on(&gathered, adopt, arg, faults);
			is_wanted = item.listener.role == role;
			gathered.listener = item.listener;
		} else if (is_wanted && item.kind == PARCEL_SOCKET &&
		    !gather_socket(&gathered, &item.socket, cargo_take_fd(cargo, descriptor))) {
			faults_blame(faults, ENOMEM);
			faults_add(faults, "cannot take over: %s", strerror(ENOMEM));
			is_right = false;
		}
	}
	is_right = is_right && hand_on(&gathered, adopt, arg, faults);
	free(gathered.sockets);
	free(gathered.fds);
	return is_right;
}

/* --- all else ------------------------------------------------------------------------- */

struct adopted_ledger {
	struct ledger *ledger; /* held */
	uint64_t gone;         /* as it was for the other process */
};

struct adopted_conn {
	struct conn *conn;
	uint32_t active;
};

struct adoption {
	struct rooms rooms;
	struct adopted_ledger *ledgers;
	struct adopted_conn *conns;
	struct preamble **preambles;
	size_t ledger_count, conn_count, preamble_count;
};

static bool
adopt_ledger(struct adoption *adoption, const struct parcel_ledger *packed)
{
	struct ledger *ledger =
	    census_adopt_ledger(adoption->rooms.census, packed->name, packed->carries);

	if (ledger == NULL)
		return false;
	adoption->ledgers[adoption->ledger_count++] = (struct adopted_ledger){ ledger, packed->gone };
	return true;
}

/* What this echod does not count is not missed. */
static bool
adopt_number(const struct adoption *adoption, const struct parcel_number *packed)
{
	if (adoption->ledger_count == 0)
		return census_adopt(adoption->rooms.census, packed->family, packed->value,
		    packed->number);
	ledger_adopt(adoption->ledgers[adoption->ledger_count - 1].ledger, packed->family,
	    packed->value, packed->number);
	return true;
}

/* They are spread by turns: there are none yet. */
static bool
adopt_conn(struct adoption *adoption, const struct parcel_conn *packed, struct cargo *cargo,
    size_t descriptor)
{
	struct sources *sources = adoption->rooms.admission->sources;
	struct ledger *ledger = adoption->ledgers[packed->ledger].ledger;
	/* The analyzer does not see that the parcel was checked: the ledger came before. */
	struct branch *branch = /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	    &ledger->branches[adoption->conn_count % ledger->worker_count];
	struct conn *conn;

	crowds_serve(adoption->rooms.crowds, ledger);
	if (!sources_adopt_open(sources, &packed->conn.peer))
		return false;
	conn = conn_unpack(cargo->fds[descriptor], &packed->conn, branch);
	if (conn == NULL)
		return false;
	cargo_take_fd(cargo, descriptor);
	adoption->conns[adoption->conn_count++] =
	    (struct adopted_conn){ conn, packed->conn.active };
	return true;
}

static bool
adopt_preamble(struct adoption *adoption, const struct parcel_preamble *packed,
    struct cargo *cargo, size_t descriptor)
{
	struct sources *sources = adoption->rooms.admission->sources;
	struct ledger *ledger = adoption->ledgers[packed->ledger].ledger;
	struct preamble *preamble;

	crowds_serve(adoption->rooms.crowds, ledger);
	if (!sources_adopt_open(sources, &packed->preamble.proxy))
		return false;
	preamble = preamble_unpack(adoption->rooms.preambles, ledger, cargo->fds[descriptor],
	    &packed->preamble);
	if (preamble == NULL)
		return false;
	cargo_take_fd(cargo, descriptor);
	adoption->preambles[adoption->preamble_count++] = preamble;
	return true;
}

/* Returns false without memory. */
static bool
adopt_item(struct adoption *adoption, const struct parcel_item *item, struct cargo *cargo,
    size_t descriptor)
{
	switch (item->kind) {
	case PARCEL_LEDGER:
		return adopt_ledger(adoption, &item->ledger);
	case PARCEL_NUMBER:
		return adopt_number(adoption, &item->number);
	case PARCEL_SOURCE:
		return sources_adopt(adoption->rooms.admission->sources, item->source.name,
		    item->source.paid);
	case PARCEL_CONN:
		return adopt_conn(adoption, &item->conn, cargo, descriptor);
	case PARCEL_PREAMBLE:
		return adopt_preamble(adoption, &item->preamble, cargo, descriptor);
	default:
		return true; /* whoever knows it takes it */
	}
}

/* Room for as many as there are of each.  Returns false without memory. */
static bool
make_room(struct adoption *adoption, struct cargo *cargo)
{
	size_t counts[PARCEL_KINDS] = { 0 };
	struct parcel_item item;
	size_t descriptor;

	parcel_rewind(&cargo->parcel);
	while (parcel_next(&cargo->parcel, &item, &descriptor))
		counts[item.kind]++;
	parcel_rewind(&cargo->parcel);
	adoption->ledgers = calloc(counts[PARCEL_LEDGER] + 1, sizeof(*adoption->ledgers));
	adoption->conns = calloc(counts[PARCEL_CONN] + 1, sizeof(*adoption->conns));
	adoption->preambles = calloc(counts[PARCEL_PREAMBLE] + 1, sizeof(struct preamble *));
	return adoption->ledgers != NULL && adoption->conns != NULL && adoption->preambles != NULL;
}

/* The longest silent first, as their lists have them: by when each was active, modulo 49 days. */
static int
compare_conns(const void *a, const void *b)
{
	const struct adopted_conn *of_a = a, *of_b = b;
	const int32_t after = (int32_t)(of_a->active - of_b->active);

	return after < 0 ? -1 : after > 0;
}

struct adoption *
adoption_new(struct cargo *cargo, const struct rooms *rooms)
{
	struct adoption *adoption = calloc(1, sizeof(*adoption));
	struct parcel_item item;
	size_t descriptor;
	bool is_done;

	if (adoption == NULL)
		return NULL;
	adoption->rooms = *rooms;
	is_done = make_room(adoption, cargo);
	while (is_done && parcel_next(&cargo->parcel, &item, &descriptor))
		is_done = adopt_item(adoption, &item, cargo, descriptor);
	if (!is_done) {
		adoption_free(adoption);
		errno = ENOMEM;
		return NULL;
	}
	if (adoption->conn_count > 0)
		qsort(adoption->conns, adoption->conn_count, sizeof(*adoption->conns), compare_conns);
	return adoption;
}

/* --- the end of it ------------------------------------------------------------------------ */

/* The longest gone first, and those that were not last. */
static int
compare_ledgers(const void *a, const void *b)
{
	const struct adopted_ledger *of_a = a, *of_b = b;
	const uint64_t gone_a = of_a->gone - 1, gone_b = of_b->gone - 1; /* 0 becomes the most */

	return gone_a < gone_b ? -1 : gone_a > gone_b;
}

/* A listener that is gone has its connections to keep its ledger; then it is one that was. */
static void
dispose(struct adoption *adoption)
{
	if (adoption->ledger_count > 0)
		qsort(adoption->ledgers, adoption->ledger_count, sizeof(*adoption->ledgers),
		    compare_ledgers);
	for (size_t i = 0; i < adoption->ledger_count; i++)
		ledger_release(adoption->ledgers[i].ledger);
	free(adoption->ledgers);
	free(adoption->conns);
	free(adoption->preambles);
	free(adoption);
}

void
adoption_commit(struct adoption *adoption)
{
	for (size_t i = 0; i < adoption->conn_count; i++)
		admission_adopt(adoption->rooms.admission, adoption->conns[i].conn);
	for (size_t i = 0; i < adoption->preamble_count; i++)
		preamble_go_on(adoption->preambles[i]);
	dispose(adoption);
}

void
adoption_free(struct adoption *adoption)
{
	if (adoption == NULL)
		return;
	for (size_t i = 0; i < adoption->conn_count; i++)
		conn_free(adoption->conns[i].conn);
	for (size_t i = 0; i < adoption->preamble_count; i++)
		preamble_drop(adoption->preambles[i]);
	dispose(adoption);
}
