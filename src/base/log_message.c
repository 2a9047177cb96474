/* A message of the log: see log_message.h. */
#include "base/log_message.h"

#include <float.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/escape.h"

/* --- formats ------------------------------------------------------------------------------ */

enum kind {
	KIND_STRING,
	KIND_INT,
	KIND_UNSIGNED,
	KIND_LONG,
	KIND_UNSIGNED_LONG,
	KIND_LONG_LONG,
	KIND_UNSIGNED_LONG_LONG,
	KIND_SIZE,
	KIND_REAL,
};

/* The conversions that a field may have. */
static const char *const conversions[] = {
	[KIND_STRING] = "%s",
	[KIND_INT] = "%d",
	[KIND_UNSIGNED] = "%u",
	[KIND_LONG] = "%ld",
	[KIND_UNSIGNED_LONG] = "%lu",
	[KIND_LONG_LONG] = "%lld",
	[KIND_UNSIGNED_LONG_LONG] = "%llu",
	[KIND_SIZE] = "%zu",
	[KIND_REAL] = "%.3f",
};
#define CONVERSIONS (sizeof(conversions) / sizeof(conversions[0]))

#define NAME_SIZE 32

struct field {
	const char *name; /* in the format, as is what follows */
	size_t name_length;
	const char *conversion, *end;
	enum kind kind;
};

/* A number in a message: what it is the kind says. */
union number {
	long long integer;
	unsigned long long natural;
	double real;
};

static bool
find_kind(const char *conversion, size_t length, enum kind *kind)
{
	for (size_t i = 0; i < CONVERSIONS; i++)
		if (strncmp(conversions[i], conversion, length) == 0 &&
		    conversions[i][length] == '\0') {
			*kind = (enum kind)i;
			return true;
		}
	return false;
}

/* Reads "NAME=CONVERSION" at *at and passes over it, and over the space before another. */
static bool
take_field(const char **at, struct field *field)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	field->name = *at;
	field->name_length = strspn(*at, letters);
	if (field->name_length == 0 || field->name_length >= NAME_SIZE ||
	    field->name[field->name_length] != '=')
		return false;
	field->conversion = field->name + field->name_length + 1;
	field->end = field->conversion + strcspn(field->conversion, " ");
	*at = field->end + (field->end[0] == ' ' && field->end[1] != '\0');
	return find_kind(field->conversion, (size_t)(field->end - field->conversion), &field->kind);
}

/* Where the first field would be, behind words without a conversion and ": "; NULL: there is none. */
static const char *
fields_of(const char *format)
{
	const char *words_end = strchrnul(format, ':');

	if (strncmp(words_end, ": ", 2) != 0 || words_end[2] == '\0' ||
	    memchr(format, '%', (size_t)(words_end - format)) != NULL)
		return NULL;
	return words_end + 2;
}

/* --- packing -------------------------------------------------------------------------------- */

/* Where something is written, and how many bytes there are for it. */
struct room {
	char *at;
	size_t left;
};

/* What finds no room is cut. */
static void
append(struct room *to, const void *bytes, size_t size)
{
	const size_t taken = size < to->left ? size : to->left;

	memcpy(to->at, bytes, taken);
	to->at += taken;
	to->left -= taken;
}

/* With its NUL, however much of it is cut. */
static void
pack_string(struct room *to, const char *string)
{
	if (to->left == 0)
		return;
	append(to, string, strnlen(string, to->left - 1));
	append(to, "", 1);
}

/* One that finds no room is left out, and so is all that follows. */
static void
pack_number(struct room *to, union number number)
{
	if (to->left < sizeof(number))
		to->left = 0;
	append(to, &number, sizeof(number));
}

