/*
 * Which of several flows lose more than the others.  Pure.
 *
 * Flows that share a bad link are worse together, and there may be several kinds of bad links: so
 * flows are not judged one by one, each against a rest that has other bad ones in it.  Ordered by
 * their loss, they are cut in two where Fisher's exact test of the worse ones against the others
 * says most; its chance is multiplied by the number of ways to choose as many flows, and by that
 * of sizes.  That bounds the chance that any set of flows stands out though all lose alike, however
 * much they lose, and needs no model of how much that is.  Each part is cut again in the same way,
 * so that what is left are levels of flows that lose alike.
 *
 * A flow that is not of the least level is named where it alone, too, loses more than that level: by
 * the same test, its chance multiplied by the number of flows.  Else it is unsure.  The test asks for
 * messages that are lost independently of which flow they are of, which is why ping sends
 * them at random moments: a limit of rate, or a pause of the whole way, must hit all flows alike.
 */
#ifndef CLIENT_MEASURE_SUSPECTS_H
#define CLIENT_MEASURE_SUSPECTS_H

#include <stddef.h>
#include <stdint.h>

#define SUSPECTS_MOST 256

/* The most that the chance of what is named may be, and of what is told as unsure. */
#define SUSPECTS_CHANCE 0.001
#define SUSPECTS_UNSURE 0.05

enum suspicion {
	SUSPECT_NONE,
	SUSPECT_UNSURE,
	SUSPECT_NAMED,
};

struct suspect {
	uint64_t judged, lost; /* messages: what is given */
	size_t level;          /* those of one lose alike; 0: the one that loses least */
	enum suspicion suspicion;
};

struct suspects {
	size_t compared;      /* how many flows there is anything known of */
	size_t named, unsure; /* how many of them are */
	double chance;        /* that flows which are alike look like this, at most: 0 to 1 */
	double visible;       /* where none is named: the least loss that would be; above 1: none */
	double more;          /* messages of each flow: where some are unsure, what it takes yet */
	double needed;        /* the same for a loss that is a hundredth above the others' to be named */
};

/* Judges `count` flows, SUSPECTS_MOST at most, and writes what becomes of each. */
struct suspects suspects_find(struct suspect *flows, size_t count);

/*
 * What the named flows of a level lose together, 0 to 1; of level 0 what all flows do that are not
 * named.
 */
double suspects_loss(const struct suspect *flows, size_t count, size_t level);

#endif
