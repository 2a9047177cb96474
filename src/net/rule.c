/* Rules of access: see rule.h. */
#include "net/rule.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define USER "uid:"

/* Decimal digits without a leading zero; -1 is nobody. */
static bool
parse_uid(uid_t *uid, const char *text)
{
	uint64_t number = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0') || strlen(text) > 10)
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	if (*text != '\0' || number >= UINT32_MAX)
		return false;
	*uid = (uid_t)number;
	return true;
}

bool
rule_parse(struct rule *rule, const char *text, char right[PREFIX_RIGHT_SIZE])
{
	struct rule parsed;

	memset(&parsed, 0, sizeof(parsed));
	parsed.is_user = strncmp(text, USER, strlen(USER)) == 0;
	if (parsed.is_user && !parse_uid(&parsed.uid, text + strlen(USER))) {
		snprintf(right, PREFIX_RIGHT_SIZE, "give the number of a user, 0 to 4294967294,"
		    " such as " USER "1000");
		return false;
	}
	if (!parsed.is_user && !prefix_parse(&parsed.prefix, text, right)) {
		if (text[strspn(text, "0123456789abcdefABCDEF.:/%")] != '\0' &&
		    strchr(text, '%') == NULL)
			snprintf(right, PREFIX_RIGHT_SIZE, "give an address or a prefix, such as"
			    " 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32, or a user, such as "
			    USER "1000");
		return false;
	}
	*rule = parsed;
	return true;
}

bool
rule_equal(const struct rule *a, const struct rule *b)
{
	if (a->is_user || b->is_user)
		return a->is_user && b->is_user && a->uid == b->uid;
	return prefix_equal(&a->prefix, &b->prefix);
}

const char *
rule_format(const struct rule *rule, char text[RULE_TEXT_SIZE])
{
	if (!rule->is_user)
		return prefix_format(&rule->prefix, text);
	snprintf(text, RULE_TEXT_SIZE, USER "%u", (unsigned)rule->uid);
	return text;
}
