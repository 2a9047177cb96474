/* How the other side ends it: see ending.h. */
#include "client/ending.h"

#include <errno.h>

enum ending
ending_of_error(int error)
{
	switch (error) {
	case 0:
		return ENDING_CLOSED;
	case ECONNRESET:
	case EPIPE:
		return ENDING_RESET;
	case ECONNREFUSED:
		return ENDING_REFUSED;
	default:
		return ENDING_LOST;
	}
}
