/* Which sources have most: see busiest.h. */
#include "daemon/observe/peers/busiest.h"

#include <stddef.h>

#include "daemon/account/recent.h"
#include "daemon/observe/peers/ranking.h"

/* In the order of the answer, which is the one in which they are found. */
struct found {
	struct source_name source;
	uint64_t count;
};

/* The first few of all that are shown to it. */
struct podium {
	struct ranking ranking;
	struct found places[BUSIEST_MOST];
};

static void
show(struct podium *podium, struct source_name source, uint64_t count)
{
	struct found *place;

	if (count == 0 || !ranking_wants(&podium->ranking, (int64_t)count))
		return;
	place = ranking_lowest(&podium->ranking);
	if (place == NULL)
		place = &podium->places[podium->ranking.count];
	*place = (struct found){ source, count };
	ranking_add(&podium->ranking, (int64_t)count, place);
}

/* Ends the ranking, of which the lowest comes out first. */
static json_t *
make_list(struct podium *podium)
{
	char name[SOURCE_NAME_TEXT_SIZE];
	json_t *list = json_array();

	while (list != NULL && podium->ranking.count > 0) {
		const struct found *found = ranking_take(&podium->ranking).what;

		if (json_array_insert_new(list, 0, json_pack("{s:s, s:I}",
		    "source", source_name_format(found->source, name),
		    "count", (json_int_t)found->count)) == -1) {
			json_decref(list);
			list = NULL;
		}
	}
	ranking_free(&podium->ranking);
	return list;
}

static void
show_open(void *arg, struct source_name source, uint32_t open)
{
	show(arg, source, open);
}

static json_t *
make_open(const struct sources *sources)
{
	struct podium podium;

	if (!ranking_make(&podium.ranking, BUSIEST_MOST))
		return NULL;
	sources_each_open(sources, show_open, &podium);
	return make_list(&podium);
}

/* --- what happened lately ------------------------------------------------------------------- */

/* Of all listeners together. */
struct lately {
	int64_t now;
	struct vote opened, refused, dropped;
};

static void
add_ledger(void *arg, struct ledger *ledger)
{
	struct lately *lately = arg;

	recent_read(&ledger->opened, lately->now, &lately->opened);
	recent_read(&ledger->turned_away, lately->now, &lately->refused);
	recent_read(&ledger->dropped, lately->now, &lately->dropped);
}

static json_t *
make_lately(const struct vote *vote)
{
	struct podium podium;

	if (!ranking_make(&podium.ranking, BUSIEST_MOST))
		return NULL;
	for (size_t i = 0; i < VOTE_CANDIDATES; i++)
		show(&podium, vote->candidates[i].source, vote->candidates[i].votes);
	return make_list(&podium);
}

json_t *
busiest_make(const struct sources *sources, const struct census *census, int64_t now,
    int64_t start)
{
	struct lately lately = { .now = now };

	census_each_ledger(census, add_ledger, &lately);
	return json_pack("{s:o, s:I, s:o, s:o, s:o}", "open", make_open(sources),
	    "seconds", (json_int_t)(recent_reach(now, start) / 1000),
	    "opened", make_lately(&lately.opened),
	    "refused", make_lately(&lately.refused),
	    "dropped", make_lately(&lately.dropped));
}
