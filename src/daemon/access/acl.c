/*
 * The access list: see acl.h.
 *
 * Prefixes are one within the other or apart, so they cut the addresses of a family into
 * spans with one verdict each.  A lookup is a binary search for the span: some
 * thirteen steps in a few pages of memory for the longest lists.
 */
#include "daemon/access/acl.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_SIZE 16

/* Of prefixes that are one within the other, and each twice. */
#define NESTED_MAX (2 * 129)

/* From here to the next span. */
struct span {
	uint8_t first[ADDRESS_SIZE];
	bool allowed;
};

/* The spans of one family, in order; the first begins at 0. */
struct family {
	struct span *spans;
	size_t count;
};

/* What is said of one user. */
struct user {
	uid_t uid;
	bool allowed;
};

struct acl {
	atomic_uint holders;
	bool allowed_otherwise;
	struct family families[2]; /* IPv4, IPv6 */
	bool users_otherwise;
	/* user_count of them, by uid; of the same two the one that denies is first. */
	struct user *users;
	size_t user_count;
};

/* --- making one ---------------------------------------------------------------------- */

struct prefix_rule {
	const struct prefix *prefix;
	bool allowed;
};

/* An outer prefix comes before those within it; of the same two the one that denies is last. */
static int
compare_rules(const void *a, const void *b)
{
	const struct prefix_rule *x = a, *y = b;
	const int order = memcmp(x->prefix->bits, y->prefix->bits, ADDRESS_SIZE);

	if (order != 0)
		return order;
	if (x->prefix->length != y->prefix->length)
		return x->prefix->length - y->prefix->length;
	return y->allowed - x->allowed;
}

/* Sets *next to the first address behind the prefix; returns false at the end of all. */
static bool
find_end(const struct prefix *prefix, uint8_t next[ADDRESS_SIZE])
{
	int bit = prefix->length - 1;

	memcpy(next, prefix->bits, ADDRESS_SIZE);
	/* One more in the prefix's last bit, with the carry. */
	for (; bit >= 0; bit--) {
		next[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		if ((next[bit / 8] & (0x80 >> bit % 8)) != 0)
			return true;
	}
	return false;
}

/* What was said of this address before is said of none. */
static void
add_span(struct family *family, const uint8_t first[ADDRESS_SIZE], bool allowed)
{
	struct span *last = family->count > 0 ? &family->spans[family->count - 1] : NULL;

	if (last == NULL || memcmp(last->first, first, ADDRESS_SIZE) != 0)
		last = &family->spans[family->count++];
	memcpy(last->first, first, ADDRESS_SIZE);
	last->allowed = allowed;
}

/* A walk over sorted rules: those that the place it has come to is within. */
struct walk {
	const struct prefix_rule *open[NESTED_MAX];
	size_t depth;
	bool otherwise;
};

/* Ends the innermost: behind it the one around it goes on. */
static void
close_innermost(struct walk *walk, struct family *family)
{
	uint8_t next[ADDRESS_SIZE];
	const struct prefix_rule *closed = walk->open[--walk->depth];

	if (find_end(closed->prefix, next))
		add_span(family, next,
		    walk->depth > 0 ? walk->open[walk->depth - 1]->allowed : walk->otherwise);
}

static bool
covers(const struct prefix *outer, const struct prefix *inner)
{
	uint8_t next[ADDRESS_SIZE];

	return !find_end(outer, next) || memcmp(inner->bits, next, ADDRESS_SIZE) < 0;
}

static void
make_spans(struct family *family, const struct prefix_rule *rules, size_t count, bool otherwise)
{
	static const uint8_t zero[ADDRESS_SIZE];
	struct walk walk = { .otherwise = otherwise };

	add_span(family, zero, otherwise);
	for (size_t i = 0; i < count; i++) {
		while (walk.depth > 0 &&
		    !covers(walk.open[walk.depth - 1]->prefix, rules[i].prefix))
			close_innermost(&walk, family);
		add_span(family, rules[i].prefix->bits, rules[i].allowed);
		walk.open[walk.depth++] = &rules[i];
	}
	while (walk.depth > 0)
		close_innermost(&walk, family);
}

static size_t
add_rules(struct prefix_rule *rules, const struct rule_list *list, bool is_ipv6, bool allowed)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!list->items[i].is_user && list->items[i].prefix.is_ipv6 == is_ipv6)
			rules[count++] = (struct prefix_rule){ &list->items[i].prefix, allowed };
	return count;
}

