/* Who is connected: see gather.h. */
#include "daemon/observe/peers/gather.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/observe/peers/busiest.h"
#include "daemon/observe/peers/query.h"
#include "daemon/observe/peers/ranking.h"
#include "daemon/observe/peers/row.h"
#include "daemon/stream/walk.h"

/* How long the control thread writes before others have their turn: us. */
#define SLICE 500

/* What one worker has of what one request asks for: the worker's while it is away. */
struct part {
	struct search *search;
	struct crowd *crowd;
	struct letter letter;
	struct walk walk;
	int64_t now;            /* clock_ms() when the walk began */
	struct ranking ranking; /* of rows */
	struct row *rows;       /* room for as many as the ranking has */
	uint64_t matching;      /* connections, whether or not they are in the ranking */
};

/* A request. */
struct search {
	TAILQ_ENTRY(search) neighbours;
	struct gather *gather;
	struct http_ticket ticket;
	struct query query;
	struct ledger **ledgers; /* held: rows have their names */
	size_t ledger_count;
	struct part *parts;      /* one for each worker; NULL: it has not begun */
	size_t part_count;
	size_t away;             /* of these */
	/* Once all are home. */
	struct ranking rows;     /* the first by its rank on top */
	struct evbuffer *body;
	uint64_t matching;
	size_t shown;
};

struct gather {
	struct gathered of;
	int64_t start; /* clock_ms() when it was made: with the daemon */
	bool is_allowed, is_stopped;
	struct event *writer;
	TAILQ_HEAD(searches, search) searches; /* the first is worked at */
};

/* --- in the workers' threads ------------------------------------------------------------- */

static struct part *
part_of(struct letter *letter)
{
	return (struct part *)(void *)((char *)letter - offsetof(struct part, letter));
}

static bool
matches(const struct query *query, const struct conn *conn)
{
	return (query->state == CONN_STATE_COUNT || query->state == conn_state(conn)) &&
	    query_covers(query, conn_peer(conn)) && (*query->listener == '\0' ||
	    strcmp(query->listener, conn_branch(conn)->ledger->name) == 0);
}

static int64_t
rank_of(const struct part *part, const struct conn_facts *facts)
{
	if (part->search->query.sort == QUERY_BY_BYTES)
		return (int64_t)(facts->received + facts->sent);
	return part->now - facts->opened;
}

static void
look(struct walk *walk, const struct conn *conn)
{
	struct part *part = (struct part *)(void *)((char *)walk - offsetof(struct part, walk));
	struct ranking *ranking = &part->ranking;
	struct conn_facts facts;
	struct row *row;
	int64_t rank;

	if (!matches(&part->search->query, conn))
		return;
	part->matching++;
	conn_facts(conn, &facts);
	rank = rank_of(part, &facts);
	if (!ranking_wants(ranking, rank))
		return;
	row = ranking_lowest(ranking);
	if (row == NULL)
		row = &part->rows[ranking->count];
	row_empty(row);
	row_fill(row, conn, &facts, part->now);
	ranking_add(ranking, rank, row);
}

static void on_home(void *control, struct letter *letter);

static void
on_walked(struct walk *walk)
{
	struct part *part = (struct part *)(void *)((char *)walk - offsetof(struct part, walk));

	inbox_post(walk->crowd->loop->home, &part->letter, on_home);
}

static void
on_begin(void *loop, struct letter *letter)
{
	struct part *part = part_of(letter);

	(void)loop;
	part->now = clock_ms();
	part->walk.look = look;
	part->walk.done = on_walked;
	walk_begin(&part->walk, part->crowd);
}

/* --- the life of a request ----------------------------------------------------------------- */

static void
hold_ledger(void *arg, struct ledger *ledger)
{
	struct search *search = arg;

	if (ledger->holders == 0)
		return; /* it has no connections */
	if (search->ledgers != NULL) {
		ledger_hold(ledger);
		search->ledgers[search->ledger_count] = ledger;
	}
	search->ledger_count++;
}

static bool
hold_ledgers(struct search *search)
{
	const struct census *census = search->gather->of.census;

	census_each_ledger(census, hold_ledger, search);
	search->ledgers = calloc(search->ledger_count + 1, sizeof(struct ledger *));
	search->ledger_count = 0;
	if (search->ledgers == NULL)
		return false;
	census_each_ledger(census, hold_ledger, search);
	return true;
}

