/* Has all workers halt: see park.h. */
#include "daemon/threads/park.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct park {
	void (*parked)(void *owner);
	void *owner;
	size_t halted; /* of this turn */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_wanted; /* under the lock, as is the next */
	uint64_t turn;  /* changes with it: one that is over holds nobody */
	size_t count;
	struct halt {
		struct letter letter; /* carries it to its worker and home */
		struct park *park;
		struct worker *worker;
		struct inbox *home;
		bool is_away; /* not home yet, from an earlier turn perhaps */
		uint64_t turn; /* in which it got there; the worker's while it is away */
	} halts[];
};

static struct halt *
from_letter(struct letter *letter)
{
	return (struct halt *)(void *)((char *)letter - offsetof(struct halt, letter));
}

static void on_home(void *control, struct letter *letter);

/* In the worker's thread.  Once it is posted home the halt is the control thread's again. */
static void
on_halt(void *loop, struct letter *letter)
{
	struct halt *halt = from_letter(letter);
	struct park *park = halt->park;
	uint64_t turn;

	(void)loop;
	pthread_mutex_lock(&park->lock);
	turn = park->turn;
	halt->turn = turn;
	inbox_post(halt->home, letter, on_home);
	while (park->is_wanted && park->turn == turn)
		pthread_cond_wait(&park->changed, &park->lock);
	pthread_mutex_unlock(&park->lock);
}

static void
send_out(struct halt *halt)
{
	halt->is_away = true;
	worker_post(halt->worker, &halt->letter, on_halt);
}

/* One that had gone out for a turn that was over before it got there goes out again. */
static void
on_home(void *control, struct letter *letter)
{
	struct halt *halt = from_letter(letter);
	struct park *park = halt->park;

	(void)control;
	halt->is_away = false;
	if (!park->is_wanted)
		return;
	if (halt->turn != park->turn) {
		send_out(halt);
		return;
	}
	if (++park->halted == park->count)
		park->parked(park->owner);
}

struct park *
park_new(const struct workers *workers, void (*parked)(void *owner), void *owner)
{
	const size_t count = workers_count(workers);
	struct park *park = calloc(1, sizeof(*park) + count * sizeof(struct halt));

	if (park == NULL)
		return NULL;
	pthread_mutex_init(&park->lock, NULL);
	pthread_cond_init(&park->changed, NULL);
	park->parked = parked;
	park->owner = owner;
	park->count = count;
	for (size_t i = 0; i < count; i++) {
		struct worker *worker = workers_get(workers, i);

		park->halts[i].park = park;
		park->halts[i].worker = worker;
		park->halts[i].home = worker_loop(worker)->home;
	}
	return park;
}

void
park_free(struct park *park)
{
	if (park == NULL)
		return;
	pthread_cond_destroy(&park->changed);
	pthread_mutex_destroy(&park->lock);
	free(park);
}

static void
want(struct park *park, bool is_wanted)
{
	pthread_mutex_lock(&park->lock);
	park->is_wanted = is_wanted;
	park->turn++;
	pthread_cond_broadcast(&park->changed);
	pthread_mutex_unlock(&park->lock);
}

void
park_begin(struct park *park)
{
	park->halted = 0;
	want(park, true);
	for (size_t i = 0; i < park->count; i++)
		if (!park->halts[i].is_away)
			send_out(&park->halts[i]);
}

void
park_end(struct park *park)
{
	if (park->is_wanted)
		want(park, false);
}
