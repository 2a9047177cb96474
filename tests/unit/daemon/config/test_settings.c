/*
 * The configuration beyond its file: the command line's -o, -l, -f and -v, the dump,
 * and what a reload keeps.
 */
#include "daemon/config/options.h"
#include "daemon/config/value.h"
#include "config_files.h"
#include "runner.h"

/* --- the command line ------------------------------------------------------------------ */

#define UNKNOWN ": give one of user, group, sandbox, ...\n"
#define NOT_ONE_VALUE ": give one value, in quotes where it is empty or holds more than a word\n"

static const struct {
	const char *argument;
	const char *faults; /* NULL: taken */
} settings[] = {
	{ "workers=4", NULL },
	{ "limits.idle_timeout=\"5\"", NULL },
	{ "limits.idle_timeout= '5' # as in the file", NULL },
	{ "log.level=debug", NULL },
	{ "user=\"\"", NULL },
	{ "access.allow={}", NULL },
	{ "access.allow={ \"192.0.2.0/24\", ::1 }", NULL },
	{ "access.allow=::1", NULL },
	{ "access.allow={ 10.1.2.3/8, x }", "-o access.allow={ 10.1.2.3/8, x }: 10.1.2.3/8: bits"
	    " behind the prefix are set: give 10.0.0.0/8, or 10.1.2.3 alone\n"
	    "-o access.allow={ 10.1.2.3/8, x }: x: give an address or a prefix, such as"
	    " 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32, or a user, such as uid:1000\n" },
	{ "access.allow=x", "-o access.allow=x: give an address or a prefix, such as"
	    " 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32, or a user, such as uid:1000\n" },
	{ "access.allow={ ::1 ::2 }", "-o access.allow={ ::1 ::2 }: \",\" is missing between two"
	    " elements\n" },
	{ "access.allow={ ::1", "-o access.allow={ ::1: this list has no end: \"}\" is missing; or"
	    " it is a section, which has no \"=\"\n" },
	{ "workers={ 4 }", "-o workers={ 4 }: give one value, not a list\n" },
	{ "workers = 4",
	    "-o workers = 4: unknown option \"workers \": did you mean \"workers\"?\n" },
	{ "limits.idle_timeout=x",
	    "-o limits.idle_timeout=x: give 0 to 86400 seconds (0: no limit)\n" },
	{ "limits.idle_timeout=", "-o limits.idle_timeout=" NOT_ONE_VALUE },
	{ "workers=3 } user = root", "-o workers=3 } user = root" NOT_ONE_VALUE },
	{ "workers=3 value=4", "-o workers=3 value=4" NOT_ONE_VALUE },
	{ "workers=3*", "-o workers=3*: unexpected \"*\": write it in quotes\n" },
	{ "user=\"x", "-o user=\"x: this string has no end: '\"' is missing\n" },
	{ "user=${USER}", "-o user=${USER}: \"${\" would be replaced from the environment:"
	    " write the value in single quotes\n" },
	{ "user=no-such-user", "-o user=no-such-user: user = \"no-such-user\": no user of this"
	    " name: give one that exists, or \"\"\n" },
	{ "edge_triggered=maybe",
	    "-o edge_triggered=maybe: give true or false (or yes, no, on, off)\n" },
	{ "workers", "-o workers: write NAME=VALUE\n" },
	{ "limit.connections=5", "-o limit.connections=5: unknown option \"limit.connections\":"
	    " did you mean \"limits.connections\"?\n" },
	{ "connections=5", "-o connections=5: unknown option \"connections\":"
	    " did you mean \"limits.connections\"?\n" },
	{ "colour=red", "-o colour=red: unknown option \"colour\"" UNKNOWN },
	{ "=5", "-o =5: unknown option \"\"" UNKNOWN },
	{ "listen.port=5", "-o listen.port=5: -o sets no listener: give -l URI\n" },
	{ "listen={}", "-o listen={}: -o sets no listener: give -l URI\n" },
	{ "a\033b", "-o a?b: write NAME=VALUE\n" },
};

START_TEST(sets)
{
	const char *const argument = settings[_i].argument;
	const struct config_source source = { .path = path, .set = &argument, .set_count = 1 };

	write_file(GOOD);
	if (settings[_i].faults != NULL)
		assert_faults(&source, settings[_i].faults);
	else
		config_free(load_good(&source));
}
END_TEST

