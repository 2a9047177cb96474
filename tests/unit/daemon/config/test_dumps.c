/*
 * Whatever the dump of a configuration says is read again as the same: random strings, and
 * random values of all options together.
 */
#include <string.h>

#include "daemon/config/file.h"
#include "daemon/config/options.h"
#include "daemon/config/value.h"
#include "daemon/process/sandbox.h"
#include "net/greeting.h"
#include "certificate.h"
#include "config_files.h"
#include "random.h"
#include "runner.h"

#define SEEDS 4
#define FILES 10        /* of each seed */
#define STRINGS 400     /* in each of them: as many as a file has room for */
#define CONFIGS 1000    /* of each seed */
#define LISTENERS_MAX 5

/* --- strings -------------------------------------------------------------------------- */

/* All bytes but NUL; those that mean something to a lexer more often. */
static void
random_string(char text[VALUE_STRING_MAX + 1])
{
	static const char marks[] = "\"'\\${}()=+,#/*\n\r\t xn017%";
	const size_t length = random_once_in(10) ? VALUE_STRING_MAX : random_below(40);
	size_t i;

	for (i = 0; i < length; i++)
		text[i] = random_once_in(2) ? marks[random_below(sizeof(marks) - 1)]
		                            : (char)(1 + random_below(255));
	text[i] = '\0';
}

static const char *
format_string(const struct option_row *row, char *string, char text[VALUE_TEXT_SIZE])
{
	struct config config = { .user = string };

	return value_format(row, &config, text);
}

START_TEST(strings_in_a_file)
{
	static char strings[STRINGS][VALUE_STRING_MAX + 1];
	const struct option_row *row = option_find("", "user");
	struct faults *faults = faults_new();
	const struct config_source source = { .path = path };
	struct config_file file = { .entry_count = 0 };
	char text[VALUE_TEXT_SIZE];

	random_begin(_i);
	for (int turn = 0; turn < FILES; turn++) {
		FILE *out = fopen(path, "w");

		for (int i = 0; i < STRINGS; i++) {
			random_string(strings[i]);
			fprintf(out, "user = %s\n", format_string(row, strings[i], text));
		}
		ck_assert_int_eq(fclose(out), 0);
		config_file_read(&file, &source, faults);
		ck_assert_msg(faults_count(faults) == 0, "seed %d: %s", _i, faults_get(faults, 0));
		ck_assert_uint_eq(file.entry_count, STRINGS);
		for (int i = 0; i < STRINGS; i++)
			ck_assert_msg(strcmp(file.entries[i].value, strings[i]) == 0,
			    "seed %d: %s", _i, format_string(row, strings[i], text));
		config_file_free(&file);
	}
	faults_free(faults);
}
END_TEST

START_TEST(strings_of_the_command_line)
{
	const struct option_row *row = option_find("", "user");
	const struct place place = { .name = "-o user" };
	struct faults *faults = faults_new();
	char string[VALUE_STRING_MAX + 1], text[VALUE_TEXT_SIZE];
	struct config_entry entry;

	random_begin(_i);
	for (int i = 0; i < FILES * STRINGS; i++) {
		random_string(string);
		format_string(row, string, text);
		ck_assert_msg(config_value_read(&entry, text, place, faults), "seed %d: %s: %s", _i,
		    text, faults_count(faults) > 0 ? faults_get(faults, 0) : "");
		ck_assert_msg(strcmp(entry.value, string) == 0, "seed %d: %s", _i, text);
		free(entry.value);
	}
	faults_free(faults);
}
END_TEST

/* --- configurations ------------------------------------------------------------------- */

static void
random_number(const struct option_row *row, char *text)
{
	const int most = random_once_in(2) ? row->max : row->min + 1;
	int value = row->min + (int)random_below((size_t)(most - row->min) + 1);

	if (row->zero != NULL && random_once_in(4))
		value = 0;
	snprintf(text, VALUE_STRING_MAX, "%d", value);
}

static void
random_choice(const struct option_row *row, char *text)
{
	size_t count = 0;

	while (row->choices[count].name != NULL)
		count++;
	strcpy(text, row->choices[random_below(count)].name);
}

static void
random_host(char *text)
{
	static const char *const hosts[] = { "*", "localhost", "0.0.0.0", "::", "127.0.0.1", "::1",
		"192.0.2.1", "2001:DB8:0::1", "fe80::1%lo", "FE80::2%not-there", "fe80::3%77",
		"::ffff:192.0.2.1", "fe80::1%\"$\\'" };

	strcpy(text, hosts[random_below(sizeof(hosts) / sizeof(hosts[0]))]);
}

static void
random_prefix(char *text)
{
	char right[PREFIX_RIGHT_SIZE];
	struct prefix prefix;

	do {
		if (random_once_in(2))
			sprintf(text, "%zu.%zu.%zu.0/%zu", random_below(256), random_below(256),
			    random_below(256), random_below(33));
		else
			sprintf(text, "%zx:%zx::%zx/%zu", random_below(65536), random_below(65536),
			    random_below(3), random_below(129));
	} while (!prefix_parse(&prefix, text, right));
}