static void
pack_argument(struct room *to, enum kind kind, va_list *args)
{
	const char *string;

	switch (kind) {
	case KIND_STRING:
		string = va_arg(*args, const char *);
		pack_string(to, string != NULL ? string : "(null)");
		break;
	case KIND_INT:
		pack_number(to, (union number){ .integer = va_arg(*args, int) });
		break;
	case KIND_UNSIGNED:
		pack_number(to, (union number){ .natural = va_arg(*args, unsigned) });
		break;
	case KIND_LONG:
		pack_number(to, (union number){ .integer = va_arg(*args, long) });
		break;
	case KIND_UNSIGNED_LONG:
		pack_number(to, (union number){ .natural = va_arg(*args, unsigned long) });
		break;
	case KIND_LONG_LONG:
		pack_number(to, (union number){ .integer = va_arg(*args, long long) });
		break;
	case KIND_UNSIGNED_LONG_LONG:
		pack_number(to, (union number){ .natural = va_arg(*args, unsigned long long) });
		break;
	case KIND_SIZE:
		pack_number(to, (union number){ .natural = va_arg(*args, size_t) });
		break;
	case KIND_REAL:
		pack_number(to, (union number){ .real = va_arg(*args, double) });
		break;
	}
}

/* Returns false where not all behind the words is fields: *to then has nothing of use. */
static bool
pack_fields(struct room *to, const char *format, va_list args)
{
	const char *at = fields_of(format);
	bool taken = at != NULL;
	struct field field;
	va_list own;

	va_copy(own, args);
	while (taken && *at != '\0') {
		taken = take_field(&at, &field);
		if (taken)
			pack_argument(to, field.kind, &own);
	}
	va_end(own);
	return taken;
}

void
log_message_pack(struct log_message *message, char packed[LOG_MESSAGE_SIZE], const char *format,
    va_list args)
{
	struct room to = { packed, LOG_MESSAGE_SIZE };
	int n;

	if (pack_fields(&to, format, args)) {
		message->format = format;
		message->length = (unsigned)(to.at - packed);
		return;
	}
	n = vsnprintf(packed, LOG_MESSAGE_SIZE, format, args);
	message->format = NULL;
	message->length = n < 0 ? 0 : n < LOG_MESSAGE_SIZE ? (unsigned)n : LOG_MESSAGE_SIZE - 1;
}

/* --- reading it again ----------------------------------------------------------------------- */

/* The fields of a message, from the first to the last. */
struct reader {
	const char *format;
	const char *packed, *end;
	struct field field; /* the one that was read, and its value */
	const char *string;
	union number number;
};

static struct reader
reader_of(const struct log_message *message, const char *packed)
{
	return (struct reader){
		.format = fields_of(message->format),
		.packed = packed,
		.end = packed + message->length,
	};
}

/* Returns false behind the last one that found room. */
static bool
read_field(struct reader *reader)
{
	const size_t left = (size_t)(reader->end - reader->packed);
	size_t size = sizeof(reader->number);

	if (*reader->format == '\0' || left == 0 || !take_field(&reader->format, &reader->field))
		return false;
	if (reader->field.kind == KIND_STRING) {
		reader->string = reader->packed;
		size = strlen(reader->string) + 1;
	} else {
		memcpy(&reader->number, reader->packed, size);
	}
	reader->packed += size;
	return true;
}

/* --- as text -------------------------------------------------------------------------------- */

/* The longest double with three decimals, and the NUL. */
#define NUMBER_SIZE (DBL_MAX_10_EXP + 8)

/* Returns its length. */
static size_t
format_number(const struct reader *reader, char text[NUMBER_SIZE])
{
	switch (reader->field.kind) {
	case KIND_REAL:
		return (size_t)snprintf(text, NUMBER_SIZE, "%.3f", reader->number.real);
	case KIND_INT:
	case KIND_LONG:
	case KIND_LONG_LONG:
		return (size_t)snprintf(text, NUMBER_SIZE, "%lld", reader->number.integer);
	default:
		return (size_t)snprintf(text, NUMBER_SIZE, "%llu", reader->number.natural);
	}
}

