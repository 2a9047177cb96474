/* How echod does, now: see status_json.h. */
#include "daemon/observe/status_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plural.h"
#include "daemon/listen/kind.h"

/* "2026-11-26T11:00:00Z", and the NUL. */
#define TIME_SIZE 32

/* What a problem says beside the fault of a reload. */
#define PROBLEM_SIZE (STATUS_FAULT_SIZE + 128)

/* An object under way: what does not fit in memory makes all of it worthless. */
struct writing {
	const struct observed *observed;
	bool is_whole;
};

/* Each of these takes over `value`. */

static void
put(struct writing *writing, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) == -1)
		writing->is_whole = false;
}

static void
append(struct writing *writing, json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) == -1)
		writing->is_whole = false;
}

static json_t *
number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Faults quote any byte of a file: what is not UTF-8 is no string of JSON. */
static json_t *
text(const char *value)
{
	json_t *string = json_string(value);
	char ascii[PROBLEM_SIZE];
	size_t i;

	if (string != NULL)
		return string;
	for (i = 0; i < sizeof(ascii) - 1 && value[i] != '\0'; i++)
		if ((unsigned char)(ascii[i] = value[i]) >= 0x80)
			ascii[i] = '?';
	ascii[i] = '\0';
	return json_string(ascii);
}

static json_t *
moment(time_t when)
{
	char shown[TIME_SIZE] = "";
	struct tm utc;

	if (gmtime_r(&when, &utc) != NULL)
		strftime(shown, sizeof(shown), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(shown);
}

/* --- what is wrong ----------------------------------------------------------------------- */

struct acceptance {
	size_t listeners, accepting;
	const char *paused; /* one that does not accept */
};

static bool
accepts(enum protocol protocol, const struct bound_socket *socket)
{
	const struct listener_kind *kind = kind_of(protocol);

	return kind->accepts == NULL || kind->accepts(socket->service);
}

static void
look_at(void *arg, const char *name, enum protocol protocol, const struct bound_socket *socket)
{
	struct acceptance *acceptance = arg;

	acceptance->listeners++;
	if (accepts(protocol, socket))
		acceptance->accepting++;
	else
		acceptance->paused = name;
}

const char *
status_why_not_serving(const struct observed *observed)
{
	struct acceptance acceptance = { .listeners = 0 };

	if (observed->condition->is_draining)
		return "draining";
	listeners_visit(observed->listeners, look_at, &acceptance);
	return acceptance.accepting == 0 ? "no listener accepts" : NULL;
}

static void __attribute__((format(printf, 3, 4)))
add_problem(struct writing *writing, json_t *list, const char *format, ...)
{
	char problem[PROBLEM_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(problem, sizeof(problem), format, args);
	va_end(args);
	append(writing, list, text(problem));
}

static void
add_hung_workers(struct writing *writing, json_t *list)
{
	const struct workers *workers = writing->observed->workers;
	const int64_t now = clock_ms();

	for (size_t i = 0; i < workers_count(workers); i++)
		if (worker_hangs(workers_get(workers, i), now))
			add_problem(writing, list, "worker-%zu hangs", i);
}

static void
add_paused_listener(void *arg, const char *name, enum protocol protocol,
    const struct bound_socket *socket)
{
	void **args = arg;

	if (!accepts(protocol, socket))
		add_problem(args[0], args[1], "%s (%s) accepts no connections: they wait",
		    socket->uri, name);
}

/* The worst first. */
static json_t *
make_problems(struct writing *writing)
{
	const struct observed *observed = writing->observed;
	const struct condition *condition = observed->condition;
	const struct admission *admission = observed->admission;
	json_t *list = json_array();
	void *args[] = { writing, list };

	add_hung_workers(writing, list);
	if (admission->open >= admission->limit && !condition->is_draining)
		add_problem(writing, list, "%llu connection%s open, the limit is %llu",
		    (unsigned long long)admission->open, plural(admission->open),
		    (unsigned long long)admission->limit);
	listeners_visit(observed->listeners, add_paused_listener, args);
	if (*condition->fault != '\0')
		add_problem(writing, list, "the last reload failed: %s", condition->fault);
	if (admission->limit < admission->wanted)
		add_problem(writing, list, "limits.connections is %llu, descriptors suffice for %llu",
		    (unsigned long long)admission->wanted, (unsigned long long)admission->limit);
	return list;
}

/* --- what is counted ------------------------------------------------------------------------ */

/* Of one listener's ledger, or of all. */
struct counted {
	const struct census *census; /* NULL: of the ledger */
	const struct ledger *ledger;
};

static uint64_t
count(const struct counted *of, enum ledger_row_id id, size_t index)
{
	return of->census != NULL ? census_read(of->census, id, index)
	    : ledger_read(of->ledger, id, index);
}

/* Those reasons of which there is something. */
static json_t *
make_reasons(struct writing *writing, const struct counted *of, enum ledger_row_id id)
{
	const struct family *family = &ledger_rows[id].family;
	json_t *object = json_object();

	for (size_t i = 0; i < family->count; i++)
		if (count(of, id, i) > 0)
			put(writing, object, family->values[i], number(count(of, id, i)));
	return object;
}

/* By the word that log and metrics have for it, without "echod_" and "_total". */
static const struct {
	enum ledger_row_id id;
	const char *name;
} counts[] = {
	{ ROW_OPEN, "connections_open" },
	{ ROW_ACCEPTED, "connections_accepted" },
	{ ROW_REFUSED, "connections_refused" },
	{ ROW_CLOSED, "connections_closed" },
	{ ROW_RECEIVED_BYTES, "received_bytes" },
	{ ROW_SENT_BYTES, "sent_bytes" },
	{ ROW_DATAGRAMS_RECEIVED, "datagrams_received" },
	{ ROW_DATAGRAMS_SENT, "datagrams_sent" },
	{ ROW_DATAGRAMS_DROPPED, "datagrams_dropped" },
	{ ROW_TLS_FAULTS, "tls_faults" },
};

static void
put_counts(struct writing *writing, json_t *object, const struct counted *of, unsigned carries)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const struct ledger_row *row = &ledger_rows[counts[i].id];

		if ((row->carried & carries) == 0)
			continue;
		put(writing, object, counts[i].name, row->family.label != NULL
		    ? make_reasons(writing, of, counts[i].id)
		    : number(count(of, counts[i].id, 0)));
	}
}

