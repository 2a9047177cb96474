/* How mtu is told, as text and as JSON: see mtu_report.h. */
#include "client/mtu/mtu_report.h"

#include <stdio.h>

#include "base/plural.h"
#include "client/report.h"
#include "client/tls/told.h"

typedef unsigned long long ull;

/* --- each step -------------------------------------------------------------------- */

static bool
talks(const struct mtu_options *options)
{
	return !options->quiet && !options->common.json;
}

void
mtu_print_start(const struct mtu_options *options, const char *peer,
    const struct channel *channel)
{
	const bool stream = channel_is_stream(&options->common.wish);

	if (options->common.json)
		return;
	printf("MTU %s (%s): %s\n", options->common.uri, peer,
	    stream ? "segments" : "unfragmented datagrams");
	if (stream)
		told_connected(channel, "");
}

static void
print_size(size_t size, const char *how)
{
	printf("%zu byte%s%s: ", size, plural(size), how);
}

void
mtu_print_came(const struct mtu_options *options, size_t size, const char *how, double seconds,
    size_t fragment)
{
	if (!talks(options))
		return;
	print_size(size, how);
	printf("came back in %.3f ms", seconds * 1000);
	if (fragment > 0)
		printf(", in fragments of %zu bytes", fragment);
	putchar('\n');
}

void
mtu_print_refused(const struct mtu_options *options, size_t size, unsigned mtu)
{
	if (!talks(options))
		return;
	print_size(size, "");
	printf("too long for this host's interface, of MTU %u\n", mtu);
}

/* "192.0.2.2 says that 1400 bytes pass" */
static void
print_hop(const struct mtu_hop *hop)
{
	printf("%s says ", *hop->from != '\0' ? hop->from : "somebody");
	if (hop->mtu > 0)
		printf("MTU %u", hop->mtu);
	else
		fputs("too long, and no MTU", stdout);
}

void
mtu_print_failed(const struct mtu_options *options, size_t size, const char *how,
    unsigned tries, const struct mtu_hop *hop)
{
	if (!talks(options))
		return;
	print_size(size, how);
	printf("lost %u time%s", tries, plural(tries));
	if (hop != NULL) {
		fputs("; ", stdout);
		print_hop(hop);
	}
	putchar('\n');
}

void
mtu_print_cut(const struct mtu_options *options, size_t size, size_t cut_to)
{
	if (!talks(options))
		return;
	print_size(size, "");
	printf("came back cut to %zu\n", cut_to);
}

/* --- all of it --------------------------------------------------------------------- */

/* Which limit it is, where that is no fault. */
static void
print_limit(const struct mtu_found *found)
{
	switch (mtu_limit(found)) {
	case MTU_LIMIT_DATAGRAM:
		puts("the limit is that no datagram can be longer");
		break;
	case MTU_LIMIT_INTERFACE:
		printf("the limit is this host's interface, of MTU %u\n", found->interface_mtu);
		break;
	case MTU_LIMIT_HOP:
		fputs("the limit is on the way: ", stdout);
		print_hop(mtu_limiting_hop(found));
		putchar('\n');
		break;
	default: /* it is among what is wrong, or unknown */
		break;
	}
}

/* What was told besides, and is not the limit. */
static void
print_hops(const struct mtu_found *found)
{
	const struct mtu_hop *limiting = mtu_limiting_hop(found);

	for (size_t i = 0; i < found->hop_count; i++)
		if (&found->hops[i] != limiting) {
			fputs("on the way too: ", stdout);
			print_hop(&found->hops[i]);
			putchar('\n');
		}
}

static void
print_datagrams(const struct mtu_found *found)
{
	const size_t mtu = mtu_of_path(found);

	if (mtu > 0)
		printf("MTU %zu: the longest datagram that came back has %zu bytes\n", mtu,
		    found->search.came);
	print_limit(found);
	print_hops(found);
	if (found->search.changes > 0)
		puts("the path has changed meanwhile, or loses many");
	if (found->reply_fragment > 0)
		printf("the way back is smaller: fragments of %zu bytes\n", found->reply_fragment);
	printf("%llu datagram%s sent, %llu came back", (ull)found->sent, plural(found->sent),
	    (ull)found->received);
}

