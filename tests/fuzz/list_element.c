/*
 * Elements of lists of the configuration, as text: prefixes, rules, ranges of ports and strings.
 * What is taken is printed as what is read as the same, and is not taken a second time, but for
 * strings; what is not leaves the list as it was and is told what would be right.  No prefix is
 * v4-mapped.
 */
#include "fuzz.h"
#include "net/lists.h"
#include "net/prefix.h"

static void
check_element(enum list_kind kind, const char *text)
{
	struct prefix_list list = { NULL, 0 }, read = { NULL, 0 }; /* of any kind */
	char right[LIST_RIGHT_SIZE] = "", printed[LIST_ELEMENT_SIZE];

	_Static_assert(sizeof(list) == LIST_SIZE, "any list is as large");
	if (!list_append(kind, &list, text, right)) {
		fuzz_assert(list_count(&list) == 0 && *right != '\0');
		return;
	}
	list_format(kind, &list, 0, printed);
	fuzz_assert(list_append(kind, &read, printed, right) && list_equal(kind, &list, &read));
	fuzz_assert(list_append(kind, &list, printed, right) == (kind == LIST_OF_STRINGS));
	fuzz_assert(list_count(&list) == (kind == LIST_OF_STRINGS ? 2 : 1));
	list_clear(kind, &list);
	list_clear(kind, &read);
}

static void
check_prefix(const char *text)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char right[PREFIX_RIGHT_SIZE], printed[PREFIX_TEXT_SIZE];
	struct prefix prefix, read;

	if (!prefix_parse(&prefix, text, right))
		return;
	fuzz_assert(!prefix.is_ipv6 || memcmp(prefix.bits, mapped, sizeof(mapped)) != 0);
	fuzz_assert(prefix.length <= prefix_width(&prefix));
	fuzz_assert(prefix_parse(&read, prefix_format(&prefix, printed), right));
	fuzz_assert(prefix_equal(&read, &prefix));
}

/* What is no rule about a user is one about a prefix, or none. */
static void
check_rule(const char *text)
{
	char right[PREFIX_RIGHT_SIZE];
	struct prefix prefix;
	struct rule rule;
	const bool is_prefix = prefix_parse(&prefix, text, right);

	if (rule_parse(&rule, text, right))
		fuzz_assert(rule.is_user ? !is_prefix && rule.uid != (uid_t)-1
		    : is_prefix && prefix_equal(&rule.prefix, &prefix));
	else
		fuzz_assert(!is_prefix);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);

	check_prefix(text);
	check_element(LIST_OF_PREFIXES, text);
	check_element(LIST_OF_RULES, text);
	check_element(LIST_OF_PORTS, text);
	check_element(LIST_OF_STRINGS, text);
	check_rule(text);
	free(text);
	return 0;
}
