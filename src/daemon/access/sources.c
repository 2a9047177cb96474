/*
 * The books of sources: see sources.h.
 *
 * A hash table with chains.  Its hash has a random key: nobody can choose sources that
 * all meet in one chain.
 */
#include "daemon/access/sources.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/gcra.h"

#define MILLISECOND INT64_C(1000000)

#define BUCKETS_AT_FIRST 64

struct source {
	struct source *next; /* in its chain */
	TAILQ_ENTRY(source) idle_entry;
	uint64_t bits; /* its name */
	int64_t paid;  /* ns: until when its connections so far have used up its rate */
	uint32_t open;
	uint8_t kind; /* of its name */
};

/* The allocator adds up to 16. */
_Static_assert(sizeof(struct source) <= 48, "a source takes at most 64 bytes");

struct sources {
	uint64_t key[2];
	uint32_t connections; /* 0: no limit */
	int64_t cost;         /* ns that a connection costs its source's rate; 0: no limit */
	struct source **buckets;
	size_t bucket_count; /* 0 or a power of two */
	size_t count, idle_count;
	TAILQ_HEAD(source_list, source) idle; /* without open connections, the longest so first */
};

/* --- the table --------------------------------------------------------------------------- */

static struct source **
chain_of(const struct sources *sources, struct source_name name)
{
	return &sources->buckets[source_name_hash(sources->key, name) & (sources->bucket_count - 1)];
}

static struct source_name
name_of(const struct source *source)
{
	const struct source_name name = { source->bits, source->kind };

	return name;
}

static struct source *
find(const struct sources *sources, struct source_name name)
{
	struct source *source;

	if (sources->bucket_count == 0)
		return NULL;
	source = *chain_of(sources, name);
	while (source != NULL && !source_name_equal(name_of(source), name))
		source = source->next;
	return source;
}

/* Where memory lacks for more chains, those that there are grow longer. */
static void
grow(struct sources *sources)
{
	struct source **before = sources->buckets;
	const size_t count = sources->bucket_count;
	const size_t more = count == 0 ? BUCKETS_AT_FIRST : count * 2;
	struct source **buckets = calloc(more, sizeof(struct source *));

	if (buckets == NULL)
		return;
	sources->buckets = buckets;
	sources->bucket_count = more;
	for (size_t i = 0; i < count; i++)
		for (struct source *source = before[i], *next; source != NULL; source = next) {
			struct source **chain = chain_of(sources, name_of(source));

			next = source->next;
			source->next = *chain;
			*chain = source;
		}
	free(before);
}

/* Returns NULL when memory ran out. */
static struct source *
add(struct sources *sources, struct source_name name)
{
	struct source *source, **chain;

	if (sources->count >= sources->bucket_count)
		grow(sources);
	if (sources->bucket_count == 0 || (source = calloc(1, sizeof(*source))) == NULL)
		return NULL;
	source->bits = name.bits;
	source->kind = (uint8_t)name.kind;
	chain = chain_of(sources, name);
	source->next = *chain;
	*chain = source;
	sources->count++;
	return source;
}

/* It has no open connection and is not among the idle. */
static void
forget(struct sources *sources, struct source *source)
{
	struct source **at = chain_of(sources, name_of(source));

	while (*at != source)
		at = &(*at)->next;
	*at = source->next;
	sources->count--;
	free(source);
}

/* --- sources without open connections ----------------------------------------------------- */

static void
take_from_idle(struct sources *sources, struct source *source)
{
	TAILQ_REMOVE(&sources->idle, source, idle_entry);
	sources->idle_count--;
}

/* Two at a time keep up with one that comes. */
static void
forget_idle(struct sources *sources, int64_t now)
{
	struct source *source;

	for (int i = 0; i < 2 && (source = TAILQ_FIRST(&sources->idle)) != NULL; i++) {
		/* The analyzer does not see that the one before has left the list. */
		if (source->paid > now && /* NOLINT(clang-analyzer-unix.Malloc) */
		    sources->cost != 0 && sources->idle_count <= SOURCES_IDLE_MAX)
			return;
		take_from_idle(sources, source);
		forget(sources, source);
	}
}

/* --- entering and leaving ------------------------------------------------------------------ */

static enum source_verdict
judge(const struct sources *sources, const struct source *source, const struct address *peer,
    int64_t cost, int64_t now)
{
	if (sources->connections != 0 && source->open >= sources->connections &&
	    !address_is_loopback(peer))
		return SOURCE_FULL;
	if (cost != 0 && !gcra_allows(source->paid, cost, GCRA_SECOND, now))
		return SOURCE_FAST;
	return SOURCE_ENTERED;
}