static json_t *
make_totals(struct writing *writing)
{
	const struct counted all = { .census = writing->observed->census };
	json_t *object = json_object();

	put_counts(writing, object, &all, CARRIES_ANY | CARRIES_TLS);
	return object;
}

/* --- listeners ---------------------------------------------------------------------------- */

struct search {
	const char *name;
	const struct ledger *found;
};

static void
compare(void *arg, struct ledger *ledger)
{
	struct search *search = arg;

	if (strcmp(ledger->name, search->name) == 0)
		search->found = ledger;
}

static json_t *
begin_listener(struct writing *writing, const char *name, enum protocol protocol)
{
	struct search search = { .name = name };
	struct counted of = { .census = NULL };
	json_t *object = json_object();

	put(writing, object, "name", json_string(name));
	put(writing, object, "uris", json_array());
	put(writing, object, "accepting", json_true());
	census_each_ledger(writing->observed->census, compare, &search);
	of.ledger = search.found;
	if (of.ledger != NULL)
		put_counts(writing, object, &of, kind_of(protocol)->carries);
	return object;
}

struct listing {
	struct writing *writing;
	json_t *list;
	const char *name; /* of the last one */
};

/* What has two addresses comes twice in a row. */
static void
add_listener(void *arg, const char *name, enum protocol protocol, const struct bound_socket *socket)
{
	struct listing *listing = arg;
	json_t *object;

	if (listing->name == NULL || strcmp(listing->name, name) != 0)
		append(listing->writing, listing->list,
		    begin_listener(listing->writing, name, protocol));
	listing->name = name;
	object = json_array_get(listing->list, json_array_size(listing->list) - 1);
	append(listing->writing, json_object_get(object, "uris"), json_string(socket->uri));
	if (!accepts(protocol, socket))
		put(listing->writing, object, "accepting", json_false());
}

static json_t *
make_listeners(struct writing *writing)
{
	struct listing listing = { .writing = writing, .list = json_array() };

	listeners_visit(writing->observed->listeners, add_listener, &listing);
	return listing.list;
}

/* --- workers, and the process ----------------------------------------------------------------- */

static json_t *
make_workers(struct writing *writing)
{
	const struct workers *workers = writing->observed->workers;
	const int64_t now = clock_ms();
	json_t *list = json_array();

	for (size_t i = 0; i < workers_count(workers); i++)
		append(writing, list, json_pack("{s:b, s:o}",
		    "hangs", worker_hangs(workers_get(workers, i), now),
		    "connections_open", number(workers_open(workers, i))));
	return list;
}

/* What rooms tell of them, by their names. */
static const struct {
	const char *family, *name;
} of_workers[] = {
	{ "echod_worker_blocked_connections", "blocked_connections" },
	{ "echod_worker_blocked_bytes", "blocked_bytes" },
	{ "echod_worker_heartbeat_age_seconds", "heartbeat_age_seconds" },
	{ "echod_worker_cpu_seconds_total", "cpu_seconds" },
}, of_process[] = {
	{ "process_cpu_seconds_total", "cpu_seconds" },
	{ "process_resident_memory_bytes", "resident_memory_bytes" },
	{ "process_open_fds", "open_fds" },
	{ "process_max_fds", "max_fds" },
};