static void
release_ledgers(struct search *search)
{
	for (size_t i = 0; i < search->ledger_count; i++)
		ledger_release(search->ledgers[i]);
	free(search->ledgers);
	search->ledgers = NULL;
	search->ledger_count = 0;
}

static void
empty_part(struct part *part)
{
	for (size_t i = 0; i < part->ranking.count; i++)
		row_empty(part->ranking.heap[i].what);
	ranking_free(&part->ranking);
	free(part->rows);
}

/* It is nobody's any more, and none of it is away. */
static void
search_free(struct search *search)
{
	struct gather *gather = search->gather;

	TAILQ_REMOVE(&gather->searches, search, neighbours);
	release_ledgers(search);
	for (size_t i = 0; i < search->part_count; i++)
		empty_part(&search->parts[i]);
	free(search->parts);
	ranking_free(&search->rows);
	if (search->body != NULL)
		evbuffer_free(search->body);
	free(search);
}

/* A worker's books are ahead of it: it has no more than these. */
static bool
make_part(struct search *search, size_t index)
{
	const struct gathered *of = &search->gather->of;
	struct part *part = &search->parts[index];
	size_t most = workers_open(of->workers, index);

	if (most > search->query.limit)
		most = search->query.limit;
	part->search = search;
	part->crowd = crowds_get(of->crowds, index);
	part->rows = calloc(most + 1, sizeof(struct row));
	return part->rows != NULL && ranking_make(&part->ranking, most);
}

/* Has the workers begin.  Returns false where memory lacks, and none has. */
static bool
begin(struct search *search)
{
	const struct workers *workers = search->gather->of.workers;
	const size_t count = workers_count(workers);

	search->body = evbuffer_new();
	search->parts = calloc(count, sizeof(struct part));
	if (search->body == NULL || search->parts == NULL || !hold_ledgers(search))
		return false;
	search->part_count = count;
	for (size_t i = 0; i < count; i++)
		if (!make_part(search, i))
			return false;
	search->away = count;
	for (size_t i = 0; i < count; i++)
		worker_post(workers_get(workers, i), &search->parts[i].letter, on_begin);
	return true;
}