/* With a number, which keeps the listeners apart, to come. */
static void
random_path(char *text)
{
	static const char *const paths[] = { "/", "/run/", "@", "@${\"\\'}", "/\"$\\#'//" };

	sprintf(text, "%s%zu", paths[random_below(sizeof(paths) / sizeof(paths[0]))],
	    random_below(1000));
}

static void
random_rule(char *text)
{
	if (random_once_in(3))
		sprintf(text, "uid:%zu", random_below(100000));
	else
		random_prefix(text);
}

static void
random_ports(char *text)
{
	const size_t from = random_below(65536);

	sprintf(text, random_once_in(2) ? "%zu" : "%zu-65535", from);
}

static void
random_element(char *text)
{
	do
		random_string(text);
	while (*text == '\0');
}

static void
random_greeting(char *text)
{
	do
		random_string(text);
	while (greeting_check(text) != NULL);
}

/* Users and groups are looked up: those that each system has. */
static void
random_value(const struct option_row *row, char text[VALUE_STRING_MAX + 1])
{
	switch (row->type) {
	case OPTION_NUMBER:
	case OPTION_PORT:
		random_number(row, text);
		break;
	case OPTION_BOOL:
		strcpy(text, random_once_in(2) ? "true" : "false");
		break;
	case OPTION_CHOICE:
		random_choice(row, text);
		break;
	case OPTION_PROTOCOL:
		strcpy(text, protocol_name((enum protocol)random_below(PROTOCOL_COUNT)));
		break;
	case OPTION_ADDRESS:
		random_host(text);
		break;
	case OPTION_PATH:
		random_path(text);
		break;
	case OPTION_MODE:
		sprintf(text, "0%03zo", random_below(01000));
		break;
	case OPTION_PREFIXES:
		random_prefix(text);
		break;
	case OPTION_RULES:
		random_rule(text);
		break;
	case OPTION_PORTS:
		random_ports(text);
		break;
	case OPTION_STRINGS:
		random_element(text);
		break;
	case OPTION_GREETING:
		random_greeting(text);
		break;
	case OPTION_STRING:
		strcpy(text, random_once_in(2) ? "root" : "");
		break;
	}
}

/* An element that a list has already is refused, and the list stays as it is. */
static void
set_values(void *base, bool listen)
{
	char text[VALUE_STRING_MAX + 1], right[VALUE_RIGHT_SIZE];

	OPTION_FOR_EACH(row) {
		size_t count = value_is_list(row) ? random_below(6) : 1;

		if (option_is_of_listener(row) != listen)
			continue;
		for (; count > 0; count--) {
			random_value(row, text);
			ck_assert_msg(value_parse(row, text, base, right) || value_is_list(row),
			    "%s = %s: %s", row->name, text, right);
		}
	}
}

static void
fit_path(struct listen_config *listen, size_t number)
{
	char *longer;

	ck_assert_int_gt(asprintf(&longer, "%s.%zu", listen->path, number), 0);
	free(listen->path);
	listen->path = longer;
	if (*longer == '@')
		*listen->owner = *listen->group = '\0';
}

static void
set_value(const char *name, const char *text, struct listen_config *listen)
{
	char right[VALUE_RIGHT_SIZE];

	ck_assert(value_parse(option_find("listen", name), text, listen, right));
}

/* Files are read: the ones that there are have two names. */
static void
fit_tls(struct listen_config *listen)
{
	static const char *const ways[] = { "", "./" };
	struct tls_config *options = &listen->tls_options;
	char file[128];

	list_clear(LIST_OF_STRINGS, &options->certificate);
	list_clear(LIST_OF_STRINGS, &options->key);
	for (size_t count = 1 + random_below(2); count-- > 0;) {
		snprintf(file, sizeof(file), "%s/%scertificate.pem", folder, ways[count]);
		set_value("certificate", file, listen);
		set_value("key", file, listen);
	}
	set_value("client_ca",
	    options->client_certificate != TLS_CERTIFICATE_NONE ? file : "", listen);
	set_value("ciphers", random_once_in(2) ? "HIGH:!aNULL" : "", listen);
	set_value("groups", random_once_in(2) ? "P-256:X25519" : "", listen);
}

