/* The flows of ping --flows: see ping_flows.h. */
#include "client/ping/ping_flows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "client/ping/ping_summary.h"

/* What it makes no sense to tell more of: one in so many, and messages. */
#define RARE 1e9
#define MANY 1e9

/* Which of them a list names. */
struct choice {
	enum { UNREACHED, SUSPECTED } kind;
	enum suspicion suspicion;
	size_t level; /* 0: any */
};

static bool
is_chosen(const struct ping_flows *flows, size_t i, const struct choice *choice)
{
	const struct suspect *suspect = &flows->suspects[i];

	if (choice->kind == UNREACHED)
		return flows->rows[i].port == 0;
	return suspect->suspicion == choice->suspicion &&
	    (choice->level == 0 || suspect->level == choice->level);
}

void
ping_flows_judge(struct ping_flows *flows)
{
	flows->unreached = 0;
	for (size_t i = 0; i < flows->count; i++) {
		const struct ping_flow *row = &flows->rows[i];

		flows->unreached += row->port == 0;
		flows->suspects[i] = (struct suspect){
			.judged = tally_judged(row->tally),
			.lost = row->tally->missing + row->tally->spoilt,
		};
	}
	flows->found = suspects_find(flows->suspects, flows->count);
}

/* --- text ----------------------------------------------------------------------------- */

void
ping_flows_print_table(const struct ping_flows *flows, FILE *stream)
{
	fputs("flow   port      sent  received    loss     rtt min/avg/max ms\n", stream);
	for (size_t i = 0; i < flows->count; i++) {
		const struct tally *tally = flows->rows[i].tally;
		const struct summary s = samples_summarise(&tally->rtt);

		fprintf(stream, "%4zu  %5u  %8llu  %8llu", i + 1, (unsigned)flows->rows[i].port,
		    (unsigned long long)tally->sent, (unsigned long long)tally->received);
		ping_print_loss(tally_loss(tally), stream);
		if (tally->rtt.count > 0)
			fprintf(stream, "    %.3f/%.3f/%.3f", s.min * 1000, s.avg * 1000,
			    s.max * 1000);
		fputc('\n', stream);
	}
}

static size_t
count_chosen(const struct ping_flows *flows, const struct choice *choice)
{
	size_t count = 0;

	for (size_t i = 0; i < flows->count; i++)
		count += is_chosen(flows, i, choice);
	return count;
}

/* "flows 3, 7 and 11" */
static void
print_list(const struct ping_flows *flows, const struct choice *choice, FILE *stream)
{
	const size_t count = count_chosen(flows, choice);
	size_t seen = 0;

	fprintf(stream, "flow%s", plural(count));
	for (size_t i = 0; i < flows->count; i++) {
		if (!is_chosen(flows, i, choice))
			continue;
		fprintf(stream, "%s %zu", seen == 0 ? "" : seen + 1 == count ? " and" : ",", i + 1);
		seen++;
	}
}

static void
print_part(double loss, FILE *stream)
{
	if (loss == 0)
		fputs("none", stream);
	else if (loss == 1)
		fputs("all", stream);
	else
		fprintf(stream, "%.2g%%", loss * 100);
}

/* "flows 3 and 11 of 16 lose 8%, flow 5 all, the others none". */
static void
print_named(const struct ping_flows *flows, FILE *stream)
{
	bool is_first = true;

	for (size_t level = flows->count; level > 0; level--) {
		const struct choice choice = { SUSPECTED, SUSPECT_NAMED, level };
		const size_t count = count_chosen(flows, &choice);

		if (count == 0)
			continue;
		if (!is_first)
			fputs(", ", stream);
		print_list(flows, &choice, stream);
		if (is_first)
			fprintf(stream, " of %zu lose%s", flows->count, count == 1 ? "s" : "");
		fputc(' ', stream);
		print_part(suspects_loss(flows->suspects, flows->count, level), stream);
		is_first = false;
	}
	fputs(", the others ", stream);
	print_part(suspects_loss(flows->suspects, flows->count, 0), stream);
}

static void
print_unreached(const struct ping_flows *flows, FILE *stream)
{
	const struct choice choice = { UNREACHED, SUSPECT_NONE, 0 };

	print_list(flows, &choice, stream);
	fprintf(stream, " of %zu %s not reached", flows->count,
	    flows->unreached == 1 ? "was" : "were");
}

