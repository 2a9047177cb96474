/* The counters' names: see counters.h. */
#include "daemon/counters.h"

#define REASON_NAME(id, name) name,

const char *
close_reason_name(enum close_reason reason)
{
	static const char *const names[] = { CLOSE_REASONS(REASON_NAME) };

	return names[reason];
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
