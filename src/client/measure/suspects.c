/* Which of several flows lose more than the others: see suspects.h. */
#include "client/measure/suspects.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* What is told of a loss that may be unseen: so much above the others', seen 19 times in 20. */
#define VISIBLE_STEP 0.01
#define NORMAL_95 1.645

/* A term of a sum that is too small to matter. */
#define NEGLIGIBLE 1e-12

/* No run is that long. */
#define MESSAGES_MOST 1e12

/* A set of messages, or a part of it. */
struct part {
	double judged, lost;
};

/* Those that are compared, by their loss, the most first. */
struct order {
	size_t count;
	const struct suspect *flows[SUSPECTS_MOST];
	size_t at[SUSPECTS_MOST];      /* the places of these in what is given */
	bool is_first[SUSPECTS_MOST];  /* of its level */
};

/* --- Fisher's exact test -------------------------------------------------------------- */

static double
log_factorial(double n)
{
	int sign;

	return lgamma_r(n + 1, &sign);
}

static double
log_choose(double n, double k)
{
	return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

/*
 * The logarithm of the chance that a part of so many messages has so many of the lost ones, or more,
 * where it has nothing to do with which are lost.
 */
static double
log_tail(struct part all, struct part part)
{
	const double others = all.judged - part.judged;
	double term = 1, sum = 1, x = part.lost;

	if (part.lost * all.judged <= all.lost * part.judged)
		return 0; /* no more than its share */
	while (x < part.judged && x < all.lost && term > sum * NEGLIGIBLE) {
		term *= (part.judged - x) * (all.lost - x) /
		    ((x + 1) * (others - all.lost + x + 1));
		sum += term;
		x += 1;
	}
	return fmin(0, log_choose(part.judged, part.lost) +
	    log_choose(others, all.lost - part.lost) - log_choose(all.judged, all.lost) + log(sum));
}

/* --- the order, and its cuts -------------------------------------------------------------- */

static bool
loses_less(const struct suspect *a, const struct suspect *b)
{
	return (double)a->lost * (double)b->judged < (double)b->lost * (double)a->judged;
}

/* Flows of which nothing is known are left out. */
static void
order_flows(struct order *order, const struct suspect *flows, size_t count)
{
	order->count = 0;
	for (size_t i = 0; i < count; i++) {
		size_t at = order->count;

		if (flows[i].judged == 0)
			continue;
		for (; at > 0 && loses_less(order->flows[at - 1], &flows[i]); at--) {
			order->flows[at] = order->flows[at - 1];
			order->at[at] = order->at[at - 1];
		}
		order->flows[at] = &flows[i];
		order->at[at] = i;
		order->is_first[order->count] = order->count == 0;
		order->count++;
	}
}

static struct part
sum_up(const struct order *order, size_t from, size_t to)
{
	struct part part = { 0, 0 };

	for (size_t i = from; i < to; i++) {
		part.judged += (double)order->flows[i]->judged;
		part.lost += (double)order->flows[i]->lost;
	}
	return part;
}

static size_t
level_end(const struct order *order, size_t from)
{
	size_t to = from + 1;

	while (to < order->count && !order->is_first[to])
		to++;
	return to;
}

/* What a cut says: how many flows are the worse ones, and the logarithm of its chance. */
struct cut {
	size_t count;
	double log_chance;
};

static double
log_chance_of_set(struct part all, struct part worse, size_t count, size_t chosen)
{
	return fmin(0, log_tail(all, worse) + log_choose((double)count, (double)chosen) +
	    log((double)(count - 1)));
}

/* The cut between `from` and `to` that says most. */
static struct cut
find_cut(const struct order *order, size_t from, size_t to)
{
	const struct part all = sum_up(order, from, to);
	struct part worse = { 0, 0 };
	struct cut best = { 0, 0 };

	for (size_t i = from; i + 1 < to; i++) {
		double log_chance;

		worse.judged += (double)order->flows[i]->judged;
		worse.lost += (double)order->flows[i]->lost;
		log_chance = log_chance_of_set(all, worse, to - from, i + 1 - from);
		if (log_chance < best.log_chance)
			best = (struct cut){ i + 1 - from, log_chance };
	}
	return best;
}

/* Cuts it as long as that says something.  Returns the logarithm of the first one's chance. */
static double
cut_to_levels(struct order *order)
{
	const struct cut first = find_cut(order, 0, order->count);

	for (size_t from = 0; from < order->count;) {
		const size_t to = level_end(order, from);
		const struct cut cut = find_cut(order, from, to);

		if (cut.log_chance <= log(SUSPECTS_CHANCE))
			order->is_first[from + cut.count] = true;
		else
			from = to;
	}
	return first.log_chance;
}

/* --- how many messages it takes -------------------------------------------------------- */

/*
 * How many more messages of each flow it takes until what stands out now does so for sure, if it
 * goes on as it did.
 */
static double
count_more(struct part all, struct part worse, double log_ways, double each)
{
	double low = 1, high = 1;

	do
		high *= 2;
	while (high * each < MESSAGES_MOST &&
	    log_tail((struct part){ all.judged * high, all.lost * high },
	    (struct part){ worse.judged * high, worse.lost * high }) + log_ways >
	    log(SUSPECTS_CHANCE));
	while ((high - low) * each > 1 && high - low > 1e-3) {
		const double middle = (low + high) / 2;
		const double log_chance =
		    log_tail((struct part){ all.judged * middle, all.lost * middle },
		    (struct part){ worse.judged * middle, worse.lost * middle }) + log_ways;

		if (log_chance > log(SUSPECTS_CHANCE))
			low = middle;
		else
			high = middle;
	}
	return fmax(1, ceil((high - 1) * each));
}

/*
 * The least loss of one of `count` flows, with `each` messages, that would be named 19 times in 20
 * where the others lose `loss`.
 */
static double
find_visible(size_t count, double each, double loss)
{
	const double others = each * (double)(count - 1);
	double low = 0, high = floor(each) + 1;

	while (high - low > 1) {
		const double lost = floor((low + high) / 2);
		const struct part all = { others + each, others * loss + lost };

		if (log_chance_of_set(all, (struct part){ each, lost }, count, 1) >
		    log(SUSPECTS_CHANCE))
			low = lost;
		else
			high = lost;
	}
	if (high > each)
		return 2;
	return (high + NORMAL_95 * sqrt(high * (1 - high / each)) + 1) / each;
}

static double
count_needed(size_t count, double loss)
{
	double high = 16, step;

	while (high < MESSAGES_MOST && find_visible(count, high, loss) > loss + VISIBLE_STEP)
		high *= 2;
	step = high / 4;
	while (step >= 1) {
		if (find_visible(count, high - step, loss) <= loss + VISIBLE_STEP)
			high -= step;
		step = floor(step / 2);
	}
	return high;
}

/* --- all of it -------------------------------------------------------------------------- */

static struct part
part_of(const struct suspect *flow)
{
	return (struct part){ (double)flow->judged, (double)flow->lost };
}

static struct part
together(struct part a, struct part b)
{
	return (struct part){ a.judged + b.judged, a.lost + b.lost };
}

/* The logarithm of the chance that a flow is worse than the rest, alone. */
static double
log_chance_of_flow(const struct order *order, size_t i, struct part rest)
{
	const struct part own = part_of(order->flows[i]);

	return fmin(0, log_tail(together(rest, own), own) + log((double)order->count));
}

/* The first one of the least level, which all before are worse than; their levels are written. */
static size_t
number_levels(const struct order *order, struct suspect *flows)
{
	size_t least = order->count, level = 0;

	while (!order->is_first[--least])
		;
	for (size_t i = least; i-- > 0;) {
		level += order->is_first[i + 1];
		flows[order->at[i]].level = level;
		flows[order->at[i]].suspicion = SUSPECT_NAMED;
	}
	return least;
}

/*
 * Of the flows that are worse, those stay named that are so alone, too.  The others join the rest,
 * and what stays named has to differ from that all the more: the least level, where the lucky flows
 * are, makes too much of a difference by itself.  Returns the rest.
 */
static struct part
check_named(const struct order *order, struct suspect *flows, size_t least)
{
	struct part rest = sum_up(order, least, order->count);
	bool changed;

	do {
		changed = false;
		for (size_t i = 0; i < least; i++) {
			struct suspect *flow = &flows[order->at[i]];

			if (flow->suspicion != SUSPECT_NAMED ||
			    log_chance_of_flow(order, i, rest) <= log(SUSPECTS_CHANCE))
				continue;
			flow->suspicion = SUSPECT_UNSURE;
			rest = together(rest, part_of(flow));
			changed = true;
		}
	} while (changed);
	return rest;
}

/* What the books come to. */
static void
count_suspects(const struct order *order, const struct suspect *flows, size_t least,
    struct part rest, struct suspects *result)
{
	for (size_t i = 0; i < least; i++) {
		const struct suspect *flow = &flows[order->at[i]];
		const struct part own = part_of(flow);

		if (flow->suspicion == SUSPECT_NAMED) {
			result->named++;
			result->chance =
			    fmax(result->chance, exp(log_chance_of_flow(order, i, rest)));
		} else {
			result->unsure++;
			result->more = fmax(result->more,
			    count_more(rest, own, log((double)order->count), own.judged));
		}
	}
}

/* The least level, or the only one: some of it may be worse yet. */
static void
judge_least(const struct order *order, struct suspect *flows, size_t least,
    struct suspects *result)
{
	const struct cut cut = find_cut(order, least, order->count);
	const struct part all = sum_up(order, least, order->count);
	const struct part worse = sum_up(order, least, least + cut.count);

	if (cut.log_chance > log(SUSPECTS_UNSURE))
		return;
	for (size_t i = least; i < least + cut.count; i++)
		flows[order->at[i]].suspicion = SUSPECT_UNSURE;
	result->unsure += cut.count;
	result->more = fmax(result->more, count_more(all, worse,
	    cut.log_chance - log_tail(all, worse), all.judged / (double)(order->count - least)));
}

/* Where none is named: what would be. */
static void
find_limits(const struct order *order, struct suspects *result)
{
	const struct part all = sum_up(order, 0, order->count);
	const double loss = all.lost / all.judged;

	if (result->named > 0 || all.lost == all.judged)
		return;
	result->visible = find_visible(order->count, all.judged / (double)order->count, loss);
	result->needed = count_needed(order->count, loss);
}

struct suspects
suspects_find(struct suspect *flows, size_t count)
{
	struct suspects result = { .chance = 1, .visible = 2 };
	struct order order;
	size_t least;

	for (size_t i = 0; i < count; i++) {
		flows[i].level = 0;
		flows[i].suspicion = SUSPECT_NONE;
	}
	order_flows(&order, flows, count);
	result.compared = order.count;
	if (order.count < 2)
		return result;
	result.chance = fmax(exp(cut_to_levels(&order)), DBL_MIN);
	least = number_levels(&order, flows);
	count_suspects(&order, flows, least, check_named(&order, flows, least), &result);
	judge_least(&order, flows, least, &result);
	find_limits(&order, &result);
	return result;
}

double
suspects_loss(const struct suspect *flows, size_t count, size_t level)
{
	struct part part = { 0, 0 };

	for (size_t i = 0; i < count; i++) {
		const bool is_named = flows[i].suspicion == SUSPECT_NAMED;

		if (level == 0 ? is_named : !is_named || flows[i].level != level)
			continue;
		part.judged += (double)flows[i].judged;
		part.lost += (double)flows[i].lost;
	}
	return part.judged > 0 ? part.lost / part.judged : 0;
}
