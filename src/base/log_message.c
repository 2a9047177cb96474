/* A message of the log: see log_message.h. */
#include "base/log_message.h"

#include <float.h>
#include <jansson.h>
#include <limits.h>
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
static const struct {
	char text[5];
	unsigned char length;
} conversions[] = {
	[KIND_STRING] = { "%s", 2 },
	[KIND_INT] = { "%d", 2 },
	[KIND_UNSIGNED] = { "%u", 2 },
	[KIND_LONG] = { "%ld", 3 },
	[KIND_UNSIGNED_LONG] = { "%lu", 3 },
	[KIND_LONG_LONG] = { "%lld", 4 },
	[KIND_UNSIGNED_LONG_LONG] = { "%llu", 4 },
	[KIND_SIZE] = { "%zu", 3 },
	[KIND_REAL] = { "%.3f", 4 },
};
#define CONVERSIONS (sizeof(conversions) / sizeof(conversions[0]))

#define NAME_SIZE 32

/* "NAME=CONVERSION", or "NAME=NUMBER": where its parts are in the format, or in the text. */
struct field {
	unsigned short name, conversion, end;
	unsigned short kind; /* enum kind */
};

/* A number in a message: what it is the kind says. */
union number {
	long long integer;
	unsigned long long natural;
	double real;
};

static bool
find_kind(const char *conversion, size_t length, struct field *field)
{
	for (size_t i = 0; i < CONVERSIONS; i++)
		if (conversions[i].length == length &&
		    memcmp(conversions[i].text, conversion, length) == 0) {
			field->kind = (unsigned short)i;
			return true;
		}
	return false;
}

static bool
is_in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/*
 * Reads the field at *at in `format` and passes over it and over the space before another.  Sets
 * all but `kind`.
 */
static bool
take_name(const char *format, const char **at, struct field *field)
{
	const char *name = *at, *c = name;

	while (is_in_name(*c))
		c++;
	if (c == name || c - name >= NAME_SIZE || *c != '=')
		return false;
	field->name = (unsigned short)(name - format);
	field->conversion = (unsigned short)(++c - format);
	while (*c != ' ' && *c != '\0')
		c++;
	field->end = (unsigned short)(c - format);
	*at = c[0] == ' ' && c[1] != '\0' ? c + 1 : c;
	return true;
}

static bool
take_field(const char *format, const char **at, struct field *field)
{
	return take_name(format, at, field) &&
	    find_kind(format + field->conversion, (size_t)(field->end - field->conversion), field);
}