START_TEST(unknown_setting_is_told_all_names)
{
	const char *const set = "colour=red";
	const struct config_source source = { .path = path, .set = &set, .set_count = 1 };
	char *told;

	write_file(GOOD);
	ck_assert_ptr_null(load(&source, &told));
	OPTION_FOR_EACH(row) {
		char name[OPTION_LABEL_SIZE + 2], label[OPTION_LABEL_SIZE];

		snprintf(name, sizeof(name), " %s", option_label(row, label));
		ck_assert_msg((strstr(told, name) == NULL) == option_is_of_listener(row), "%s", name);
	}
	free(told);
}
END_TEST

START_TEST(last_setting_wins)
{
	const char *const set[] = { "workers=4", "log.level=err", "workers=5", "user=\"\"" };
	const struct config_source source = { .path = path, .set = set, .set_count = 4 };
	struct config *config;

	/* What the command line overrides is not looked up. */
	write_file("workers = 3\nuser = \"no-such-user\"\n" GOOD);
	config = load_good(&source);
	ck_assert_int_eq(config->workers, 5);
	ck_assert_int_eq(config->log.level, LOG_ERR);
	ck_assert_str_eq(config->user, "");
	config_free(config);
}
END_TEST

START_TEST(setting_replaces_a_list)
{
	const char *const set[] = { "access.allow={ ::1, ::2 }", "access.allow=::3",
		"access.deny={}" };
	const struct config_source source = { .path = path, .set = set, .set_count = 3 };
	struct config *config;
	char *text;

	write_file("access { allow = { 10.0.0.0/8 } deny = { 10.1.0.0/16 } }\n" GOOD);
	config = load_good(&source);
	text = dump(config);
	ck_assert_ptr_nonnull(strstr(text, "\tallow = {\"::3\"} "));
	ck_assert_ptr_nonnull(strstr(text, "\tdeny = {} "));
	free(text);
	config_free(config);
}
END_TEST

/* A fault between options is told where the option stands that cannot be. */
START_TEST(faults_between_file_and_setting)
{
	const char *const poll = "event_method=poll", *const edge = "edge_triggered=true";
	struct config_source source = { .path = path, .set = &poll, .set_count = 1 };
	static const char fault[] = "edge_triggered = true: event_method \"poll\" has no edges:"
	    " give \"epoll\", or edge_triggered = false\n";
	char expected[256];

	snprintf(expected, sizeof(expected), "FILE:2: %s", fault);
	write_file("\nedge_triggered = true\n" GOOD);
	assert_faults(&source, expected);
	source.set = &edge;
	snprintf(expected, sizeof(expected), "-o edge_triggered=true: %s", fault);
	write_file("event_method = poll\n" GOOD);
	assert_faults(&source, expected);
}
END_TEST

START_TEST(uris_replace_listeners)
{
	const char *const listen[] = { "tcp://127.0.0.1:0", "udp://*:7", "tcp://[::1]:7" };
	const struct config_source source = { .path = path, .listen = listen, .listen_count = 3 };
	struct config *config;

	write_file(GOOD);
	config = load_good(&source);
	ck_assert_uint_eq(config->listen_count, 3);
	ck_assert_str_eq(config->listen[0].name, "tcp-1");
	ck_assert_str_eq(config->listen[0].address, "127.0.0.1");
	ck_assert_int_eq(config->listen[0].protocol, PROTOCOL_TCP);
	ck_assert_uint_eq(config->listen[0].port, 0);
	ck_assert_str_eq(config->listen[1].name, "udp-2");
	ck_assert_str_eq(config->listen[1].address, "*");
	ck_assert_int_eq(config->listen[1].protocol, PROTOCOL_UDP);
	ck_assert_uint_eq(config->listen[1].port, 7);
	ck_assert_str_eq(config->listen[2].name, "tcp-3");
	ck_assert_str_eq(config->listen[2].address, "::1");
	config_free(config);
}
END_TEST

START_TEST(uri_faults)
{
	const char *const listen[] = { "tcp://a:7", "tcp:7", "udp://*:7", "udp://127.0.0.1:7" };
	const struct config_source source = { .path = path, .listen = listen, .listen_count = 4 };

	write_file("workers = x\n" GOOD);
	assert_faults(&source, "FILE:1: workers = x: give 0 to 256 (0: one for each CPU)\n"
	    "-l tcp://a:7: give a numeric IPv4 or IPv6 address, \"*\" or \"localhost\"\n"
	    "-l tcp:7: write tcp://HOST:PORT, udp://HOST:PORT, tls://HOST:PORT or unix:PATH\n"
	    "-l udp://127.0.0.1:7: listener \"udp-4\" (udp://127.0.0.1:7) overlaps"
	    " listener \"udp-3\" (udp://*:7): give another address or port\n");
}
END_TEST

