/* Packs what the rooms have: see pack.h. */
#include "daemon/handover/pack.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/stream/packed.h"

/* The parcel that is packed, and which ledgers it has, in their order. */
struct state {
	struct packing *packing;
	const struct ledger **ledgers;
	size_t count, room;
	size_t last; /* whose place was found last: most connections are of one listener's */
};

/* --- listeners ---------------------------------------------------------------------- */

static int
on_listener(void *arg, const struct packed_listener *listener)
{
	const struct parcel_item item = { PARCEL_LISTENER, .listener = *listener };

	return packing_put(arg, &item, -1);
}

static int
on_socket(void *arg, const struct packed_socket *socket, int fd)
{
	const struct parcel_item item = { PARCEL_SOCKET, .socket = *socket };

	return packing_put(arg, &item, fd);
}

struct packed_visitor
pack_visitor(struct packing *packing)
{
	return (struct packed_visitor){ on_listener, on_socket, packing };
}

int
pack_listeners(struct packing *packing, const struct listeners *listeners)
{
	const struct packed_visitor visitor = pack_visitor(packing);

	return listeners_pack(listeners, &visitor);
}

/* --- totals and books --------------------------------------------------------------- */

static int
on_number(void *arg, const char *family, const char *value, uint64_t number)
{
	const struct state *state = arg;
	const struct parcel_item item = { PARCEL_NUMBER, .number = { family, value, number } };

	return packing_put(state->packing, &item, -1);
}

static int
on_ledger(void *arg, const struct ledger *ledger)
{
	struct state *state = arg;
	const struct parcel_item item =
	    { PARCEL_LEDGER, .ledger = { ledger->name, ledger->carries, ledger->gone } };

	if (state->count == state->room) {
		const size_t room = state->room == 0 ? 16 : state->room * 2;
		const struct ledger **ledgers =
		    reallocarray(state->ledgers, room, sizeof(const struct ledger *));

		if (ledgers == NULL)
			return -1;
		state->ledgers = ledgers;
		state->room = room;
	}
	state->ledgers[state->count++] = ledger;
	return packing_put(state->packing, &item, -1);
}

static int
on_source(void *arg, struct source_name source, int64_t paid)
{
	const struct state *state = arg;
	const struct parcel_item item = { PARCEL_SOURCE, .source = { source, paid } };

	return packing_put(state->packing, &item, -1);
}

/* --- connections -------------------------------------------------------------------- */

/* Each that is held is in the census. */
static size_t
place_of(struct state *state, const struct ledger *ledger)
{
	for (size_t i = 0; i < state->count && state->ledgers[state->last] != ledger; i++)
		state->last = i;
	return state->last;
}

static int
on_conn(void *arg, const struct conn *conn, int fd, const struct packed_conn *packed)
{
	struct state *state = arg;
	const struct parcel_item item =
	    { PARCEL_CONN, .conn = { place_of(state, conn_branch(conn)->ledger), *packed } };

	return packing_put(state->packing, &item, fd);
}

static int
on_preamble(void *arg, const struct ledger *ledger, const struct packed_preamble *packed, int fd)
{
	struct state *state = arg;
	const struct parcel_item item =
	    { PARCEL_PREAMBLE, .preamble = { place_of(state, ledger), *packed } };

	return packing_put(state->packing, &item, fd);
}

/* --- all of it ------------------------------------------------------------------------ */

static int
pack_conns(struct state *state, const struct rooms *rooms)
{
	for (size_t i = 0; i < workers_count(rooms->workers); i++)
		if (crowd_pack(crowds_get(rooms->crowds, i), on_conn, state) == -1)
			return -1;
	return preambles_pack(rooms->preambles, on_preamble, state);
}

int
pack_all(struct packing *packing, const struct rooms *rooms)
{
	struct state state = { .packing = packing };
	const struct census_packer packer = { on_number, on_ledger, &state };
	const struct sources *sources = rooms->admission->sources;
	const int result = census_pack(rooms->census, &packer) == 0 &&
	    sources_pack(sources, clock_ms(), on_source, &state) == 0 &&
	    pack_conns(&state, rooms) == 0 ? 0 : -1;
	const int error = errno;

	free(state.ledgers);
	errno = error;
	return result;
}

/* --- letting go -------------------------------------------------------------------------- */

static void
on_gone(void *arg, struct conn *conn)
{
	admission_let_go(arg, conn);
}

void
rooms_let_go(const struct rooms *rooms)
{
	listeners_let_go(rooms->listeners);
	preambles_let_go(rooms->preambles);
	for (size_t i = 0; i < workers_count(rooms->workers); i++)
		crowd_let_go(crowds_get(rooms->crowds, i), on_gone, rooms->admission);
}
