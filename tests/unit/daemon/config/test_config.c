/*
 * The configuration file.  What files alone can say is in the directory config:
 * each NAME.conf there has its NAME.faults (what is told, FILE for its path, "..." for any
 * end of a line) or its NAME.dump (what -T prints, but for lines that are as in
 * defaults.dump; each listener is there, if only by name).  The rest is below; the command
 * line has test_settings.c.
 */
#include <dirent.h>
#include <sys/wait.h>

#include "config_files.h"
#include "runner.h"

#define NOBODY 65534

/* --- the directory of cases --------------------------------------------------------- */

static struct dirent **cases;
static int case_count;

static int
is_case(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".conf") == 0;
}

static const char *
case_folder(void)
{
	static char name[4096];
	const char *srcdir = getenv("srcdir");

	snprintf(name, sizeof(name), "%s/tests/cases/config", srcdir != NULL ? srcdir : ".");
	return name;
}

/* The case's path, its ".conf" replaced by `ending`. */
static char *
case_path(const char *name, const char *ending)
{
	char *text;

	ck_assert_int_gt(asprintf(&text, "%s/%.*s%s", case_folder(),
	    (int)(strlen(name) - strlen(".conf")), name, ending), 0);
	return text;
}

/* --- dumps as differences --------------------------------------------------------------- */

/* Whether the line at `text` sets the option, or else begins the section, that `line` does. */
static bool
is_line_like(const char *text, const char *line)
{
	const char *value = strstr(line, " = "), *end = strchr(line, '\n');
	const size_t length = (size_t)((value != NULL && value < end ? value + 3 : end + 1) - line);

	return strncmp(text, line, length) == 0;
}

/* The lines of the section that begins as `head` does, or NULL. */
static const char *
section_like(const char *text, const char *head)
{
	for (const char *line = text; *line != '\0'; line = next_line(line))
		if (is_line_like(line, head))
			return next_line(line);
	return NULL;
}

/*
 * Prints the lines of a section of the defaults, each as `differing` has it, which may be
 * NULL; returns the line behind them.
 */
static const char *
print_section(FILE *out, const char *defaults, const char *differing)
{
	const char *line, *other;

	for (line = defaults; *line != '}' && *line != '\n'; line = next_line(line)) {
		other = differing != NULL ? differing : "";
		while (*other != '\0' && *other != '}' && !is_line_like(other, line))
			other = next_line(other);
		if (!is_line_like(other, line))
			other = line;
		fwrite(other, 1, (size_t)(next_line(other) - other), out);
	}
	return line;
}

static void
print_listeners(FILE *out, const char *defaults, const char *differences)
{
	const char *head = differences;

	while ((head = strstr(head, "listen ")) != NULL) {
		fprintf(out, "\n%.*s", (int)(next_line(head) - head), head);
		head = next_line(head);
		print_section(out, next_line(defaults), head);
		fputs("}\n", out);
	}
}

/* The dump that has `differences` from the defaults, for free(). */
static char *
dump_with(const char *defaults, const char *differences)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *at = print_section(out, defaults, differences);

	while (strncmp(at, "\nlisten ", 8) != 0) {
		const char *head = at + 1;

		fprintf(out, "%.*s", (int)(next_line(head) - at), at);
		at = print_section(out, next_line(head), section_like(differences, head));
		fputs("}\n", out);
		at = next_line(at);
	}
	print_listeners(out, at + 1, differences);
	fclose(out);
	for (const char *line = differences; *line != '\0'; line = next_line(line)) {
		char *whole = strndup(line, (size_t)(next_line(line) - line));

		ck_assert_msg(strstr(text, whole) != NULL, "no dump has %s", whole);
		free(whole);
	}
	return text;
}

static char *
read_dump(const char *name)
{
	char *base = case_path("defaults.conf", ".dump");
	char *defaults = read_file(base), *differences = read_file(name), *text;

	ck_assert_msg(*differences != '\0' && strchr(differences, '\0')[-1] == '\n',
	    "%s needs a whole last line", name);
	text = dump_with(defaults, differences);

	free(base);
	free(defaults);
	free(differences);
	return text;
}

/* --- each case ---------------------------------------------------------------------------- */

