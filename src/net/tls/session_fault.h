/* What OpenSSL's errors mean. */
#ifndef NET_TLS_SESSION_FAULT_H
#define NET_TLS_SESSION_FAULT_H

#include "net/tls/fault.h"

/* The fault that an error of the queue stands for (ERR_peek_error(3)). */
enum tls_fault session_fault_of(unsigned long error);

#endif