/* The name may be a word of the file's own syntax; ports keep the listeners apart. */
static void
add_listener(struct config *config)
{
	static const char *const names[] = { "listen", "true", "limits", "_", "-", ".", "7", "A-z" };
	struct listen_config *listen = &config->listen[config->listen_count];

	set_values(listen, true);
	if (protocol_is_secure(listen->protocol) && (!tls_is_built || !random_once_in(8)))
		listen->protocol = protocol_default(); /* to read keys takes its time */
	if (protocol_is_secure(listen->protocol))
		fit_tls(listen);
	listen->port = (uint16_t)(listen->port - listen->port % LISTENERS_MAX + config->listen_count);
	if (listen->port < LISTENERS_MAX)
		listen->port = 0;
	if (protocol_has_ports(listen->protocol))
		listen->proxy_protocol =
		    protocol_is_stream(listen->protocol) && listen->trusted_proxies.count > 0;
	else
		fit_path(listen, config->listen_count);
	if (!listen->proxy_protocol || !protocol_has_ports(listen->protocol))
		list_clear(LIST_OF_PREFIXES, &listen->trusted_proxies);
	if (!protocol_is_stream(listen->protocol))
		*listen->greeting = '\0';
	ck_assert_int_gt(asprintf(&listen->name, "%s%zu",
	    names[random_below(sizeof(names) / sizeof(names[0]))], config->listen_count), 0);
	config->listen_count++;
}

/* Both in one file. */
static void
write_credentials(void)
{
	char file[128];
	FILE *out;

	snprintf(file, sizeof(file), "%s/certificate.pem", folder);
	out = fopen(file, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "%s%s", certificate_pem, key_pem);
	ck_assert_int_eq(fclose(out), 0);
}

static void
remove_credentials(void)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/certificate.pem", folder);
	unlink(file);
}

/* Where no listener is, and names that are some. */
static void
fit_places(struct config *config)
{
	char right[VALUE_RIGHT_SIZE];

	config->observe.port = 0;
	list_clear(LIST_OF_STRINGS, &config->observe.hosts);
	ck_assert(value_parse(option_find("observe", "path"), random_once_in(2) ? "@observe" : "",
	    config, right));
	if (random_once_in(2))
		ck_assert(value_parse(option_find("observe", "address"), "", config, right));
	for (size_t i = 0; i < config->access.deny.count % 3; i++)
		ck_assert(value_parse(option_find("observe", "hosts"),
		    i == 0 ? "metrics.example" : "A-z_7", config, right));
	ck_assert(value_parse(option_find("take_over", "path"),
	    random_once_in(2) ? "/take-over.sock" : "", config, right));
}

/* One that config_check() has nothing against. */
static struct config *
random_config(void)
{
	struct config *config = calloc(1, sizeof(*config));

	set_values(config, false);
	if (*config->user == '\0')
		*config->group = '\0';
	if (config->sandbox == SANDBOX_TRUE && !sandbox_built)
		config->sandbox = SANDBOX_AUTO;
	if (config->event_method == EVENT_METHOD_POLL || config->event_method == EVENT_METHOD_SELECT)
		config->edge_triggered = false;
	for (size_t i = 0; i < config->access.allow.count; i++)
		for (size_t j = 0; j < config->access.deny.count; j++)
			if (rule_equal(&config->access.allow.items[i], &config->access.deny.items[j])) {
				config->access.deny.count = j;
				break;
			}
	fit_places(config);
	config->listen = calloc(LISTENERS_MAX, sizeof(*config->listen));
	for (size_t count = 1 + random_below(LISTENERS_MAX); count > 0; count--)
		add_listener(config);
	return config;
}

static void
assert_same(int seed, const struct config *a, const struct config *b, const char *text)
{
	ck_assert_uint_eq(a->listen_count, b->listen_count);
	OPTION_FOR_EACH(row) {
		if (!option_is_of_listener(row)) {
			ck_assert_msg(value_equal(row, a, b), "seed %d: %s of:\n%s", seed, row->name,
			    text);
			continue;
		}
		for (size_t i = 0; i < a->listen_count; i++)
			ck_assert_msg((value_equal(row, &a->listen[i], &b->listen[i]) ||
			    !option_is_for(row, a->listen[i].protocol)) &&
			    strcmp(a->listen[i].name, b->listen[i].name) == 0,
			    "seed %d: %s of listener %zu of:\n%s", seed, row->name, i, text);
	}
}

START_TEST(configurations)
{
	const struct config_source source = { .path = path };

	random_begin(_i);
	write_credentials();
	for (int i = 0; i < CONFIGS; i++) {
		struct config *config = random_config(), *read;
		char *text = dump(config), *again, *told;

		write_file(text);
		read = load(&source, &told);
		ck_assert_msg(read != NULL, "seed %d: %s of:\n%s", _i, told, text);
		assert_same(_i, config, read, text);
		again = dump(read);
		ck_assert_str_eq(again, text);
		free(again);
		free(text);
		config_free(read);
		config_free(config);
	}
	remove_credentials();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dumps");
	TCase *tests = tcase_create("dumps");

	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, strings_in_a_file, 0, SEEDS);
	tcase_add_loop_test(tests, strings_of_the_command_line, 0, SEEDS);
	tcase_add_loop_test(tests, configurations, 0, SEEDS);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
