/*
 * The access list.  Each NAME.rules in the directory acl has lines "allow PREFIX" and
 * "deny PREFIX", and its NAME.verdicts lines "ADDRESS allowed" and "ADDRESS denied".
 * A "#" begins a comment.  Adding a pair needs nothing here.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/access/acl.h"
#include "runner.h"

static struct dirent **cases;
static int case_count, current;

struct rules {
	struct rule_list allow, deny;
};

static const char *
case_folder(void)
{
	static char name[4096];
	const char *srcdir = getenv("srcdir");

	snprintf(name, sizeof(name), "%s/tests/cases/acl", srcdir != NULL ? srcdir : ".");
	return name;
}

static int
is_case(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".rules") == 0;
}

/* Calls `take` with the two words of each line; returns how many lines there were. */
static int
each_line(const char *name, const char *ending, void *arg,
    void (*take)(void *arg, const char *first, const char *second))
{
	char path[8192], line[256], first[128], second[128];
	int count = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%.*s%s", case_folder(),
	    (int)(strlen(name) - strlen(".rules")), name, ending);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "#\n")] = '\0';
		if (line[strspn(line, " \t")] == '\0')
			continue;
		ck_assert_msg(sscanf(line, "%127s %127s", first, second) == 2, "%s: %s", path, line);
		take(arg, first, second);
		count++;
	}
	fclose(in);
	return count;
}

static void
take_rule(void *arg, const char *verb, const char *prefix)
{
	struct rules *rules = arg;
	char right[LIST_RIGHT_SIZE] = "";
	const bool allow = strcmp(verb, "allow") == 0;

	ck_assert_msg(allow || strcmp(verb, "deny") == 0, "what is %s?", verb);
	ck_assert_msg(list_append(LIST_OF_RULES, allow ? &rules->allow : &rules->deny, prefix,
	    right), "%s: %s", prefix, right);
}

static void
take_verdict(void *arg, const char *text, const char *verdict)
{
	struct address address;

	if (strncmp(text, "uid:", 4) == 0)
		address = address_of_unix_peer((uid_t)strtoul(text + 4, NULL, 10), 1);
	else
		ck_assert_msg(address_parse(&address, text, 7), "what is %s?", text);
	ck_assert_msg(strcmp(verdict, acl_allows(arg, &address) ? "allowed" : "denied") == 0,
	    "%s: %s is not %s", cases[current]->d_name, text, verdict);
}

START_TEST(is_as_its_case_says)
{
	struct rules rules = { .allow.count = 0 };
	const char *name = cases[_i]->d_name;
	struct acl *acl;

	current = _i;
	each_line(name, ".rules", &rules, take_rule);
	acl = acl_new(&rules.allow, &rules.deny);
	ck_assert_ptr_nonnull(acl);
	list_clear(LIST_OF_RULES, &rules.allow);
	list_clear(LIST_OF_RULES, &rules.deny);
	ck_assert_int_gt(each_line(name, ".verdicts", acl, take_verdict), 0);
	acl_release(acl);
}
END_TEST

/* --- many rules, against the plainest way to decide ----------------------------------- */

