/* The table of options, and how each type is read and written: see options.h. */
#include "daemon/config/options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/config.h"
#include "daemon/config/list_text.h"
#include "net/address.h"
#include "net/lists.h"

static const struct option_choice event_methods[] = {
	{ "auto", EVENT_METHOD_AUTO },
	{ "epoll", EVENT_METHOD_EPOLL },
	{ "poll", EVENT_METHOD_POLL },
	{ "select", EVENT_METHOD_SELECT },
	{ NULL, 0 },
};

static const struct option_choice sandbox_modes[] = {
	{ "auto", SANDBOX_AUTO },
	{ "true", SANDBOX_TRUE },
	{ "false", SANDBOX_FALSE },
	{ NULL, 0 },
};

static const struct option_choice targets[] = {
	{ "syslog", LOG_TARGET_SYSLOG },
	{ "stderr", LOG_TARGET_STDERR },
	{ NULL, 0 },
};

static const struct option_choice facilities[] = {
	{ "daemon", LOG_DAEMON },
	{ "user", LOG_USER },
	{ "auth", LOG_AUTH },
	{ "authpriv", LOG_AUTHPRIV },
	{ "syslog", LOG_SYSLOG },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
	{ NULL, 0 },
};

static const struct option_choice levels[] = {
	{ "err", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
	{ NULL, 0 },
};

static const struct option_choice protocols[] = {
	{ "tcp", PROTOCOL_TCP },
	{ "udp", PROTOCOL_UDP },
	{ NULL, 0 },
};

#define AT(member) .offset = offsetof(struct config, member)
#define AT_LISTEN(member) .offset = offsetof(struct listen_config, member)

/* In the order of the dump; the rows of a section are side by side. */
const struct option_row option_rows[] = {
	{ "", "user", OPTION_STRING, false, "", AT(user),
	    .help = "switch to this user after binding; empty: stay" },
	{ "", "group", OPTION_STRING, false, "", AT(group),
	    .help = "and to this group; empty: the user's own" },
	{ "", "sandbox", OPTION_CHOICE, false, "auto", AT(sandbox), .choices = sandbox_modes,
	    .help = "auto, true or false: allow only the system calls it needs" },
	{ "", "workers", OPTION_NUMBER, false, "0", AT(workers), .max = 256, .unit = "",
	    .zero = "one for each CPU", .help = "threads; 0: one for each CPU" },
	{ "", "event_method", OPTION_CHOICE, false, "auto", AT(event_method),
	    .choices = event_methods, .help = "auto, epoll, poll or select" },
	{ "", "edge_triggered", OPTION_BOOL, false, "false", AT(edge_triggered),
	    .help = "epoll only" },
	{ "", "drain_timeout", OPTION_NUMBER, true, "30", AT(drain_timeout), .max = 3600,
	    .unit = " seconds", .help = "seconds from SIGTERM to the end, at most" },
	{ "log", "target", OPTION_CHOICE, true, "syslog", AT(log.target), .choices = targets,
	    .help = "syslog or stderr" },
	{ "log", "facility", OPTION_CHOICE, true, "daemon", AT(log.facility), .choices = facilities,
	    .help = "daemon, user, auth, authpriv, syslog, local0 to local7" },
	{ "log", "level", OPTION_CHOICE, true, "info", AT(log.level), .choices = levels,
	    .help = "err, warning, notice, info or debug" },
	{ "limits", "connections", OPTION_NUMBER, true, "10000", AT(limits.connections), .min = 1,
	    .max = 1000000, .unit = "", .help = "at once; further ones wait in the backlog" },
	{ "limits", "idle_timeout", OPTION_NUMBER, true, "600", AT(limits.idle_timeout),
	    .max = 86400, .unit = " seconds", .zero = "no limit",
	    .help = "seconds without a byte either way; 0: no limit" },
	{ "limits", "write_timeout", OPTION_NUMBER, true, "60", AT(limits.write_timeout),
	    .max = 86400, .unit = " seconds", .zero = "no limit",
	    .help = "seconds in which a blocked peer took nothing; 0: no limit" },
	{ "limits", "stalled_connections", OPTION_NUMBER, true, "1024",
	    AT(limits.stalled_connections), .max = 1000000, .unit = "", .zero = "no limit",
	    .help = "blocked, and nothing taken for 2 s; 0: no limit" },
	{ "limits", "blocked_memory", OPTION_NUMBER, true, "512", AT(limits.blocked_memory),
	    .max = 1048576, .unit = " MiB", .zero = "no limit",
	    .help = "MiB that the kernel holds for all blocked ones; 0: no limit" },
	{ "limits", "lifetime", OPTION_NUMBER, true, "0", AT(limits.lifetime),
	    .max = 31536000, .unit = " seconds", .zero = "no limit",
	    .help = "seconds, whatever the peer does; 0: no limit" },
	{ "limits", "bandwidth_per_connection", OPTION_NUMBER, true, "0",
	    AT(limits.bandwidth_per_connection), .max = 2000000000, .unit = " bytes per second",
	    .zero = "no limit", .help = "bytes per second; 0: no limit" },
	{ "limits", "socket_buffer", OPTION_NUMBER, true, "0", AT(limits.socket_buffer),
	    .min = 4096, .max = 67108864, .unit = " bytes", .zero = "the kernel's autotuning",
	    .help = "bytes, each way; 0: the kernel's autotuning" },
	{ "limits", "connections_per_source", OPTION_NUMBER, true, "0",
	    AT(limits.connections_per_source), .max = 1000000, .unit = "", .zero = "no limit",
	    .help = "at once, of an IPv4 address or an IPv6 /64; 0: no limit" },
	{ "limits", "connection_rate_per_source", OPTION_NUMBER, true, "0",
	    AT(limits.connection_rate_per_source), .max = 1000000, .unit = " a second",
	    .zero = "no limit", .help = "a second, and at once; 0: no limit" },
	{ "limits", "datagram_rate_per_source", OPTION_NUMBER, true, "1000",
	    AT(limits.datagram_rate_per_source), .max = 1000000, .unit = " a second",
	    .zero = "no limit", .help = "answered in a second; 0: no limit" },
	{ "limits", "datagram_rate", OPTION_NUMBER, true, "0", AT(limits.datagram_rate),
	    .max = 10000000, .unit = " a second", .zero = "no limit",
	    .help = "the same of all sources together; 0: no limit" },
	{ "access", "allow", OPTION_PREFIXES, true, "{}", AT(access.allow),
	    .help = "address prefixes; empty: everyone" },
	{ "access", "deny", OPTION_PREFIXES, true, "{}", AT(access.deny),
	    .help = "the same; the longest prefix wins" },
	{ "udp", "refuse_source_ports", OPTION_PORTS, true, "{\"0-1023\", \"2049\"}",
	    AT(udp.refuse_source_ports), .help = "datagrams from these get no answer" },
	{ "udp", "max_datagram", OPTION_NUMBER, true, "65507", AT(udp.max_datagram), .max = 65507,
	    .unit = " bytes", .help = "bytes; longer datagrams get no answer" },
	{ "listen", "protocol", OPTION_CHOICE, true, "tcp", AT_LISTEN(protocol),
	    .choices = protocols, .help = "tcp or udp" },
	{ "listen", "address", OPTION_ADDRESS, true, "*", AT_LISTEN(address),
	    .help = "numeric, \"*\" (all) or \"localhost\"" },
	{ "listen", "port", OPTION_PORT, true, NULL, AT_LISTEN(port), .max = UINT16_MAX, .unit = "",
	    .zero = "the kernel picks one", .help = "0: the kernel picks one" },
};
const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);

