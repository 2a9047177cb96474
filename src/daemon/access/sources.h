/*
 * The books of sources: how many connections each has open, and how fast it opens
 * them.  What a source is: source_name.h.
 *
 * What is kept is bounded.  A source with open connections is kept, and there are no
 * more of those than connections; of the others at most SOURCES_IDLE_MAX are, and
 * those for as long as their past connections count, a second at most.  Where
 * more come in that time, those seen least recently are forgotten, in their favour.
 *
 * The control thread's alone; no sockets and no clock.
 */
#ifndef DAEMON_ACCESS_SOURCES_H
#define DAEMON_ACCESS_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/source_name.h"
#include "net/address.h"

/* Some 1 MiB of them. */
#define SOURCES_IDLE_MAX 16384

struct sources;

enum source_verdict {
	SOURCE_ENTERED,   /* it is in the books: sources_leave() when it closes */
	SOURCE_FULL,      /* it has as many connections open as it may */
	SOURCE_FAST,      /* it opened as many in this second as it may */
	SOURCE_MEMORY,    /* memory ran out */
};

/*
 * Returns books that limit nothing, with a random key of their own, or NULL with errno.
 * sources_free() frees them, with all sources.
 */
struct sources *sources_new(void);
void sources_free(struct sources *sources);

/*
 * From now on a source may have `connections` open, but a loopback address as many as it likes:
 * who comes from there is a proxy for many, or a tool of the host's own; and open `rate` a
 * second, that many at once; 0: no limit.
 */
void sources_set_limits(struct sources *sources, int connections, int rate);

/*
 * A connection from `peer` comes, or one that entered the books goes, at `now`:
 * milliseconds that never go back.
 */
enum source_verdict sources_enter(struct sources *sources, const struct address *peer, int64_t now);
/* The same of one that is nobody's yet but of its proxy, whose rate it does not use up. */
enum source_verdict sources_enter_proxy(struct sources *sources, const struct address *proxy,
    int64_t now);
void sources_leave(struct sources *sources, const struct address *peer, int64_t now);

/* Returns how many connections the source has that has most, and which that is; 0: none has any. */
uint32_t sources_find_most(const struct sources *sources, struct source_name *source);

/* Calls `visit` for each source that has connections open. */
void sources_each_open(const struct sources *sources,
    void (*visit)(void *arg, struct source_name source, uint32_t open), void *arg);

/* --- from one process to another ------------------------------------------------------- */

/*
 * Calls `visit` for each source whose past connections count at `now` (ms): until `paid`, in
 * nanoseconds of the same clock.  Returns 0, or -1 where that does, and stops there.
 */
int sources_pack(const struct sources *sources, int64_t now,
    int (*visit)(void *arg, struct source_name source, int64_t paid), void *arg);

/* Enters such a source, and no connection of it.  Returns false without memory. */
bool sources_adopt(struct sources *sources, struct source_name source, int64_t paid);

/*
 * Enters a connection that another process had admitted, whatever the limits are now: it leaves
 * like any other.  Returns false without memory.
 */
bool sources_adopt_open(struct sources *sources, const struct address *peer);

/* How many sources are kept. */
size_t sources_count(const struct sources *sources);

#endif
