/*
 * How many descriptors this process may have.
 */
#ifndef CLIENT_DESCRIPTORS_H
#define CLIENT_DESCRIPTORS_H

#include <stddef.h>

/*
 * Raises the limit as far as it goes.  Returns 0, or, where that is below `needed`, how many there
 * may be.
 */
size_t descriptors_prepare(size_t needed);

#endif
