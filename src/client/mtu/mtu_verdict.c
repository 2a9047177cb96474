/* What was found out about a path: see mtu_verdict.h. */
#include "client/mtu/mtu_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"

typedef unsigned long long ull;

/* --- the limit --------------------------------------------------------------------------- */

static bool
is_found(const struct search *search)
{
	return search->came > 0 && search->failed - search->came == 1;
}

const struct mtu_hop *
mtu_limiting_hop(const struct mtu_found *found)
{
	for (size_t i = 0; i < found->hop_count; i++)
		if (found->hops[i].mtu == found->search.came + found->headers)
			return &found->hops[i];
	return found->told_size == found->search.failed ? found->told_by : NULL;
}

/* Of a stream: a few bytes came back, and of segments that are full nothing. */
static bool
has_stalled(const struct mtu_found *found)
{
	return found->has_segments && found->ending == ENDING_TIMEOUT && found->echoed > 0;
}

enum mtu_limit
mtu_limit(const struct mtu_found *found)
{
	const struct search *search = &found->search;

	if (has_stalled(found))
		return MTU_LIMIT_BLACK_HOLE;
	if (!is_found(search))
		return MTU_LIMIT_UNKNOWN;
	if (search->came == search->most)
		return MTU_LIMIT_DATAGRAM;
	if (search->failed == search->refused)
		return MTU_LIMIT_INTERFACE;
	if (found->cut_size == search->failed)
		return MTU_LIMIT_SERVER;
	if (mtu_limiting_hop(found) != NULL)
		return MTU_LIMIT_HOP;
	return found->fragments == MTU_FRAGMENTS_CAME ? MTU_LIMIT_BLACK_HOLE : MTU_LIMIT_SILENCE;
}

const char *
mtu_limit_word(enum mtu_limit limit)
{
	static const char *const words[] = {
		[MTU_LIMIT_DATAGRAM] = "datagram",
		[MTU_LIMIT_INTERFACE] = "interface",
		[MTU_LIMIT_HOP] = "hop",
		[MTU_LIMIT_SERVER] = "server",
		[MTU_LIMIT_BLACK_HOLE] = "black hole",
		[MTU_LIMIT_SILENCE] = "silence",
	};

	return words[limit];
}

size_t
mtu_of_path(const struct mtu_found *found)
{
	return is_found(&found->search) ? found->search.came + found->headers : 0;
}

/* --- thresholds -------------------------------------------------------------------------- */

bool
mtu_misses_mtu(const struct mtu_options *options, const struct mtu_found *found)
{
	return mtu_of_path(found) < (size_t)options->min_mtu;
}

bool
mtu_misses_mss(const struct mtu_options *options, const struct mtu_found *found)
{
	const unsigned min_mss = (unsigned)options->min_mss;

	return min_mss > 0 && (found->ending != ENDING_DONE || found->segments.there < min_mss ||
	    found->segments.back < min_mss);
}

/* --- what is wrong ------------------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3)))
add(struct mtu_verdict *verdict, const char *format, ...)
{
	va_list args;

	if (verdict->count == MTU_REASONS_MAX)
		return;
	va_start(args, format);
	vsnprintf(verdict->reasons[verdict->count++], MTU_REASON_SIZE, format, args);
	va_end(args);
}

/* Nobody answers, or nobody does any more. */
static void
add_silence(struct mtu_verdict *verdict, const struct mtu_found *found, const char *peer)
{
	if (found->ending == ENDING_REFUSED)
		add(verdict, "nobody listens at %s", peer);
	else if (found->lost != NULL)
		add(verdict, "%s", found->lost);
	else if (found->received + found->echoed == 0)
		add(verdict, "nothing came back");
	else if (found->ending == ENDING_TIMEOUT && !found->has_segments)
		add(verdict, "nothing came back any more");
	if (found->received + found->echoed == 0 && found->stranger != NULL)
		add(verdict, "%s has sent a datagram and was not asked", found->stranger);
	if (verdict->count > 0 && found->trouble != 0 && found->trouble != ECONNREFUSED)
		add(verdict, "%s", strerror(found->trouble));
}

static void
add_unfinished(struct mtu_verdict *verdict, const struct mtu_found *found)
{
	const struct search *search = &found->search;
	const char *what = "";

	if (found->ending == ENDING_DEADLINE)
		what = found->is_spent ? "no more datagrams are sent" : "the deadline came first";
	else if (found->ending == ENDING_INTERRUPTED)
		what = "interrupted";
	else if (search->came == 0 || is_found(search))
		return;
	if (*what != '\0')
		add(verdict, "%s", what);
	if (search->came > 0 && !is_found(search))
		add(verdict, "the longest has %zu to %zu bytes", search->came, search->failed - 1);
}

static void
add_limit(struct mtu_verdict *verdict, const struct mtu_found *found)
{
	const size_t came = found->search.came;

	switch (mtu_limit(found)) {
	case MTU_LIMIT_SERVER:
		add(verdict, "the server cuts datagrams of more than %zu bytes", came);
		break;
	case MTU_LIMIT_BLACK_HOLE:
		if (has_stalled(found))
			add(verdict, "black hole: %llu of %llu bytes came back, no full segments",
			    (ull)found->echoed, (ull)found->asked);
		else
			add(verdict, "black hole: more than %zu bytes vanish in silence", came);
		break;
	case MTU_LIMIT_SILENCE:
		add(verdict, "black hole or server's limit: more than %zu bytes vanish in silence",
		    came);
		break;
	default: /* as it has to be */
		break;
	}
}

static void
add_thresholds(struct mtu_verdict *verdict, const struct mtu_options *options,
    const struct mtu_found *found)
{
	const size_t mtu = mtu_of_path(found);
	const unsigned there = found->segments.there, back = found->segments.back;
	const unsigned min_mss = (unsigned)options->min_mss;

	if (mtu_misses_mtu(options, found) && mtu == 0)
		add(verdict, "mtu is unknown");
	else if (mtu_misses_mtu(options, found))
		add(verdict, "mtu is %zu, less than %ld", mtu, options->min_mtu);
	if (!mtu_misses_mss(options, found))
		return;
	if (found->ending != ENDING_DONE)
		add(verdict, "mss is unknown");
	else if (there < min_mss)
		add(verdict, "mss is %u there, less than %u", there, min_mss);
	else
		add(verdict, "mss is %u back, less than %u", back, min_mss);
}

struct mtu_verdict
mtu_judge(const struct mtu_options *options, const struct mtu_found *found, const char *peer)
{
	struct mtu_verdict verdict = { .status = EXIT_SUCCESS };

	add_silence(&verdict, found, peer);
	add_unfinished(&verdict, found);
	add_limit(&verdict, found);
	if (found->corrupt > 0)
		add(&verdict, "%llu corrupt", (ull)found->corrupt);
	add_thresholds(&verdict, options, found);
	if (verdict.count > 0)
		verdict.status = found->ending == ENDING_REFUSED ? EXIT_USAGE : EXIT_WRONG;
	return verdict;
}