/* Returns false when memory ran out. */
static bool
make_family(struct acl *acl, bool is_ipv6, const struct rule_list *allow,
    const struct rule_list *deny)
{
	const size_t most = allow->count + deny->count;
	struct family *family = &acl->families[is_ipv6];
	struct prefix_rule *rules = calloc(most + 1, sizeof(*rules));
	size_t count;

	family->spans = calloc(2 * most + 1, sizeof(*family->spans));
	if (rules == NULL || family->spans == NULL) {
		free(rules);
		return false;
	}
	count = add_rules(rules, allow, is_ipv6, true);
	count += add_rules(rules + count, deny, is_ipv6, false);
	qsort(rules, count, sizeof(*rules), compare_rules);
	make_spans(family, rules, count, acl->allowed_otherwise);
	free(rules);
	return true;
}

static int
compare_users(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	return x->uid != y->uid ? (x->uid > y->uid) - (x->uid < y->uid) : x->allowed - y->allowed;
}

static int
compare_uid(const void *uid, const void *user)
{
	const uid_t wanted = *(const uid_t *)uid, is = ((const struct user *)user)->uid;

	return (wanted > is) - (wanted < is);
}

static size_t
add_users(struct user *users, const struct rule_list *list, bool allowed)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].is_user)
			users[count++] = (struct user){ list->items[i].uid, allowed };
	return count;
}

/* Returns false when memory ran out. */
static bool
make_users(struct acl *acl, const struct rule_list *allow, const struct rule_list *deny)
{
	acl->users = calloc(allow->count + deny->count + 1, sizeof(*acl->users));
	if (acl->users == NULL)
		return false;
	acl->user_count = add_users(acl->users, deny, false);
	acl->user_count += add_users(acl->users + acl->user_count, allow, true);
	qsort(acl->users, acl->user_count, sizeof(*acl->users), compare_users);
	return true;
}

struct acl *
acl_new(const struct rule_list *allow, const struct rule_list *deny)
{
	struct acl *acl = calloc(1, sizeof(*acl));

	if (acl == NULL)
		return NULL;
	atomic_init(&acl->holders, 1);
	acl->allowed_otherwise = !rules_have(allow, false);
	acl->users_otherwise = !rules_have(allow, true);
	if (!make_family(acl, false, allow, deny) || !make_family(acl, true, allow, deny) ||
	    !make_users(acl, allow, deny)) {
		acl_release(acl);
		errno = ENOMEM;
		return NULL;
	}
	return acl;
}

struct acl *
acl_hold(struct acl *acl)
{
	atomic_fetch_add_explicit(&acl->holders, 1, memory_order_relaxed);
	return acl;
}

void
acl_release(struct acl *acl)
{
	if (acl == NULL || atomic_fetch_sub_explicit(&acl->holders, 1, memory_order_acq_rel) > 1)
		return;
	for (int i = 0; i < 2; i++)
		free(acl->families[i].spans);
	free(acl->users);
	free(acl);
}

/* --- asking it ---------------------------------------------------------------------------- */

bool
acl_allows_all(const struct acl *acl)
{
	for (int i = 0; i < 2; i++)
		if (acl->families[i].count != 1 || !acl->families[i].spans->allowed)
			return false;
	return acl->allowed_otherwise;
}

static bool
allows_user(const struct acl *acl, uid_t uid)
{
	const struct user *user = bsearch(&uid, acl->users, acl->user_count, sizeof(*acl->users),
	    compare_uid);

	if (user == NULL)
		return acl->users_otherwise;
	while (user > acl->users && user[-1].uid == uid)
		user--;
	return user->allowed;
}

bool
acl_allows(const struct acl *acl, const struct address *address)
{
	const struct family *family = &acl->families[address->sa.sa_family == AF_INET6];
	uint8_t bits[ADDRESS_SIZE] = { 0 };
	size_t low = 0, high = family->count;

	if (address->sa.sa_family == AF_INET6)
		memcpy(bits, &address->in6.sin6_addr, sizeof(address->in6.sin6_addr));
	else if (address->sa.sa_family == AF_INET)
		memcpy(bits, &address->in4.sin_addr, sizeof(address->in4.sin_addr));
	else if (address->sa.sa_family == AF_UNIX)
		return allows_user(acl, address->unix_peer.uid);
	else
		return acl->allowed_otherwise;
	/* The last span that begins at the address or before it: the one at `low`. */
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (memcmp(family->spans[middle].first, bits, ADDRESS_SIZE) <= 0)
			low = middle;
		else
			high = middle;
	}
	return family->spans[low].allowed;
}
