/* When bytes arrived, as the kernel stamps them: see SO_TIMESTAMPNS in socket(7). */
#ifndef CLIENT_TRANSPORT_ARRIVAL_H
#define CLIENT_TRANSPORT_ARRIVAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * As recv(2).  *when, unless it is NULL, is the timing_now() at which the last byte arrived,
 * by the kernel's stamp where `fd` has them, else that of the call.
 */
ssize_t arrival_receive(int fd, void *data, size_t size, int64_t *when);

#endif