struct telling {
	struct writing *writing;
	json_t *workers, *process;
};

static json_t *
number_of(const struct census_entry *entry)
{
	double one = 1;

	if (entry->decimals == 0)
		return number(entry->number);
	for (unsigned i = 0; i < entry->decimals; i++)
		one *= 10;
	return json_real((double)entry->number / one);
}

static void
add_entry(void *arg, const struct census_entry *entry)
{
	const struct telling *telling = arg;
	const char *name = entry->family->name;

	for (size_t i = 0; i < sizeof(of_process) / sizeof(of_process[0]); i++)
		if (strcmp(name, of_process[i].family) == 0)
			put(telling->writing, telling->process, of_process[i].name, number_of(entry));
	for (size_t i = 0; i < sizeof(of_workers) / sizeof(of_workers[0]); i++)
		if (strcmp(name, of_workers[i].family) == 0)
			put(telling->writing,
			    json_array_get(telling->workers, strtoul(entry->value, NULL, 10)),
			    of_workers[i].name, number_of(entry));
}

static void
put_rooms(struct writing *writing, json_t *object)
{
	struct telling telling = { writing, make_workers(writing), json_object() };

	census_each(writing->observed->census, add_entry, &telling);
	put(writing, object, "workers", telling.workers);
	put(writing, object, "process", telling.process);
}

/* --- what was ------------------------------------------------------------------------------- */

/* A second, between the last two moments; null where there was one alone. */
static json_t *
make_rates(struct writing *writing)
{
	const struct history *history = writing->observed->history;
	json_t *object = json_object();

	for (size_t i = 0; i < HISTORY_ROW_COUNT; i++) {
		const struct sample *last, *before;

		if (i == HISTORY_OPEN)
			continue;
		if (history_count(history) < 2) {
			put(writing, object, history_row_names[i], json_null());
			continue;
		}
		last = history_get(history, 0);
		before = history_get(history, 1);
		put(writing, object, history_row_names[i],
		    json_real((double)(last->numbers[i] - before->numbers[i]) * 1000.0 /
		        (double)(last->at - before->at)));
	}
	return object;
}

/* A column for each row, the oldest moment first. */
static json_t *
make_history(struct writing *writing)
{
	const struct history *history = writing->observed->history;
	const size_t samples = history_count(history);
	json_t *object = json_object();

	put(writing, object, "every", json_integer(HISTORY_EVERY / 1000));
	for (size_t i = 0; i < HISTORY_ROW_COUNT; i++) {
		json_t *list = json_array();

		for (size_t back = samples; back-- > 0;)
			append(writing, list, number(history_get(history, back)->numbers[i]));
		put(writing, object, history_row_names[i], list);
	}
	return object;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
put_state(struct writing *writing, json_t *object)
{
	const struct condition *condition = writing->observed->condition;
	const char *why = status_why_not_serving(writing->observed);
	const int64_t left = condition->drain_end - clock_ms();

	put(writing, object, "state", json_string(why == NULL ? "serving"
	    : condition->is_draining ? "draining" : "not serving"));
	put(writing, object, "problems", make_problems(writing));
	put(writing, object, "drain_seconds_left", condition->is_draining
	    ? json_integer(left > 0 ? (left + 999) / 1000 : 0) : json_null());
}

static void
put_process(struct writing *writing, json_t *object)
{
	const struct observed *observed = writing->observed;
	const struct condition *condition = observed->condition;

	put(writing, object, "version", json_string(PACKAGE_VERSION));
	put(writing, object, "host", text(observed->admission->host));
	put(writing, object, "pid", json_integer(getpid()));
	put(writing, object, "event_method", json_string(workers_event_method(observed->workers)));
	put(writing, object, "started", moment(condition->started));
	put(writing, object, "service_started", moment(condition->service_started));
	put(writing, object, "configured", moment(condition->configured));
	put(writing, object, "now", moment(time(NULL)));
	put(writing, object, "reload_failed",
	    *condition->fault != '\0' ? moment(condition->failed) : json_null());
	put(writing, object, "connections_limit", number(observed->admission->limit));
}

char *
status_json_make(const struct observed *observed, size_t *length)
{
	struct writing writing = { .observed = observed, .is_whole = true };
	json_t *object = json_object();
	char *made = NULL;

	put_state(&writing, object);
	put_process(&writing, object);
	put(&writing, object, "totals", make_totals(&writing));
	put(&writing, object, "rates", make_rates(&writing));
	put(&writing, object, "listeners", make_listeners(&writing));
	put_rooms(&writing, object);
	put(&writing, object, "history", make_history(&writing));
	if (writing.is_whole)
		made = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(object);
	*length = made != NULL ? strlen(made) : 0;
	return made;
}