/* `cost` is what it takes of its rate: ns. */
static enum source_verdict
enter(struct sources *sources, const struct address *peer, int64_t cost, int64_t now)
{
	const struct source_name name = source_name(peer);
	enum source_verdict verdict;
	struct source *found;

	now *= MILLISECOND;
	found = find(sources, name);
	if (found != NULL && (verdict = judge(sources, found, peer, cost, now)) != SOURCE_ENTERED)
		return verdict;
	if (found == NULL)
		found = add(sources, name);
	else if (found->open == 0)
		take_from_idle(sources, found);
	if (found == NULL)
		return SOURCE_MEMORY;
	found->open++;
	if (cost != 0)
		found->paid = gcra_pay(found->paid, cost, now);
	forget_idle(sources, now);
	return SOURCE_ENTERED;
}

enum source_verdict
sources_enter(struct sources *sources, const struct address *peer, int64_t now)
{
	return enter(sources, peer, sources->cost, now);
}

enum source_verdict
sources_enter_proxy(struct sources *sources, const struct address *proxy, int64_t now)
{
	return enter(sources, proxy, 0, now);
}

void
sources_leave(struct sources *sources, const struct address *peer, int64_t now)
{
	struct source *source = find(sources, source_name(peer));

	if (source == NULL || --source->open > 0)
		return;
	now *= MILLISECOND;
	if (source->paid <= now || sources->cost == 0) {
		forget(sources, source);
	} else {
		TAILQ_INSERT_TAIL(&sources->idle, source, idle_entry);
		sources->idle_count++;
	}
	forget_idle(sources, now);
}

/* --- from one process to another ------------------------------------------------------------ */

int
sources_pack(const struct sources *sources, int64_t now,
    int (*visit)(void *arg, struct source_name source, int64_t paid), void *arg)
{
	for (size_t i = 0; i < sources->bucket_count; i++)
		for (const struct source *source = sources->buckets[i]; source != NULL;
		     source = source->next)
			if (source->paid > now * MILLISECOND &&
			    visit(arg, name_of(source), source->paid) == -1)
				return -1;
	return 0;
}

/* It may be there.  Returns NULL without memory. */
static struct source *
find_or_add(struct sources *sources, struct source_name name)
{
	struct source *source = find(sources, name);

	if (source != NULL)
		return source;
	source = add(sources, name);
	if (source != NULL) {
		TAILQ_INSERT_TAIL(&sources->idle, source, idle_entry);
		sources->idle_count++;
	}
	return source;
}

bool
sources_adopt(struct sources *sources, struct source_name name, int64_t paid)
{
	struct source *source = find_or_add(sources, name);

	if (source != NULL)
		source->paid = paid;
	return source != NULL;
}

bool
sources_adopt_open(struct sources *sources, const struct address *peer)
{
	struct source *source = find_or_add(sources, source_name(peer));

	if (source == NULL)
		return false;
	if (source->open++ == 0)
		take_from_idle(sources, source);
	return true;
}

/* --- life ----------------------------------------------------------------------------------- */

struct sources *
sources_new(void)
{
	struct sources *sources = calloc(1, sizeof(*sources));

	if (sources == NULL)
		return NULL;
	TAILQ_INIT(&sources->idle);
	if (getrandom(sources->key, sizeof(sources->key), 0) == (ssize_t)sizeof(sources->key))
		return sources;
	free(sources);
	return NULL;
}

void
sources_free(struct sources *sources)
{
	if (sources == NULL)
		return;
	for (size_t i = 0; i < sources->bucket_count; i++)
		for (struct source *source = sources->buckets[i], *next; source != NULL; source = next) {
			next = source->next;
			free(source);
		}
	free(sources->buckets);
	free(sources);
}

void
sources_set_limits(struct sources *sources, int connections, int rate)
{
	sources->connections = (uint32_t)connections;
	sources->cost = gcra_cost(rate);
}

void
sources_each_open(const struct sources *sources,
    void (*visit)(void *arg, struct source_name source, uint32_t open), void *arg)
{
	for (size_t i = 0; i < sources->bucket_count; i++)
		for (const struct source *source = sources->buckets[i]; source != NULL;
		     source = source->next)
			if (source->open > 0)
				visit(arg, name_of(source), source->open);
}

struct most {
	struct source_name *source;
	uint32_t open;
};

static void
look_for_most(void *arg, struct source_name source, uint32_t open)
{
	struct most *most = arg;

	if (open <= most->open)
		return;
	most->open = open;
	*most->source = source;
}

uint32_t
sources_find_most(const struct sources *sources, struct source_name *source)
{
	struct most most = { .source = source };

	sources_each_open(sources, look_for_most, &most);
	return most.open;
}

size_t
sources_count(const struct sources *sources)
{
	return sources->count;
}
