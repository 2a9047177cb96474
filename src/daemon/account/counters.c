/* The counters' names: see counters.h. */
#include "daemon/account/counters.h"

#include <errno.h>

#define REASON_NAME(id, name) name,

const char *const close_reason_names[] = { CLOSE_REASONS(REASON_NAME) };
const char *const refuse_reason_names[] = { REFUSE_REASONS(REASON_NAME) };
const char *const header_kind_names[] = { HEADER_KINDS(REASON_NAME) };
const char *const handshake_kind_names[] = { HANDSHAKE_KINDS(REASON_NAME) };
const char *const tls_fault_names[] = { TLS_FAULTS(REASON_NAME) };
const char *const drop_reason_names[] = { DROP_REASONS(REASON_NAME) };

const char *
close_reason_name(enum close_reason reason)
{
	return close_reason_names[reason];
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
	return refuse_reason_names[reason];
}

const char *
tls_fault_name(enum tls_fault fault)
{
	return tls_fault_names[fault];
}

const char *
family_value(const struct family *family, size_t index)
{
	if (family->type == FAMILY_HISTOGRAM)
		return index == scale_sum(family->scale) ? "sum" : family->scale->texts[index];
	return family->label != NULL ? family->values[index] : "";
}
