/* Which connections are asked for: see query.h. */
#include "daemon/observe/peers/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[CONN_STATE_COUNT] = {
	[CONN_EXPECTED] = "expected",
	[CONN_QUEUED] = "queued",
	[CONN_SHAKING] = "shaking",
	[CONN_READING] = "reading",
	[CONN_PACED] = "paced",
	[CONN_BLOCKED] = "blocked",
	[CONN_FLUSHING] = "flushing",
	[CONN_LINGERING] = "lingering",
	[CONN_CLOSING] = "closing",
};

static const char *const sort_names[QUERY_SORT_COUNT] = { "age", "bytes" };

const char *
query_state_name(enum conn_state state)
{
	return state_names[state];
}

/* --- values ------------------------------------------------------------------------------ */

static bool __attribute__((format(printf, 2, 3)))
refuse(char right[QUERY_RIGHT_SIZE], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(right, QUERY_RIGHT_SIZE, format, args);
	va_end(args);
	return false;
}

/* Which of `names` it is; `count`: none of them. */
static size_t
find(const char *const *names, size_t count, const char *value)
{
	size_t i = 0;

	while (i < count && strcmp(names[i], value) != 0)
		i++;
	return i;
}

static bool
read_listener(struct query *query, const char *value, char right[QUERY_RIGHT_SIZE])
{
	if (*value == '\0')
		return refuse(right, "listener: give a listener's name");
	memcpy(query->listener, value, strlen(value) + 1);
	return true;
}

static bool
read_source(struct query *query, const char *value, char right[QUERY_RIGHT_SIZE])
{
	char what[PREFIX_RIGHT_SIZE];

	query->has_source = true;
	return rule_parse(&query->source, value, what) || refuse(right, "source: give %s", what);
}

static bool
read_state(struct query *query, const char *value, char right[QUERY_RIGHT_SIZE])
{
	int used;

	query->state = (enum conn_state)find(state_names, CONN_STATE_COUNT, value);
	if (query->state < CONN_STATE_COUNT)
		return true;
	used = snprintf(right, QUERY_RIGHT_SIZE, "state: give one of %s", state_names[0]);
	for (size_t i = 1; i < CONN_STATE_COUNT; i++)
		used += snprintf(right + used, QUERY_RIGHT_SIZE - (size_t)used, ", %s",
		    state_names[i]);
	return false;
}

static bool
read_sort(struct query *query, const char *value, char right[QUERY_RIGHT_SIZE])
{
	query->sort = (enum query_sort)find(sort_names, QUERY_SORT_COUNT, value);
	return query->sort < QUERY_SORT_COUNT || refuse(right, "sort: give age or bytes");
}

static bool
read_limit(struct query *query, const char *value, char right[QUERY_RIGHT_SIZE])
{
	size_t limit = 0;

	for (const char *c = value; *c != '\0' && limit <= QUERY_LIMIT_MOST; c++)
		limit = *c >= '0' && *c <= '9' ? limit * 10 + (size_t)(*c - '0')
		    : QUERY_LIMIT_MOST + 1;
	query->limit = limit;
	return (limit > 0 && limit <= QUERY_LIMIT_MOST) ||
	    refuse(right, "limit: give a number from 1 to %d", QUERY_LIMIT_MOST);
}

/* --- the text ------------------------------------------------------------------------------ */

static const struct parameter {
	const char *name;
	bool (*read)(struct query *query, const char *value, char right[QUERY_RIGHT_SIZE]);
} parameters[] = {
	{ "listener", read_listener },
	{ "source", read_source },
	{ "state", read_state },
	{ "sort", read_sort },
	{ "limit", read_limit },
};
#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986, 2.1, and "+" for a space, as forms have it.  No NUL comes of it. */
static bool
decode(const char *from, size_t size, char value[QUERY_VALUE_SIZE])
{
	size_t used = 0;

	if (size >= QUERY_VALUE_SIZE)
		return false;
	for (size_t i = 0; i < size; i++) {
		char c = from[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			if (size - i < 3 || digit(from[i + 1]) < 0 || digit(from[i + 2]) < 0)
				return false;
			c = (char)(digit(from[i + 1]) * 16 + digit(from[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return false;
		value[used++] = c;
	}
	value[used] = '\0';
	return true;
}

/* Cuts what is before the first "&" from *text. */
static struct http_text
take(struct http_text *text)
{
	const char *end = memchr(text->text, '&', text->length);
	const size_t length = end != NULL ? (size_t)(end - text->text) : text->length;
	const struct http_text taken = { text->text, length };

	text->text += length + (end != NULL);
	text->length -= length + (end != NULL);
	return taken;
}

static const struct parameter *
find_parameter(const char *name, size_t length)
{
	for (size_t i = 0; i < PARAMETERS; i++)
		if (strlen(parameters[i].name) == length &&
		    memcmp(parameters[i].name, name, length) == 0)
			return &parameters[i];
	return NULL;
}

/* Each of them is a bit of *given. */
static bool
read_parameter(struct query *query, const struct http_text *text, unsigned *given,
    char right[QUERY_RIGHT_SIZE])
{
	const char *equals = memchr(text->text, '=', text->length);
	const size_t length = equals != NULL ? (size_t)(equals - text->text) : text->length;
	const struct parameter *parameter = find_parameter(text->text, length);
	char value[QUERY_VALUE_SIZE];

	if (parameter == NULL)
		return refuse(right, "give listener, source, state, sort or limit");
	if (equals == NULL || !decode(equals + 1, text->length - length - 1, value))
		return refuse(right, "%s: give it as %s=VALUE, encoded as in a URI", parameter->name,
		    parameter->name);
	if ((*given & 1U << (parameter - parameters)) != 0)
		return refuse(right, "%s: give it once", parameter->name);
	*given |= 1U << (parameter - parameters);
	return parameter->read(query, value, right);
}

bool
query_parse(struct query *query, const struct http_text *text, char right[QUERY_RIGHT_SIZE])
{
	struct http_text rest = *text, parameter;
	unsigned given = 0;

	*query = (struct query){
		.state = CONN_STATE_COUNT, .sort = QUERY_BY_AGE, .limit = QUERY_LIMIT,
	};
	while (rest.length > 0) {
		parameter = take(&rest);
		if (parameter.length > 0 && !read_parameter(query, &parameter, &given, right))
			return false;
	}
	return true;
}

bool
query_covers(const struct query *query, const struct address *peer)
{
	const bool is_user = peer->sa.sa_family == AF_UNIX;

	if (!query->has_source)
		return true;
	if (query->source.is_user != is_user)
		return false;
	return is_user ? query->source.uid == peer->unix_peer.uid
	    : prefix_covers(&query->source.prefix, peer);
}