/* What was dumped is loaded again and gives the same dump. */
static void
assert_dump_is_stable(const char *text)
{
	const struct config_source source = { .path = path };
	struct config *config;
	char *again;

	write_file(text);
	config = load_good(&source);
	again = dump(config);
	ck_assert_str_eq(again, text);
	free(again);
	config_free(config);
}

START_TEST(is_as_its_case_says)
{
	const char *name = cases[_i]->d_name;
	char *conf = case_path(name, ".conf"), *faults = case_path(name, ".faults");
	char *dumped = case_path(name, ".dump"), *told, *seen, *expected;
	const struct config_source source = { .path = conf };
	const bool good = access(dumped, F_OK) == 0;
	struct config *config;

	ck_assert_msg(good != (access(faults, F_OK) == 0), "%s needs %s or %s", conf, faults,
	    dumped);
	expected = good ? read_dump(dumped) : read_file(faults);
	config = load(&source, &told);
	seen = config != NULL ? dump(config) : told;
	assert_same_lines(name, seen, expected);
	ck_assert_msg(good == (config != NULL), "%s", name);
	if (config != NULL)
		assert_dump_is_stable(seen);
	config_free(config);
	free(seen);
	free(expected);
	free(conf);
	free(faults);
	free(dumped);
}
END_TEST

/* The other way round: an expectation whose .conf was renamed would never be looked at. */
START_TEST(cases_are_complete)
{
	DIR *all = opendir(case_folder());
	struct dirent *entry;

	ck_assert_ptr_nonnull(all);
	ck_assert_int_gt(case_count, 50);
	while ((entry = readdir(all)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		char conf[8192];

		if (entry->d_name[0] == '.')
			continue;
		ck_assert_msg(dot != NULL, "what is %s?", entry->d_name);
		ck_assert_msg(strcmp(dot, ".conf") == 0 || strcmp(dot, ".faults") == 0 ||
		    strcmp(dot, ".dump") == 0, "what is %s?", entry->d_name);
		snprintf(conf, sizeof(conf), "%s/%.*s.conf", case_folder(),
		    (int)(dot - entry->d_name), entry->d_name);
		ck_assert_msg(access(conf, F_OK) == 0, "%s is missing", conf);
	}
	closedir(all);
}
END_TEST

/* --- what is no configuration file ---------------------------------------------------- */

START_TEST(directory)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
	assert_file_faults("FILE: this is a directory: give a file\n");
}
END_TEST

START_TEST(fifo)
{
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	assert_file_faults("FILE: this is no regular file\n");
}
END_TEST

START_TEST(device)
{
	const struct config_source source = { .path = "/dev/zero" };

	assert_faults(&source, "FILE: this is no regular file\n");
}
END_TEST

