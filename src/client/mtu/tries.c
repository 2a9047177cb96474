/* How often a size is tried: see tries.h. */
#include "client/mtu/tries.h"

/* That all of them are lost by chance is less likely. */
#define CHANCE 0.0001

#define TRIES_MOST 30

unsigned
tries_for_certainty(unsigned asked, unsigned lost)
{
	const double loss = asked > 0 ? (double)lost / (double)asked : 0;
	double chance = 1;
	unsigned count = 0;

	while (count < TRIES_LEAST || (chance > CHANCE && count < TRIES_MOST)) {
		chance *= loss;
		count++;
	}
	return count;
}