static void
add_random(struct rule_list *list, const struct rule_list *other, unsigned *seed)
{
	struct prefix *prefix = &list->items[list->count].prefix;

	memset(&list->items[list->count], 0, sizeof(struct rule));
	prefix->is_ipv6 = rand_r(seed) % 2 == 0;
	/* Few different bits, so that many are one within the other. */
	prefix->length = (uint8_t)(rand_r(seed) % (prefix_width(prefix) + 1));
	for (int bit = 0; bit < prefix->length; bit++)
		if (rand_r(seed) % 8 == 0)
			prefix->bits[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	for (size_t i = 0; i < list->count; i++)
		if (prefix_equal(prefix, &list->items[i].prefix))
			return;
	for (size_t i = 0; i < other->count; i++)
		if (prefix_equal(prefix, &other->items[i].prefix))
			return;
	list->count++;
}

static bool
is_in(const struct prefix *prefix, const struct address *address)
{
	const uint8_t *bits = address->sa.sa_family == AF_INET6 ?
	    (const uint8_t *)&address->in6.sin6_addr : (const uint8_t *)&address->in4.sin_addr;

	if (prefix->is_ipv6 != (address->sa.sa_family == AF_INET6))
		return false;
	for (int bit = 0; bit < prefix->length; bit++)
		if (((prefix->bits[bit / 8] ^ bits[bit / 8]) & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

static int
longest(const struct rule_list *list, const struct address *address)
{
	int most = -1;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].prefix.length > most && is_in(&list->items[i].prefix, address))
			most = list->items[i].prefix.length;
	return most;
}

static void
make_address(struct address *address, const struct rule_list *list, unsigned *seed)
{
	const struct prefix *prefix = &list->items[(size_t)rand_r(seed) % list->count].prefix;
	uint8_t bits[16];

	memcpy(bits, prefix->bits, sizeof(bits));
	for (int flips = rand_r(seed) % 4; flips > 0; flips--)
		bits[rand_r(seed) % (prefix_width(prefix) / 8)] ^= (uint8_t)(1 << rand_r(seed) % 8);
	memset(address, 0, sizeof(*address));
	address->sa.sa_family = prefix->is_ipv6 ? AF_INET6 : AF_INET;
	if (prefix->is_ipv6)
		memcpy(&address->in6.sin6_addr, bits, 16);
	else
		memcpy(&address->in4.sin_addr, bits, 4);
}

START_TEST(agrees_with_the_plainest_way)
{
	struct rule items[2][400];
	struct rule_list allow = { items[0], 0 }, deny = { items[1], 0 };
	unsigned seed = (unsigned)_i + 1;
	struct acl *acl;

	for (int i = 0; i < 400; i++) {
		add_random(&allow, &deny, &seed);
		add_random(&deny, &allow, &seed);
	}
	acl = acl_new(&allow, &deny);
	ck_assert_ptr_nonnull(acl);
	for (int i = 0; i < 20000; i++) {
		struct address address;
		char text[ADDRESS_TEXT_SIZE];

		make_address(&address, i % 2 == 0 ? &allow : &deny, &seed);
		ck_assert_msg(acl_allows(acl, &address) ==
		    (longest(&allow, &address) > longest(&deny, &address)),
		    "%s", address_format(&address, text));
	}
	acl_release(acl);
}
END_TEST

START_TEST(holds)
{
	const struct rule_list none = { NULL, 0 };
	struct address address;
	struct acl *acl = acl_new(&none, &none);

	ck_assert_ptr_nonnull(acl);
	ck_assert_ptr_eq(acl_hold(acl), acl);
	acl_release(acl);
	ck_assert(address_parse(&address, "192.0.2.1", 0));
	ck_assert(acl_allows(acl, &address));
	acl_release(acl);
	acl_release(NULL);
}
END_TEST

/* One prefix of either family, in either list, is enough to be looked up. */
START_TEST(an_empty_list_allows_all)
{
	static const struct prefix prefixes[] = { { .length = 8 }, { .length = 8, .is_ipv6 = true } };
	const struct rule_list none = { NULL, 0 };
	struct acl *acl = acl_new(&none, &none);

	ck_assert(acl_allows_all(acl));
	acl_release(acl);
	for (int i = 0; i < 4; i++) {
		struct rule rule = { .prefix = prefixes[i % 2] };
		const struct rule_list one = { &rule, 1 };

		acl = i < 2 ? acl_new(&one, &none) : acl_new(&none, &one);
		ck_assert(!acl_allows_all(acl));
		acl_release(acl);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("acl");
	TCase *tcase = tcase_create("acl");
	int status;

	case_count = scandir(case_folder(), &cases, is_case, alphasort);
	if (case_count < 4) {
		fprintf(stderr, "%s: there should be more\n", case_folder());
		return EXIT_FAILURE;
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, is_as_its_case_says, 0, case_count);
	tcase_add_loop_test(tcase, agrees_with_the_plainest_way, 0, 20);
	tcase_add_test(tcase, holds);
	tcase_add_test(tcase, an_empty_list_allows_all);
	suite_add_tcase(suite, tcase);
	status = run_suite(suite);
	for (int i = 0; i < case_count; i++)
		free(cases[i]);
	free(cases);
	return status;
}
