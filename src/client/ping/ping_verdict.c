/* What a run of ping amounts to: see ping_verdict.h. */
#include "client/ping/ping_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/plural.h"
#include "client/ping/ping_summary.h"

typedef unsigned long long ull;

void
ping_verdict_add(struct ping_verdict *verdict, const char *format, ...)
{
	char *reason = verdict->reason;
	const size_t before = strlen(reason), size = sizeof(verdict->reason);
	va_list args;
	int comma = 0;

	if (verdict->status == EXIT_SUCCESS)
		verdict->status = EXIT_WRONG;
	if (before > 0)
		comma = snprintf(reason + before, size - before, ", ");
	if (before + (size_t)comma >= size)
		return;
	va_start(args, format);
	vsnprintf(reason + before + comma, size - before - (size_t)comma, format, args);
	va_end(args);
}

static void
add_count(struct ping_verdict *verdict, uint64_t count, const char *what)
{
	if (count > 0)
		ping_verdict_add(verdict, "%llu %s", (ull)count, what);
}

static void
add_end(struct ping_verdict *verdict, const struct ping_end *end, const char *peer)
{
	if (end->refused)
		ping_verdict_add(verdict, "nobody listens at %s", peer);
	else if (*end->lost != '\0')
		ping_verdict_add(verdict, "%s", end->lost);
}

/* With a threshold of loss, that tells what may be missing and late. */
static void
add_counts(struct ping_verdict *verdict, const struct tally *tally, bool loss_is_limited)
{
	if (!loss_is_limited)
		add_count(verdict, tally->missing, "missing");
	add_count(verdict, tally->corrupt, "corrupt");
	if (!loss_is_limited)
		add_count(verdict, tally->late, "late");
	add_count(verdict, tally->duplicate, "duplicate");
}

static void
add_dscp(struct ping_verdict *verdict, const struct ping_options *options,
    const struct tally *tally)
{
	char text[PING_DSCP_SIZE];

	if (ping_tell_dscp(options, tally, text))
		ping_verdict_add(verdict, "%s", text);
}

/* The deadline must not hide that fewer were judged than were asked for. */
static void
add_what_lacks(struct ping_verdict *verdict, const struct ping_options *options,
    const struct tally *tally, const struct ping_end *end)
{
	const uint64_t judged = tally_judged(tally);

	if (end->ending == ENDING_DEADLINE && judged < options->count)
		ping_verdict_add(verdict, "the deadline came after %llu of %llu message%s", (ull)judged,
		    (ull)options->count, plural(options->count));
	if (tally->received == 0 && *verdict->reason == '\0')
		ping_verdict_add(verdict, "nothing came back");
}

/* Why it may be, where something is. */
static void
add_trouble(struct ping_verdict *verdict, const struct ping_end *end)
{
	if (*verdict->reason != '\0' && end->trouble != 0 && !end->refused)
		ping_verdict_add(verdict, "%s", strerror(end->trouble));
}

struct ping_verdict
ping_judge(const struct ping_options *options, const struct tally *tally,
    const struct ping_end *end, const char *peer)
{
	const struct thresholds *thresholds = &options->thresholds;
	struct ping_verdict verdict = { .reason = "" };
	char text[THRESHOLD_TEXT_SIZE];

	add_end(&verdict, end, peer);
	add_counts(&verdict, tally, thresholds_limit_loss(thresholds));
	for (size_t i = 0; i < thresholds->count; i++)
		if (!threshold_holds(&thresholds->rows[i], tally))
			ping_verdict_add(&verdict, "%s", threshold_tell(&thresholds->rows[i], tally, text));
	add_dscp(&verdict, options, tally);
	add_what_lacks(&verdict, options, tally, end);
	add_trouble(&verdict, end);
	if (*verdict.reason != '\0' && end->refused)
		verdict.status = EXIT_USAGE;
	return verdict;
}