static void
print_segments(const struct mtu_found *found)
{
	const struct channel_segments *segments = &found->segments;

	if (found->has_segments) {
		printf("segments of %u bytes there", segments->there);
		if (segments->back > 0)
			printf(", %u back", segments->back);
		printf("\npath MTU there %u, as the system knows it; MSS announced %u\n",
		    segments->path, segments->announced);
	}
	printf("%llu of %llu bytes came back", (ull)found->echoed, (ull)found->asked);
}

void
mtu_print_summary(const struct mtu_options *options, const struct mtu_found *found,
    const struct mtu_verdict *verdict, double seconds)
{
	printf("\n--- %s path ---\n", options->common.uri);
	if (channel_is_stream(&options->common.wish))
		print_segments(found);
	else
		print_datagrams(found);
	printf(", time %.0f ms\n", seconds * 1000);
	for (size_t i = 0; i < verdict->count; i++)
		printf("failed: %s\n", verdict->reasons[i]);
}

/* --- JSON ---------------------------------------------------------------------------- */

/* NULL stands for 0, which means unknown. */
static json_t *
number_or_null(size_t number)
{
	return number > 0 ? json_integer((json_int_t)number) : NULL;
}

static json_t *
hops_array(const struct mtu_found *found)
{
	json_t *array = json_array();

	for (size_t i = 0; i < found->hop_count; i++) {
		const struct mtu_hop *hop = &found->hops[i];

		json_array_append_new(array, json_pack("{ss? so?}", "address",
		    *hop->from != '\0' ? hop->from : NULL, "mtu", number_or_null(hop->mtu)));
	}
	return array;
}

static json_t *
segments_object(const struct mtu_found *found)
{
	const struct channel_segments *segments = &found->segments;

	if (!found->has_segments)
		return NULL;
	return json_pack("{so? so? so? so?}", "there", number_or_null(segments->there),
	    "back", number_or_null(segments->back),
	    "announced", number_or_null(segments->announced),
	    "path_mtu", number_or_null(segments->path));
}

/* Those of thresholds alone. */
static json_t *
failed_array(const struct mtu_options *options, const struct mtu_found *found)
{
	json_t *array = json_array();

	if (mtu_misses_mtu(options, found))
		json_array_append_new(array, json_string("mtu"));
	if (mtu_misses_mss(options, found))
		json_array_append_new(array, json_string("mss"));
	return array;
}

static json_t *
found_object(const struct mtu_options *options, const struct mtu_found *found)
{
	const enum mtu_fragments fragments = found->fragments;

	return json_pack("{so? so? so? ss? so so? so? so? si so? so}",
	    "mtu", number_or_null(mtu_of_path(found)),
	    "datagram", number_or_null(found->search.came),
	    "lost_datagram", found->search.failed > found->search.most
	    ? NULL : number_or_null(found->search.failed),
	    "limited_by", mtu_limit_word(mtu_limit(found)), "hops", hops_array(found),
	    "interface_mtu", number_or_null(found->interface_mtu),
	    "fragments", fragments == MTU_FRAGMENTS_UNKNOWN
	    ? NULL : json_boolean(fragments == MTU_FRAGMENTS_CAME),
	    "reply_fragment", number_or_null(found->reply_fragment),
	    "changes", (int)found->search.changes,
	    "segments", segments_object(found), "failed", failed_array(options, found));
}

json_t *
mtu_fields(const struct mtu_options *options, const struct mtu_found *found,
    const struct channel *channel, double seconds)
{
	char address[CHANNEL_TEXT_SIZE], stranger[CHANNEL_TEXT_SIZE];
	const bool stream = channel_is_stream(&options->common.wish);
	const uint64_t strangers = channel != NULL ? channel_strangers(channel, stranger) : 0;
	json_t *results = found_object(options, found);
	json_t *fields = json_pack("{ss? so? so? so? sI sI sI sI ss? sf}",
	    "address", channel != NULL ? channel_peer(channel, address) : NULL, "connect_seconds",
	    channel != NULL && stream ? json_real(channel_connect_seconds(channel)) : NULL,
	    "greeting", channel_greeting_json(channel), "tls", tls_told_json(channel),
	    "sent", (json_int_t)(stream ? found->asked : found->sent),
	    "received", (json_int_t)(stream ? found->echoed : found->received),
	    "corrupt", (json_int_t)found->corrupt, "strangers", (json_int_t)strangers,
	    "stranger", strangers > 0 ? stranger : NULL, "seconds", seconds);

	if (json_object_update(fields, results) == -1) {
		json_decref(fields);
		fields = NULL;
	}
	json_decref(results);
	return fields;
}