_Static_assert(ADDRESS_RIGHT_SIZE <= OPTION_RIGHT_SIZE, "address_check_host() writes to it");
_Static_assert(sizeof(enum event_method) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum sandbox_mode) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum log_target) == sizeof(int), "a choice is written as an int");
_Static_assert(sizeof(enum protocol) == sizeof(int), "a choice is written as an int");

static void *
place_of(const struct option_row *row, void *base)
{
	return (char *)base + row->offset;
}

static const void *
const_place_of(const struct option_row *row, const void *base)
{
	return (const char *)base + row->offset;
}

static bool
holds_string(const struct option_row *row)
{
	return row->type == OPTION_STRING || row->type == OPTION_ADDRESS;
}

bool
option_is_list(const struct option_row *row)
{
	return row->type == OPTION_PREFIXES || row->type == OPTION_PORTS;
}

static enum list_kind
list_kind(const struct option_row *row)
{
	return row->type == OPTION_PREFIXES ? LIST_OF_PREFIXES : LIST_OF_PORTS;
}

bool
option_is_of_listener(const struct option_row *row)
{
	return strcmp(row->section, "listen") == 0;
}

/* --- reading ---------------------------------------------------------------- */

/* Decimal digits alone: no sign, no base, no leading zero, so that nothing means two things. */
static bool
parse_digits(const char *text, int max, int *value)
{
	int sum = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || sum > (max - (*text - '0')) / 10)
			return false;
		sum = sum * 10 + (*text - '0');
	}
	*value = sum;
	return true;
}

