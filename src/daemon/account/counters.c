/* The counters' names: see counters.h. */
#include "daemon/account/counters.h"

#include <errno.h>

#define REASON_NAME(id, name) name,

const char *
close_reason_name(enum close_reason reason)
{
	static const char *const names[] = { CLOSE_REASONS(REASON_NAME) };

	return names[reason];
}

enum close_reason
close_reason_of(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
	case ENOTCONN: /* shutdown(2) after a reset */
		return CLOSE_RESET;
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return CLOSE_VANISHED;
	case ENOMEM:
	case ENOBUFS:
		return CLOSE_MEMORY;
	default:
		return CLOSE_ERROR;
	}
}

const char *
refuse_reason_name(enum refuse_reason reason)
{
	static const char *const names[] = { REFUSE_REASONS(REASON_NAME) };

	return names[reason];
}

const char *
drop_reason_name(enum drop_reason reason)
{
	static const char *const names[] = { DROP_REASONS(REASON_NAME) };

	return names[reason];
}