START_TEST(foreground_and_verbose)
{
	struct config_source source = { .path = path, .foreground = true };
	static const int levels[] = { LOG_NOTICE, LOG_INFO, LOG_DEBUG, LOG_DEBUG };
	const char *text = "log { target = syslog level = notice }\n" GOOD;
	struct config *config;

	write_file(text);
	for (source.verbose = 0; source.verbose < 4; source.verbose++) {
		config = load_good(&source);
		ck_assert_int_eq(config->log.target, LOG_TARGET_STDERR);
		ck_assert_int_eq(config->log.level, levels[source.verbose]);
		config_free(config);
	}
	source.foreground = false;
	config = load_good(&source);
	ck_assert_int_eq(config->log.target, LOG_TARGET_SYSLOG);
	config_free(config);
}
END_TEST

/* --- the dump ---------------------------------------------------------------------------- */

/* Bytes that a user database may hold, and that the file's syntax has a meaning for. */
START_TEST(dump_escapes)
{
	static const char name[] = "a\"b\\c$d'e#f\n\t\x01g{h}\xc3\xa9 /* i */ // ${HOME}";
	const struct config_source source = { .path = path };
	struct config *config;
	char *text, *told;

	write_file(GOOD);
	config = load_good(&source);
	free(config->user);
	config->user = strdup(name);
	text = dump(config);
	config_free(config);
	ck_assert_ptr_nonnull(strstr(text,
	    "user = \"a\\\"b\\\\c\\$d'e#f\\x0a\\x09\\x01g{h}\xc3\xa9 /* i */ // \\${HOME}\""));
	write_file(text);
	free(text);
	/* It was read back as it was, for this is the name that no user has. */
	ck_assert_ptr_null(load(&source, &told));
	ck_assert_ptr_nonnull(strstr(told,
	    "user = \"a\"b\\c$d'e#f???g{h}\xc3\xa9 /* i */ // ${HOME}\": no user of this name"));
	free(told);
}
END_TEST

START_TEST(dump_tells_a_full_disk)
{
	const struct config_source source = { .path = path };
	struct config *config;
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	write_file(GOOD);
	config = load_good(&source);
	ck_assert_int_eq(config_dump(config, full), -1);
	ck_assert_int_eq(errno, ENOSPC);
	fclose(full);
	config_free(config);
}
END_TEST

/* --- reloads --------------------------------------------------------------------------------- */

static char changes[1024];

static void
note_change(const char *option, const char *running, const char *next)
{
	const size_t used = strlen(changes);

	snprintf(changes + used, sizeof(changes) - used, "%s: %s stays, not %s\n", option, running,
	    next);
}

START_TEST(keeps_fixed_options)
{
	static const char before[] = "workers = 2\nuser = \"nobody\"\nevent_method = poll\n" GOOD;
	static const char after[] = "workers = 4\nuser = root\ngroup = root\nedge_triggered = on\n"
	    "drain_timeout = 7\nlimits { connections = 9 }\nlog { level = err }\n"
	    "listen b { port = 1 }\n";
	const struct config_source source = { .path = path };
	struct config *running, *next;

	write_file(before);
	running = load_good(&source);
	write_file(after);
	next = load_good(&source);
	config_keep_fixed(next, running, note_change);
	ck_assert_str_eq(changes, "user: \"nobody\" stays, not \"root\"\n"
	    "group: \"\" stays, not \"root\"\n"
	    "workers: 2 stays, not 4\n"
	    "event_method: \"poll\" stays, not \"auto\"\n"
	    "edge_triggered: false stays, not true\n");
	ck_assert_str_eq(next->user, "nobody");
	ck_assert_str_eq(next->group, "");
	ck_assert_int_eq(next->workers, 2);
	ck_assert_int_eq(next->event_method, EVENT_METHOD_POLL);
	ck_assert(!next->edge_triggered);
	ck_assert_int_eq(next->drain_timeout, 7);
	ck_assert_int_eq(next->limits.connections, 9);
	ck_assert_int_eq(next->log.level, LOG_ERR);
	ck_assert_str_eq(next->listen[0].name, "b");
	ck_assert_str_eq(running->group, "root");
	config_free(running);
	config_free(next);
}
END_TEST