static bool
parse_number(const struct option_row *row, const char *text, void *place,
    char right[OPTION_RIGHT_SIZE])
{
	int value;

	if (parse_digits(text, row->max, &value) &&
	    (value >= row->min || (value == 0 && row->zero != NULL))) {
		if (row->type == OPTION_PORT)
			*(uint16_t *)place = (uint16_t)value;
		else
			*(int *)place = value;
		return true;
	}
	snprintf(right, OPTION_RIGHT_SIZE, "give %s%d to %d%s%s%s%s",
	    row->zero != NULL && row->min > 0 ? "0 or " : "", row->min, row->max, row->unit,
	    row->zero != NULL ? " (0: " : "", row->zero != NULL ? row->zero : "",
	    row->zero != NULL ? ")" : "");
	return false;
}

static bool
parse_bool(const char *text, void *place, char right[OPTION_RIGHT_SIZE])
{
	static const char *const names[][2] = {
		{ "false", "true" }, { "no", "yes" }, { "off", "on" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (int value = 0; value < 2; value++)
			if (strcasecmp(text, names[i][value]) == 0) {
				*(bool *)place = value == 1;
				return true;
			}
	snprintf(right, OPTION_RIGHT_SIZE, "give true or false (or yes, no, on, off)");
	return false;
}

static bool
parse_choice(const struct option_row *row, const char *text, void *place,
    char right[OPTION_RIGHT_SIZE])
{
	const struct option_choice *choice;
	size_t used;

	for (choice = row->choices; choice->name != NULL; choice++)
		if (strcmp(text, choice->name) == 0) {
			memcpy(place, &choice->value, sizeof(choice->value));
			return true;
		}
	used = (size_t)snprintf(right, OPTION_RIGHT_SIZE, "give %s", row->choices[0].name);
	for (choice = row->choices + 1; choice->name != NULL && used < OPTION_RIGHT_SIZE; choice++)
		used += (size_t)snprintf(right + used, OPTION_RIGHT_SIZE - used, "%s%s",
		    choice[1].name == NULL ? " or " : ", ", choice->name);
	return false;
}

static bool
parse_string(const char *text, void *place, char right[OPTION_RIGHT_SIZE])
{
	char *copy;

	if (strlen(text) > OPTION_STRING_MAX) {
		snprintf(right, OPTION_RIGHT_SIZE, "give at most %d bytes", OPTION_STRING_MAX);
		return false;
	}
	if ((copy = strdup(text)) == NULL) {
		snprintf(right, OPTION_RIGHT_SIZE, "out of memory");
		return false;
	}
	free(*(char **)place);
	*(char **)place = copy;
	return true;
}

/* Equal addresses become equal strings. */
static bool
parse_address(const char *text, void *place, char right[OPTION_RIGHT_SIZE])
{
	char host[ADDRESS_HOST_SIZE];

	return endpoint_check_host(text, host, right) && parse_string(host, place, right);
}

bool
option_parse(const struct option_row *row, const char *text, void *base,
    char right[OPTION_RIGHT_SIZE])
{
	void *place = place_of(row, base);

	switch (row->type) {
	case OPTION_NUMBER:
	case OPTION_PORT:
		return parse_number(row, text, place, right);
	case OPTION_BOOL:
		return parse_bool(text, place, right);
	case OPTION_CHOICE:
		return parse_choice(row, text, place, right);
	case OPTION_ADDRESS:
		return parse_address(text, place, right);
	case OPTION_PREFIXES:
	case OPTION_PORTS:
		return list_append(list_kind(row), place, text, right);
	case OPTION_STRING:
		break;
	}
	return parse_string(text, place, right);
}

void
option_clear(const struct option_row *row, void *base)
{
	list_clear(place_of(row, base));
}

/* A list that is in the table itself has no fault, and its elements are short. */
static bool
parse_list(const struct option_row *row, const char *text, void *base,
    char right[OPTION_RIGHT_SIZE])
{
	char copy[OPTION_STRING_MAX + 1];
	struct list_element element;
	struct list_text list;

	list_text_begin(&list, text, 1);
	while (list_text_next(&list, &element) == 1) {
		snprintf(copy, sizeof(copy), "%.*s", (int)element.length, element.text);
		if (!option_parse(row, copy, base, right))
			return false;
	}
	return true;
}

int
option_set_defaults(void *base, bool listen)
{
	char right[OPTION_RIGHT_SIZE];

	OPTION_FOR_EACH(row) {
		bool (*const parse)(const struct option_row *, const char *, void *, char *) =
		    option_is_list(row) ? parse_list : option_parse;

		if (option_is_of_listener(row) == listen && row->fallback != NULL &&
		    !parse(row, row->fallback, base, right))
			return -1;
	}
	return 0;
}

void
option_free_values(void *base, bool listen)
{
	OPTION_FOR_EACH(row) {
		if (option_is_of_listener(row) != listen)
			continue;
		if (holds_string(row))
			free(*(char **)place_of(row, base));
		else if (option_is_list(row))
			option_clear(row, base);
	}
}

void
option_swap(const struct option_row *row, void *a, void *b)
{
	static const size_t sizes[] = {
		[OPTION_NUMBER] = sizeof(int),
		[OPTION_PORT] = sizeof(uint16_t),
		[OPTION_BOOL] = sizeof(bool),
		[OPTION_STRING] = sizeof(char *),
		[OPTION_ADDRESS] = sizeof(char *),
		[OPTION_CHOICE] = sizeof(int),
		[OPTION_PREFIXES] = LIST_SIZE,
		[OPTION_PORTS] = LIST_SIZE,
	};
	const size_t size = sizes[row->type];
	char kept[LIST_SIZE];

	memcpy(kept, place_of(row, a), size);
	memcpy(place_of(row, a), place_of(row, b), size);
	memcpy(place_of(row, b), kept, size);
}

/* --- writing ---------------------------------------------------------------- */

/* In double quotes, with what libconfuse would take for more than itself escaped. */
static void
format_string(const char *string, char text[OPTION_TEXT_SIZE])
{
	char *out = text;

	*out++ = '"';
	for (; *string != '\0'; string++) {
		const unsigned char byte = (unsigned char)*string;

		if (byte < 0x20 || byte == 0x7f) {
			out += snprintf(out, 5, "\\x%02x", (unsigned)byte);
			continue;
		}
		if (byte == '"' || byte == '\\' || byte == '$')
			*out++ = '\\';
		*out++ = *string;
	}
	*out++ = '"';
	*out = '\0';
}

static void
format_choice(const struct option_row *row, int value, char text[OPTION_TEXT_SIZE])
{
	const struct option_choice *choice = row->choices;

	while (choice->name != NULL && choice->value != value)
		choice++;
	snprintf(text, OPTION_TEXT_SIZE, "\"%s\"", choice->name != NULL ? choice->name : "");
}

/* As far as it fits. */
static void
format_list(const struct option_row *row, const void *list, char text[OPTION_TEXT_SIZE])
{
	/* What may follow an element: a comma, the next one in quotes, and the end. */
	const size_t room = OPTION_TEXT_SIZE - LIST_ELEMENT_SIZE - sizeof(", \"\", ...}");
	const size_t count = list_count(list);
	char element[LIST_ELEMENT_SIZE];
	size_t used = 1, i;

	*text = '{';
	for (i = 0; i < count && used < room; i++)
		used += (size_t)snprintf(text + used, OPTION_TEXT_SIZE - used, "%s\"%s\"",
		    i == 0 ? "" : ", ", list_format(list_kind(row), list, i, element));
	snprintf(text + used, OPTION_TEXT_SIZE - used, i < count ? ", ...}" : "}");
}

const char *
option_format(const struct option_row *row, const void *base, char text[OPTION_TEXT_SIZE])
{
	const void *place = const_place_of(row, base);
	int value;

	switch (row->type) {
	case OPTION_NUMBER:
		snprintf(text, OPTION_TEXT_SIZE, "%d", *(const int *)place);
		break;
	case OPTION_PORT:
		snprintf(text, OPTION_TEXT_SIZE, "%u", (unsigned)*(const uint16_t *)place);
		break;
	case OPTION_BOOL:
		snprintf(text, OPTION_TEXT_SIZE, "%s", *(const bool *)place ? "true" : "false");
		break;
	case OPTION_CHOICE:
		memcpy(&value, place, sizeof(value));
		format_choice(row, value, text);
		break;
	case OPTION_STRING:
	case OPTION_ADDRESS:
		format_string(*(char *const *)place, text);
		break;
	case OPTION_PREFIXES:
	case OPTION_PORTS:
		format_list(row, place, text);
		break;
	}
	return text;
}

int
option_print(const struct option_row *row, const void *base, FILE *out)
{
	const void *place = const_place_of(row, base);
	char text[OPTION_TEXT_SIZE];
	int used = 2;

	if (!option_is_list(row))
		return fprintf(out, "%s", option_format(row, base, text));
	fputc('{', out);
	for (size_t i = 0; i < list_count(place); i++)
		used += fprintf(out, "%s\"%s\"", i == 0 ? "" : ", ",
		    list_format(list_kind(row), place, i, text));
	fputc('}', out);
	return used;
}

bool
option_equal(const struct option_row *row, const void *a, const void *b)
{
	char text[OPTION_TEXT_SIZE], other[OPTION_TEXT_SIZE];

	if (option_is_list(row))
		return list_equal(list_kind(row), const_place_of(row, a), const_place_of(row, b));
	return strcmp(option_format(row, a, text), option_format(row, b, other)) == 0;
}

const char *
event_method_name(enum event_method method)
{
	return event_methods[method].name;
}
