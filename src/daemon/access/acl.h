/*
 * The access list: which addresses may talk to echod, and which users by Unix sockets.  Of the
 * prefixes that an address is in, the longest decides.  No sockets and no clock.
 *
 * An access list never changes.  A reload makes another one, and threads that use the
 * old one keep it until they have taken over the new: each has a hold of its own.
 */
#ifndef DAEMON_ACCESS_ACL_H
#define DAEMON_ACCESS_ACL_H

#include <stdbool.h>

#include "net/address.h"
#include "net/lists.h"

struct acl;

/*
 * Makes an access list of these rules, which it does not keep.  An address that is in no prefix
 * is allowed where *allow has none, else denied; so is a user whom no rule is about.  What is in
 * both is denied.  Returns it with one hold, or NULL with errno.
 */
struct acl *acl_new(const struct rule_list *allow, const struct rule_list *deny);

/* From any thread; the last release frees it.  acl_hold() returns `acl`. */
struct acl *acl_hold(struct acl *acl);
void acl_release(struct acl *acl);

/* From any thread that has a hold.  True where no address need be looked up. */
bool acl_allows_all(const struct acl *acl);

/* The same.  The address is not v4-mapped, or it is the peer of a Unix socket: see address.h. */
bool acl_allows(const struct acl *acl, const struct address *address);

#endif