START_TEST(unreadable)
{
	int status;
	pid_t child;

	write_file(GOOD);
	ck_assert_int_eq(chmod(path, 0), 0);
	if (geteuid() != 0) {
		assert_file_faults("FILE: Permission denied: uid ...\n");
		return;
	}
	/* Root reads everything: someone else has to try. */
	child = check_fork();
	if (child == 0) {
		if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(EXIT_FAILURE);
		assert_file_faults("FILE: Permission denied: uid ...\n");
		_exit(EXIT_SUCCESS);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

START_TEST(missing)
{
	const char *const uri = "tcp://127.0.0.1:0";
	struct config_source source = { .path = path };
	struct config *config;

	assert_faults(&source, "FILE: No such file or directory\n");
	source.may_be_missing = true;
	assert_faults(&source, "FILE: No such file or directory: write it, or give -l URI\n");
	source.listen = &uri;
	source.listen_count = 1;
	config = load_good(&source);
	ck_assert_int_eq(config->limits.connections, 10000);
	config_free(config);
	source.may_be_missing = false;
	assert_faults(&source, "FILE: No such file or directory\n");
}
END_TEST

START_TEST(size_cap)
{
	const struct config_source source = { .path = path };
	char *text = malloc(MEBIBYTE + 1);
	size_t size;

	size = (size_t)sprintf(text, GOOD);
	memset(text + size, ' ', MEBIBYTE + 1 - size);
	write_bytes(text, MEBIBYTE);
	config_free(load_good(&source));
	write_bytes(text, MEBIBYTE + 1);
	assert_file_faults("FILE: larger than 1 MiB: this is no configuration file\n");
	free(text);
}
END_TEST

START_TEST(nul_byte)
{
	static const char text[] = "workers = 2\nlisten a { port = 7\0 }\n";

	write_bytes(text, sizeof(text) - 1);
	assert_file_faults("FILE:2: a NUL byte: this is no text file\n");
}
END_TEST

/* Whatever the bytes are, the answer is a configuration or faults: no crash, no exit, no hang. */
START_TEST(random_bytes)
{
	static const char marks[] = "{}()=+,\"'#/*\\$\n\n   abport listen limits7\x80\xff";
	const struct config_source source = { .path = path };
	unsigned char *bytes = malloc(MEBIBYTE);
	unsigned seed = (unsigned)_i;
	char *told;

	for (size_t i = 0; i < MEBIBYTE; i++) {
		const int random = rand_r(&seed) >> 4;

		/* Even rounds: all bytes; odd ones: those that mean something, no NUL. */
		bytes[i] = (unsigned char)(_i % 2 == 0 ? random :
		    marks[(size_t)random % (sizeof(marks) - 1)]);
	}
	write_bytes(bytes, MEBIBYTE);
	ck_assert_ptr_null(load(&source, &told));
	ck_assert_int_eq(strncmp(told, "FILE:", 5), 0);
	free(told);
	free(bytes);
}
END_TEST

/* Short ones get further than long ones: they meet each end in each state. */
START_TEST(random_words)
{
	static const char *const words[] = {
		"listen", "a", "{", "}", "port", "=", "7", "limits", "log", "level", "\"", "'",
		"/*", "*/", "#", "\n", "info", "workers", "+=", "(", ")", ",", "\\", "\"\"", "'x'",
		"//", "${", "|", "0", "\"\\1\"", "user", " ", "*",
	};
	const size_t word_count = sizeof(words) / sizeof(words[0]);
	const struct config_source source = { .path = path };
	unsigned seed = 42;

	for (int round = 0; round < 3000; round++) {
		char text[512] = "", *told;
		const int count = rand_r(&seed) % 24;
		size_t size = 0;

		for (int i = 0; i < count; i++)
			size += (size_t)sprintf(text + size, "%s%s",
			    words[(size_t)rand_r(&seed) % word_count],
			    rand_r(&seed) % 4 == 0 ? "" : " ");
		write_file(text);
		config_free(load(&source, &told));
		free(told);
	}
}
END_TEST

/* Lists that libconfuse or a check of each with each would need minutes for. */
START_TEST(long_lists)
{
	char *text = malloc(MEBIBYTE), *told;
	const struct config_source source = { .path = path };
	size_t size = 0;

	for (int i = 0; i < 1025; i++)
		size += (size_t)sprintf(text + size,
		    "listen a%d { port = 7 address = \"127.%d.%d.1\" }\n", i, i / 256, i % 256);
	write_bytes(text, size);
	assert_file_faults("FILE:1025: more than 1024 sections\n");
	size = 0;
	while (size < MEBIBYTE - 16)
		size += (size_t)sprintf(text + size, "workers = 1\n");
	write_bytes(text, size);
	ck_assert_ptr_null(load(&source, &told));
	ck_assert_ptr_nonnull(
	    strstr(told, "\nFILE:101: workers is set twice, first on line 1\nand "));
	free(told);
	size = (size_t)sprintf(text, "user = \"");
	memset(text + size, 'x', MEBIBYTE - size);
	text[MEBIBYTE - 2] = '"';
	write_bytes(text, MEBIBYTE - 1);
	assert_file_faults("FILE:1: this string is longer than 4096 bytes\n");
	free(text);
}
END_TEST

/* What is unknown is found in one pass, however much there is of it, and counted. */
START_TEST(files_of_another_program)
{
	static const struct {
		const char *line;
		const char *first, *count;
	} all[] = {
		{ "colour = red\n", "FILE:1: unknown option \"colour\"", "and 80558 more\n" },
		{ "a{}", "FILE:1: unknown option \"a\"", "and 349420 more\n" },
		{ "}", "FILE:1: unexpected \"}\"", "and 1048460 more\n" },
		{ "a={b,c ", "FILE:1: this list has no end", "more\n" },
		{ "a{", "FILE:1: unknown option \"a\"", "no end: \"}\" is missing\n" },
		{ "a = * ", "FILE:1: unexpected \"*\"", "and 174660 more\n" },
		{ "log { b = 1\n", "FILE:1: unknown option \"b\" in log", "more\n" },
		{ "workers 5\n", "FILE:1: \"=\" is missing after workers", "and 104756 more\n" },
	};
	const struct config_source source = { .path = path };
	const size_t length = strlen(all[_i].line), room = MEBIBYTE - 16;
	char *text = malloc(MEBIBYTE), *told;
	size_t size;

	for (size = 0; size + length <= room; size += length)
		memcpy(text + size, all[_i].line, length);
	write_bytes(text, size);
	ck_assert_ptr_null(load(&source, &told));
	ck_assert_msg(strncmp(told, all[_i].first, strlen(all[_i].first)) == 0, "%.200s", told);
	ck_assert_msg(strstr(told, all[_i].count) != NULL, "%s", strrchr(told, ':'));
	free(told);
	free(text);
}
END_TEST

/* libconfuse's lexer is global: a file that left it inside a string would spoil the next. */
START_TEST(faults_do_not_last)
{
	static const char *const bad[] = {
		"user = \"\\9\"", "user = \"x", "user = 'x", "/*", "{", "listen a {",
		"user = \"${HOME}\"", "x", "\"\" = 1", "log { level =", "include(\"x\")",
	};
	const struct config_source source = { .path = path };
	char *told;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(bad[i]);
		ck_assert_msg(load(&source, &told) == NULL, "%s", bad[i]);
		free(told);
		write_file(GOOD);
		config_free(load_good(&source));
	}
}
END_TEST

static int
count_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(all);
	while (readdir(all) != NULL)
		count++;
	closedir(all);
	return count;
}