/* A value other than that of "listen a { port = 0 }". */
static const char *
another_value(const struct option_row *row)
{
	switch (row->type) {
	case OPTION_PROTOCOL:
		return "udp";
	case OPTION_ADDRESS:
		return "::1";
	case OPTION_PORT:
		return "7";
	case OPTION_PATH:
		return "/run/echod.sock";
	case OPTION_MODE:
		return "0600";
	case OPTION_STRING:
	case OPTION_STRINGS:
	case OPTION_GREETING:
		return "root";
	case OPTION_CHOICE:
		return row->choices[1].name;
	case OPTION_BOOL:
		return "true";
	case OPTION_PREFIXES:
		return "::1";
	default:
		ck_abort_msg("give %s another value", row->name);
	}
	return NULL;
}

START_TEST(what_makes_another_listener)
{
	const struct config_source source = { .path = path };
	char right[VALUE_RIGHT_SIZE];

	write_file(GOOD);
	OPTION_FOR_EACH(row) {
		struct config *a = load_good(&source), *b = load_good(&source);

		ck_assert(config_is_same_listener(&a->listen[0], &b->listen[0]));
		if (option_is_of_listener(row)) {
			ck_assert_int_ne(row->effect, ON_RESTART);
			ck_assert(value_parse(row, another_value(row), &b->listen[0], right));
			ck_assert_int_eq(config_is_same_listener(&a->listen[0], &b->listen[0]),
			    row->effect != ON_BIND);
		} else {
			ck_assert_int_ne(row->effect, ON_BIND);
		}
		config_free(a);
		config_free(b);
	}
}
END_TEST

START_TEST(another_name_is_another_listener)
{
	const struct config_source source = { .path = path };
	struct config *a, *b;

	write_file(GOOD);
	a = load_good(&source);
	write_file("listen b { port = 0 }\n");
	b = load_good(&source);
	ck_assert(!config_is_same_listener(&a->listen[0], &b->listen[0]));
	config_free(a);
	config_free(b);
}
END_TEST

START_TEST(looks_up_no_user_again)
{
	static const char same[] = "user = no-such-user\ngroup = no-such-group\n" GOOD;
	static const char other[] = "user = no-such-user\ngroup = no-such-user\n" GOOD;
	char user[] = "no-such-user", group[] = "no-such-group";
	const struct config running = { .user = user, .group = group };
	const struct config_source source = { .path = path, .running = &running };

	write_file(same);
	config_free(load_good(&source));
	write_file(other);
	assert_faults(&source, "FILE:2: group = \"no-such-user\": no group of this name: give one"
	    " that exists, or \"\"\n");
}
END_TEST

START_TEST(event_method_names)
{
	ck_assert_str_eq(event_method_name(EVENT_METHOD_AUTO), "auto");
	ck_assert_str_eq(event_method_name(EVENT_METHOD_EPOLL), "epoll");
	ck_assert_str_eq(event_method_name(EVENT_METHOD_POLL), "poll");
	ck_assert_str_eq(event_method_name(EVENT_METHOD_SELECT), "select");
}
END_TEST

/* --- all of them ------------------------------------------------------------------ */

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, sets, 0, (int)(sizeof(settings) / sizeof(settings[0])));
	tcase_add_test(tcase, unknown_setting_is_told_all_names);
	tcase_add_test(tcase, last_setting_wins);
	tcase_add_test(tcase, setting_replaces_a_list);
	tcase_add_test(tcase, faults_between_file_and_setting);
	tcase_add_test(tcase, uris_replace_listeners);
	tcase_add_test(tcase, uri_faults);
	tcase_add_test(tcase, foreground_and_verbose);
	tcase_add_test(tcase, dump_escapes);
	tcase_add_test(tcase, dump_tells_a_full_disk);
	tcase_add_test(tcase, keeps_fixed_options);
	tcase_add_test(tcase, what_makes_another_listener);
	tcase_add_test(tcase, another_name_is_another_listener);
	tcase_add_test(tcase, looks_up_no_user_again);
	tcase_add_test(tcase, event_method_names);
}

int
main(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");

	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
