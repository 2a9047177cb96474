/*
 * How often a size is tried before it is held not to come back: thrice, and where the path loses
 * others too, so often that chance is no explanation.  Pure.
 *
 * Each try goes with a witness, a datagram of a size that comes back: a try whose witness is lost
 * too says nothing of the size.
 */
#ifndef CLIENT_MTU_TRIES_H
#define CLIENT_MTU_TRIES_H

#define TRIES_LEAST 3

/*
 * How many have to fail for certainty where `lost` of `asked` witnesses did not come back: not more
 * than 30.
 */
unsigned tries_for_certainty(unsigned asked, unsigned lost);

#endif