START_TEST(no_descriptor_leaks)
{
	static const char *const texts[] = {
		GOOD, "listen a {", "user = \"\\9\"", "include(\"x\")", "",
	};
	const struct config_source source = { .path = path };
	const struct config_source no_file = { .path = folder };
	const int before = count_descriptors();
	char *told;

	for (int i = 0; i < 50; i++) {
		const char *text = texts[(size_t)i % (sizeof(texts) / sizeof(texts[0]))];

		write_file(text);
		config_free(load(&source, &told));
		free(told);
		ck_assert_ptr_null(load(&no_file, &told));
		free(told);
	}
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

/* --- all of them ------------------------------------------------------------------------------ */

static void
add_files(TCase *tcase)
{
	tcase_add_loop_test(tcase, is_as_its_case_says, 0, case_count);
	tcase_add_test(tcase, cases_are_complete);
	tcase_add_test(tcase, directory);
	tcase_add_test(tcase, fifo);
	tcase_add_test(tcase, device);
	tcase_add_test(tcase, unreadable);
	tcase_add_test(tcase, missing);
	tcase_add_test(tcase, size_cap);
	tcase_add_test(tcase, nul_byte);
	tcase_add_loop_test(tcase, random_bytes, 0, 6);
	tcase_add_test(tcase, random_words);
	tcase_add_test(tcase, long_lists);
	tcase_add_loop_test(tcase, files_of_another_program, 0, 8);
	tcase_add_test(tcase, faults_do_not_last);
	tcase_add_test(tcase, no_descriptor_leaks);
}

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *files = tcase_create("files");
	int status;

	case_count = scandir(case_folder(), &cases, is_case, alphasort);
	if (case_count < 0) {
		perror(case_folder());
		return EXIT_FAILURE;
	}
	tcase_add_checked_fixture(files, make_folder, remove_folder);
	tcase_set_timeout(files, 60);
	add_files(files);
	suite_add_tcase(suite, files);
	status = run_suite(suite);
	for (int i = 0; i < case_count; i++)
		free(cases[i]);
	free(cases);
	return status;
}
