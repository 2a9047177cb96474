/*
 * A message of the log, packed, and what printf(3) makes of the same: for the unit test and the
 * harness of log_message.
 */
#ifndef TESTS_PACKING_H
#define TESTS_PACKING_H

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "base/log_message.h"

static struct log_message message = {
	.when = { .tv_sec = 1795675118, .tv_nsec = 123987654 },
	.level = LOG_INFO,
};
static char packed[LOG_MESSAGE_SIZE], printed[1 << 16];

static void __attribute__((format(printf, 1, 2)))
pack(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_message_pack(&message, packed, format, args);
	va_end(args);
	va_start(args, format);
	vsnprintf(printed, sizeof(printed), format, args);
	va_end(args);
}

#endif