static void
append_value(struct room *to, const struct reader *reader)
{
	char number[NUMBER_SIZE];

	if (reader->field.kind == KIND_STRING)
		append(to, reader->string, strlen(reader->string));
	else
		append(to, number, format_number(reader, number));
}

const char *
log_message_text(const struct log_message *message, const char *packed,
    char text[LOG_MESSAGE_SIZE])
{
	struct room to = { text, LOG_MESSAGE_SIZE - 1 };
	const char *before = message->format;
	struct reader reader;

	if (message->format == NULL) {
		append(&to, packed, message->length);
	} else {
		for (reader = reader_of(message, packed); read_field(&reader);
		     before = reader.field.end) {
			append(&to, before, (size_t)(reader.field.conversion - before));
			append_value(&to, &reader);
		}
	}
	*to.at = '\0';
	return text;
}

const char *
log_level_name(int level)
{
	static const char *const names[] = {
		"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
	};

	return names[LOG_PRI(level)];
}

const char *
log_message_time(const struct log_message *message, char text[LOG_MESSAGE_TIME_SIZE])
{
	struct tm utc;
	size_t used;

	gmtime_r(&message->when.tv_sec, &utc);
	used = strftime(text, LOG_MESSAGE_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + used, LOG_MESSAGE_TIME_SIZE - used, ".%03ldZ",
	    message->when.tv_nsec / 1000000);
	return text;
}

/* --- as an object --------------------------------------------------------------------------- */

/* The decimals of a real number come back as they are in the text. */
#define PRECISION 15

static json_t *
json_bytes(const char *bytes, size_t size)
{
	json_t *string = json_stringn(bytes, size);
	char escaped[4 * LOG_MESSAGE_SIZE + 1];

	return string != NULL ? string : json_string(escape_bytes(bytes, size, escaped));
}

static json_t *
json_value(const struct reader *reader)
{
	char number[NUMBER_SIZE];

	switch (reader->field.kind) {
	case KIND_STRING:
		return json_bytes(reader->string, strlen(reader->string));
	case KIND_REAL:
		format_number(reader, number);
		return json_real(strtod(number, NULL));
	default:
		return json_integer(reader->number.integer); /* no counter reaches 2^63 */
	}
}

static json_t *
json_words(const struct log_message *message, const char *packed)
{
	return message->format == NULL ? json_bytes(packed, message->length)
	    : json_bytes(message->format, strcspn(message->format, ":"));
}

/* Returns 0, or -1 where memory ran out. */
static int
set_fields(json_t *object, const struct log_message *message, const char *packed)
{
	char name[NAME_SIZE];
	struct reader reader;

	if (message->format == NULL)
		return 0;
	for (reader = reader_of(message, packed); read_field(&reader);) {
		snprintf(name, sizeof(name), "%.*s", (int)reader.field.name_length,
		    reader.field.name);
		if (json_object_set_new(object, name, json_value(&reader)) == -1)
			return -1;
	}
	return 0;
}

const char *
log_message_json(const struct log_message *message, const char *packed,
    char object[LOG_OBJECT_SIZE])
{
	const char *level = log_level_name(message->level);
	char time[LOG_MESSAGE_TIME_SIZE];
	size_t size = 0;
	json_t *json;

	log_message_time(message, time);
	json = json_pack("{ss ss so}", "time", time, "level", level, "message",
	    json_words(message, packed));
	if (json != NULL && set_fields(json, message, packed) == 0)
		size = json_dumpb(json, object, LOG_OBJECT_SIZE - 1, JSON_COMPACT | JSON_ENSURE_ASCII |
		    JSON_REAL_PRECISION(PRECISION));
	json_decref(json);
	if (size == 0 || size >= LOG_OBJECT_SIZE)
		size = (size_t)snprintf(object, LOG_OBJECT_SIZE,
		    "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"out of memory\"}", time, level);
	object[size] = '\0';
	return object;
}