/* What is behind words without a conversion and ": "; NULL: there is no such thing. */
static const char *
fields_of(const char *format)
{
	const char *words_end = strchrnul(format, ':');

	if (strncmp(words_end, ": ", 2) != 0 ||
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

/* What it is, and its value behind that. */
static void
pack_field(struct room *to, const struct field *field, va_list *args)
{
	const char *string;

	append(to, field, sizeof(*field));
	switch ((enum kind)field->kind) {
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
	bool taken = at != NULL && *at != '\0';
	struct field field;
	va_list own;

	va_copy(own, args);
	while (taken && *at != '\0') {
		taken = take_field(format, &at, &field);
		if (taken)
			pack_field(to, &field, &own);
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
	const char *format; /* or the text, where it has numbers */
	const char *at, *end; /* in what is packed */
	struct field field; /* the one that was read, and its value */
	const char *string;
	union number number;
};

static struct reader
reader_of(const struct log_message *message, const char *packed)
{
	const char *at = message->has_numbers ? fields_of(packed) : packed;
	const char *end = packed + message->length;

	return (struct reader){
		.format = message->has_numbers ? packed : message->format,
		.at = at != NULL ? at : end,
		.end = end,
	};
}

static bool
read_number(struct reader *reader)
{
	if ((size_t)(reader->end - reader->at) < sizeof(reader->number))
		return false;
	memcpy(&reader->number, reader->at, sizeof(reader->number));
	reader->at += sizeof(reader->number);
	return true;
}

static bool
read_string(struct reader *reader)
{
	if (reader->at == reader->end)
		return false;
	reader->string = reader->at;
	reader->at += strlen(reader->string) + 1;
	return true;
}

static bool
read_packed(struct reader *reader)
{
	if ((size_t)(reader->end - reader->at) < sizeof(reader->field))
		return false;
	memcpy(&reader->field, reader->at, sizeof(reader->field));
	reader->at += sizeof(reader->field);
	return reader->field.kind == KIND_STRING ? read_string(reader) : read_number(reader);
}

/* Returns false behind the last one that found room. */
static bool
read_field(struct reader *reader, bool has_numbers)
{
	if (!has_numbers)
		return read_packed(reader);
	reader->field.kind = KIND_UNSIGNED_LONG_LONG;
	if (!take_name(reader->format, &reader->at, &reader->field) ||
	    reader->field.end == LOG_MESSAGE_SIZE - 1) /* it may be cut */
		return false;
	reader->number.natural = strtoull(reader->format + reader->field.conversion, NULL, 10);
	return true;
}

/* --- as text -------------------------------------------------------------------------------- */

/* The longest double with three decimals, and the NUL. */
#define NUMBER_SIZE (DBL_MAX_10_EXP + 8)

/* Each returns the length. */
static size_t
format_natural(unsigned long long number, char *text)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(text, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

static size_t
format_number(const struct reader *reader, char text[NUMBER_SIZE])
{
	switch (reader->field.kind) {
	case KIND_REAL:
		return (size_t)snprintf(text, NUMBER_SIZE, "%.3f", reader->number.real);
	case KIND_INT:
	case KIND_LONG:
	case KIND_LONG_LONG:
		if (reader->number.integer >= 0)
			break;
		text[0] = '-';
		return 1 + format_natural(-reader->number.natural, text + 1);
	default:
		break;
	}
	return format_natural(reader->number.natural, text);
}

static void
append_value(struct room *to, const struct reader *reader)
{
	char number[NUMBER_SIZE];
	size_t length;

	if (reader->field.kind == KIND_STRING) {
		append(to, reader->string, strlen(reader->string));
		return;
	}
	length = format_number(reader, number);
	append(to, number, length);
}

/* The words and the first name, or a space and another name, stand before each value. */
static void
append_fields(struct room *to, struct reader reader)
{
	size_t before = 0;

	while (read_packed(&reader)) {
		append(to, reader.format + before, reader.field.conversion - before);
		append_value(to, &reader);
		before = reader.field.end;
	}
}

const char *
log_message_text(const struct log_message *message, const char *packed,
    char text[LOG_MESSAGE_SIZE])
{
	struct room to = { text, LOG_MESSAGE_SIZE - 1 };

	if (message->format != NULL)
		append_fields(&to, reader_of(message, packed));
	else
		append(&to, packed, message->length);
	text[LOG_MESSAGE_SIZE - 1 - to.left] = '\0';
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
	/* Where there are many messages, most are of the same second as the one before. */
	static _Thread_local time_t second = -1;
	static _Thread_local char date[LOG_MESSAGE_TIME_SIZE - 8];
	struct tm utc;

	if (message->when.tv_sec != second && gmtime_r(&message->when.tv_sec, &utc) != NULL) {
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
		second = message->when.tv_sec;
	}
	snprintf(text, LOG_MESSAGE_TIME_SIZE, "%s.%03uZ", date,
	    (unsigned)(message->when.tv_nsec / 1000000) % 1000);
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
	const unsigned long long natural = reader->number.natural;
	char number[NUMBER_SIZE];

	switch (reader->field.kind) {
	case KIND_STRING:
		return json_bytes(reader->string, strlen(reader->string));
	case KIND_REAL:
		snprintf(number, sizeof(number), "%.3f", reader->number.real);
		return json_real(strtod(number, NULL));
	case KIND_INT:
	case KIND_LONG:
	case KIND_LONG_LONG:
		return json_integer(reader->number.integer);
	default: /* Jansson has no larger one. */
		return json_integer(natural < LLONG_MAX ? (json_int_t)natural : LLONG_MAX);
	}
}

static bool
has_fields(const struct log_message *message)
{
	return message->format != NULL || message->has_numbers;
}

static json_t *
json_words(const struct log_message *message, const char *packed)
{
	const char *text = message->format != NULL ? message->format : packed;

	return json_bytes(text, has_fields(message) ? strcspn(text, ":") : message->length);
}

/* Returns 0, or -1 where memory ran out. */
static int
set_fields(json_t *object, const struct log_message *message, const char *packed)
{
	char name[NAME_SIZE];
	struct reader reader;

	if (!has_fields(message))
		return 0;
	for (reader = reader_of(message, packed); read_field(&reader, message->has_numbers);) {
		snprintf(name, sizeof(name), "%.*s",
		    reader.field.conversion - 1 - reader.field.name,
		    reader.format + reader.field.name);
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
