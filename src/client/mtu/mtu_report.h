/*
 * How mtu is told: each size that was tried and what was found as text, all of it as JSON.
 */
#ifndef CLIENT_MTU_MTU_REPORT_H
#define CLIENT_MTU_MTU_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "client/mtu/mtu_options.h"
#include "client/mtu/mtu_verdict.h"
#include "client/transport/channel.h"

/* The head, on stdout; `peer` is its address. */
void mtu_print_start(const struct mtu_options *options, const char *peer,
    const struct channel *channel);

/*
 * A size that came back: after `seconds`, in fragments of `fragment` bytes at most, 0: whole.  Here
 * and below `how` it was tried follows the size, as " again".
 */
void mtu_print_came(const struct mtu_options *options, size_t size, const char *how,
    double seconds, size_t fragment);
/* One that this host has not sent, whose interface takes `mtu` bytes. */
void mtu_print_refused(const struct mtu_options *options, size_t size, unsigned mtu);
/* One that did not come back in `tries`; somebody has said why, or NULL. */
void mtu_print_failed(const struct mtu_options *options, size_t size, const char *how,
    unsigned tries, const struct mtu_hop *hop);
/* One that came back cut. */
void mtu_print_cut(const struct mtu_options *options, size_t size, size_t cut_to);

/* What was found, and what is wrong. */
void mtu_print_summary(const struct mtu_options *options, const struct mtu_found *found,
    const struct mtu_verdict *verdict, double seconds);

/* The fields of the JSON object.  `channel` is NULL where nothing was reached. */
json_t *mtu_fields(const struct mtu_options *options, const struct mtu_found *found,
    const struct channel *channel, double seconds);

#endif