/* How sure that is. */
static void
print_chance(double chance, FILE *stream)
{
	const double one_in = chance > 0 ? pow(10, floor(-log10(chance))) : RARE;

	fprintf(stream, "(were they alike, less than 1 run in %.0f would look so)\n",
	    one_in < RARE ? one_in : RARE);
}

static void
print_unsure(const struct ping_flows *flows, FILE *stream)
{
	const struct choice choice = { SUSPECTED, SUSPECT_UNSURE, 0 };

	print_list(flows, &choice, stream);
	fputs(" may be worse than the others", stream);
	if (flows->found.more < MANY)
		fprintf(stream, ": about %.0f more messages of each would tell", flows->found.more);
	fputc('\n', stream);
}

static void
print_alike(const struct ping_flows *flows, FILE *stream)
{
	const double loss = suspects_loss(flows->suspects, flows->count, 0);

	fprintf(stream, "all %zu flows alike: ", flows->found.compared);
	print_part(loss, stream);
	fputs(loss == 1 ? " is lost\n" : " lost\n", stream);
}

/* What would have been named. */
static void
print_limits(const struct suspects *found, FILE *stream)
{
	if (found->visible <= 1)
		fprintf(stream, "(one that loses %.2g%% would have been named", found->visible * 100);
	else
		fputs("(too few messages to name any", stream);
	if (found->needed < MANY)
		fprintf(stream, "; for 1%% more than\nthe others it takes %.0f of each",
		    found->needed);
	fputs(")\n", stream);
}

void
ping_flows_print(const struct ping_flows *flows, FILE *stream)
{
	const struct suspects *found = &flows->found;

	if (flows->unreached > 0) {
		print_unreached(flows, stream);
		fputc('\n', stream);
	}
	if (found->named > 0) {
		print_named(flows, stream);
		fputc('\n', stream);
		print_chance(found->chance, stream);
	}
	if (found->unsure > 0)
		print_unsure(flows, stream);
	else if (found->named == 0 && found->compared > 1)
		print_alike(flows, stream);
	if (found->named == 0 && found->needed > 0)
		print_limits(found, stream);
}

char *
ping_flows_fault(const struct ping_flows *flows)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	if (flows->unreached > 0)
		print_unreached(flows, stream);
	if (flows->unreached > 0 && flows->found.named > 0)
		fputs(", ", stream);
	if (flows->found.named > 0)
		print_named(flows, stream);
	if (fclose(stream) == EOF) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- JSON ------------------------------------------------------------------------------- */

json_t *
ping_flows_array(const struct ping_flows *flows)
{
	static const char *const words[] = {
		[SUSPECT_NONE] = "alike",
		[SUSPECT_UNSURE] = "unsure",
		[SUSPECT_NAMED] = "worse",
	};
	json_t *array = json_array();

	for (size_t i = 0; i < flows->count; i++) {
		const struct tally *tally = flows->rows[i].tally;
		const char *verdict = words[flows->suspects[i].suspicion];

		json_array_append_new(array, json_pack("{sI si sI sI sI sI so? so? ss?}",
		    "flow", (json_int_t)i + 1, "port", (int)flows->rows[i].port,
		    "sent", (json_int_t)tally->sent, "received", (json_int_t)tally->received,
		    "missing", (json_int_t)tally->missing, "late", (json_int_t)tally->late,
		    "loss", json_real(tally_loss(tally)),
		    "rtt_seconds", ping_rtt_object(&tally->rtt),
		    "verdict", tally_judged(tally) > 0 ? verdict : NULL));
	}
	return array;
}

static json_t *
list_array(const struct ping_flows *flows, enum suspicion suspicion)
{
	const struct choice choice = { SUSPECTED, suspicion, 0 };
	json_t *array = json_array();

	for (size_t i = 0; i < flows->count; i++)
		if (is_chosen(flows, i, &choice))
			json_array_append_new(array, json_integer((json_int_t)i + 1));
	return array;
}

json_t *
ping_flows_verdict(const struct ping_flows *flows)
{
	const struct suspects *found = &flows->found;
	const bool is_unsure = found->unsure > 0 && found->more < MANY;

	return json_pack("{so so sf so? so? so?}", "worse", list_array(flows, SUSPECT_NAMED),
	    "unsure", list_array(flows, SUSPECT_UNSURE), "chance", found->chance,
	    "visible_loss", found->visible <= 1 ? json_real(found->visible) : NULL,
	    "messages_more", is_unsure ? json_integer((json_int_t)found->more) : NULL,
	    "messages_needed", found->needed > 0 && found->needed < MANY ?
	    json_integer((json_int_t)found->needed) : NULL);
}