/* The first one is done with: on to the next that somebody waits for. */
static void
end(struct search *search)
{
	struct gather *gather = search->gather;

	do {
		search_free(search);
		search = TAILQ_FIRST(&gather->searches);
		if (search == NULL || (search->ticket.conn != NULL && begin(search)))
			return;
		http_answer(&search->ticket, HTTP_INTERNAL_ERROR, search->body);
	} while (true);
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The last line: how many more there are. */
static bool
write_end(struct search *search)
{
	const struct gathered *of = &search->gather->of;

	return row_add_line(json_pack("{s:I, s:I, s:o}",
	    "shown", (json_int_t)search->shown,
	    "more", (json_int_t)(search->matching - search->shown),
	    "busiest_sources",
	    busiest_make(of->sources, of->census, clock_ms(), search->gather->start)), search->body);
}

static bool
has_more(const struct search *search)
{
	return search->rows.count > 0 && search->shown < search->query.limit;
}

/* Returns false where memory lacks. */
static bool
write_some(struct search *search)
{
	const int64_t begun = clock_us();

	while (has_more(search) && clock_us() - begun < SLICE) {
		if (!row_write(ranking_take(&search->rows).what, search->body))
			return false;
		search->shown++;
	}
	return true;
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct gather *gather = arg;
	struct search *search = TAILQ_FIRST(&gather->searches);
	bool is_well;

	(void)fd;
	(void)what;
	if (search->ticket.conn == NULL) {
		end(search);
		return;
	}
	is_well = write_some(search);
	if (is_well && has_more(search)) {
		if (loop_set_timer(gather->writer, 0) == 0)
			return;
		is_well = false;
	}
	is_well = is_well && write_end(search);
	http_answer(&search->ticket, is_well ? HTTP_OK : HTTP_INTERNAL_ERROR, search->body);
	end(search);
}

/* The first is what has most, so ranks change their sign.  Returns false where memory lacks. */
static bool
merge(struct search *search)
{
	int64_t longest = 0;
	size_t rows = 0;

	for (size_t i = 0; i < search->part_count; i++) {
		rows += search->parts[i].ranking.count;
		search->matching += search->parts[i].matching;
		if (search->parts[i].walk.longest > longest)
			longest = search->parts[i].walk.longest;
	}
	log_debug("asked who is connected: no worker was held up for more than %lld us",
	    (long long)longest);
	if (!ranking_make(&search->rows, rows))
		return false;
	for (size_t i = 0; i < search->part_count; i++) {
		const struct ranking *ranking = &search->parts[i].ranking;

		for (size_t k = 0; k < ranking->count; k++)
			ranking_add(&search->rows, -ranking->heap[k].rank, ranking->heap[k].what);
	}
	return true;
}

static void
on_home(void *control, struct letter *letter)
{
	struct search *search = part_of(letter)->search;

	(void)control;
	if (--search->away > 0 || search->gather->is_stopped)
		return;
	if (search->ticket.conn == NULL) {
		end(search);
	} else if (!merge(search)) {
		http_answer(&search->ticket, HTTP_INTERNAL_ERROR, search->body);
		end(search);
	} else {
		on_write(-1, 0, search->gather);
	}
}

/* --- asking ------------------------------------------------------------------------------------ */

static enum http_status
say(struct evbuffer *body, enum http_status status, const char *text)
{
	return evbuffer_add_printf(body, "%s\n", text) > 0 ? status : HTTP_INTERNAL_ERROR;
}

/* Returns HTTP_OK where it may be asked, and what for is in *query. */
static enum http_status
judge(const struct gather *gather, const struct http_asker *asker, struct query *query,
    struct evbuffer *body)
{
	char right[QUERY_RIGHT_SIZE];
	size_t hung;

	if (!gather->is_allowed)
		return say(body, HTTP_NOT_FOUND,
		    "observe.peers is false: nobody is told who is connected");
	if (!http_is_local(asker))
		return say(body, HTTP_FORBIDDEN,
		    "who is connected is told at a loopback address or a Unix socket alone");
	if (!query_parse(query, &asker->request->query, right))
		return say(body, HTTP_BAD_REQUEST, right);
	if (!workers_find_hung(gather->of.workers, clock_ms(), &hung))
		return HTTP_OK;
	return evbuffer_add_printf(body, "worker-%zu hangs\n", hung) > 0 ? HTTP_UNAVAILABLE
	    : HTTP_INTERNAL_ERROR;
}

enum http_status
gather_ask(struct gather *gather, const struct http_asker *asker, struct evbuffer *body)
{
	const bool is_first = TAILQ_EMPTY(&gather->searches);
	struct search *search = calloc(1, sizeof(*search));
	enum http_status status;

	if (search == NULL)
		return HTTP_INTERNAL_ERROR;
	status = judge(gather, asker, &search->query, body);
	if (status != HTTP_OK) {
		free(search);
		return status;
	}
	search->gather = gather;
	TAILQ_INSERT_TAIL(&gather->searches, search, neighbours);
	if (is_first && !begin(search)) {
		search_free(search);
		return HTTP_INTERNAL_ERROR;
	}
	http_take_ticket(asker, &search->ticket);
	return HTTP_PARTIAL;
}

/* --- life ---------------------------------------------------------------------------------------- */

struct gather *
gather_new(const struct gathered *gathered)
{
	struct gather *gather = calloc(1, sizeof(*gather));

	if (gather == NULL)
		return NULL;
	gather->of = *gathered;
	gather->start = clock_ms();
	TAILQ_INIT(&gather->searches);
	gather->writer = evtimer_new(gathered->base, on_write, gather);
	if (gather->writer != NULL)
		return gather;
	free(gather);
	return NULL;
}

void
gather_stop(struct gather *gather)
{
	struct search *search;

	if (gather == NULL)
		return;
	gather->is_stopped = true;
	event_del(gather->writer);
	for (search = TAILQ_FIRST(&gather->searches); search != NULL;
	    search = TAILQ_NEXT(search, neighbours))
		release_ledgers(search);
}

void
gather_free(struct gather *gather)
{
	struct search *search, *next;

	if (gather == NULL)
		return;
	for (search = TAILQ_FIRST(&gather->searches); search != NULL; search = next) {
		next = TAILQ_NEXT(search, neighbours);
		search_free(search);
	}
	event_free(gather->writer);
	free(gather);
}

void
gather_allow(struct gather *gather, bool is_allowed)
{
	gather->is_allowed = is_allowed;
}
