/* How it ends: see ending.h. */
#include "client/ending.h"

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
	case ERROR_CUT:
		return ENDING_CUT;
	case ERROR_UNGREETED:
		return ENDING_UNGREETED;
	case ERROR_UNSECURED:
		return ENDING_UNSECURED;
	default:
		return ENDING_LOST;
	}
}

const char *
ending_word(enum ending ending)
{
	static const char *const words[] = {
#define X(name, word, status) [ENDING_##name] = (word),
		ENDINGS(X)
#undef X
	};

	return words[ending];
}

int
ending_status(enum ending ending, bool heard)
{
	static const int statuses[] = {
#define X(name, word, status) [ENDING_##name] = (status),
		ENDINGS(X)
#undef X
	};

	return ending == ENDING_REFUSED && heard ? EXIT_WRONG : statuses[ending];
}
