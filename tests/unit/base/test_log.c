/* The log: its lines, its levels, and that nobody ever waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "runner.h"

static int log_pipe[2];

/* Each test runs in a process of its own, so its stderr may become a pipe. */
static void
capture_stderr(void)
{
	ck_assert_int_eq(pipe2(log_pipe, O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(log_pipe[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(fcntl(log_pipe[0], F_SETFL, O_NONBLOCK), 0);
}

/* Reads what has been written until now. */
static size_t
captured(char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1 && (n = read(log_pipe[0], text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	return used;
}

static void
assert_matches(const char *text, const char *pattern)
{
	regex_t compiled;

	ck_assert_int_eq(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&compiled, text, 0, NULL, 0) == 0, "\"%s\" is not like %s", text,
	    pattern);
	regfree(&compiled);
}

#define STAMP "20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "

static void
open_stderr(int level)
{
	const struct log_settings settings = { .target = LOG_TARGET_STDERR, .level = level };

	log_open(&settings);
}

START_TEST(lines)
{
	char text[4096];

	capture_stderr();
	open_stderr(LOG_DEBUG);
	ck_assert_int_eq(log_start(), 0);
	log_error("one %d", 1);
	log_warning("two");
	log_notice("three");
	log_info("four");
	log_debug("five");
	log_stop();
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "err: one 1\n" STAMP "warning: two\n" STAMP
	    "notice: three\n" STAMP "info: four\n" STAMP "debug: five\n$");
}
END_TEST

static int evaluated;

static int
evaluate(void)
{
	return ++evaluated;
}

START_TEST(json_lines)
{
	struct log_settings settings = {
		.target = LOG_TARGET_STDERR, .format = LOG_FORMAT_JSON, .level = LOG_INFO,
	};
	char text[4096];

	capture_stderr();
	log_open(&settings);
	log_info("opened: peer=%s number=%d", "a b", 7);
	log_warning("plain");
	log_numbers(LOG_NOTICE, "summary", "opened=3 sent=0");
	log_numbers(LOG_DEBUG, "summary", "opened=4");
	log_stop();
	settings.format = LOG_FORMAT_TEXT;
	log_open(&settings);
	log_info("closed: peer=%s", "a b");
	log_stop();
	captured(text, sizeof(text));
	assert_matches(text, "^[{]\"time\":\"20[0-9T:.-]+Z\",\"level\":\"info\","
	    "\"message\":\"opened\",\"peer\":\"a b\",\"number\":7[}]\n"
	    "[{]\"time\":\"20[0-9T:.-]+Z\",\"level\":\"warning\",\"message\":\"plain\"[}]\n"
	    "[{]\"time\":\"20[0-9T:.-]+Z\",\"level\":\"notice\","
	    "\"message\":\"summary\",\"opened\":3,\"sent\":0[}]\n"
	    STAMP "info: closed: peer=a b\n$");
}
END_TEST

START_TEST(a_level_that_is_off_costs_nothing)
{
	char text[4096];

	capture_stderr();
	open_stderr(LOG_INFO);
	log_debug("%d", evaluate());
	log_info("%d", evaluate());
	log_stop();
	ck_assert_int_eq(evaluated, 1);
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "info: 1\n$");
}
END_TEST

START_TEST(earlier_messages_wait_for_the_thread)
{
	char text[4096];

	capture_stderr();
	log_notice("before");
	ck_assert_uint_eq(captured(text, sizeof(text)), 0);
	ck_assert_int_eq(log_start(), 0);
	log_notice("after");
	log_stop();
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "notice: before\n" STAMP "notice: after\n$");
}
END_TEST

START_TEST(errno_is_kept)
{
	capture_stderr();
	errno = ENOTTY;
	log_error("%s", "");
	ck_assert_int_eq(errno, ENOTTY);
	log_stop();
}
END_TEST

START_TEST(long_lines_are_cut)
{
	char text[4096], message[3000];

	capture_stderr();
	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	log_notice("%s", message);
	log_notice("next");
	log_stop();
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "notice: x{100}");
	assert_matches(text, "x\n" STAMP "notice: next\n$");
	ck_assert_uint_gt(strlen(text), 1000);
}
END_TEST

START_TEST(the_journal_gets_priorities)
{
	char text[4096], stream[64];
	struct stat st;

	capture_stderr();
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_error("broken: number=%d", 7);
	log_stop();
	captured(text, sizeof(text));
	ck_assert_str_eq(text, "<3>broken: number=7\n");
}
END_TEST

static double
seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* stderr is a pipe that nobody reads: far more is logged than pipe and queue hold. */
static void
flood(void)
{
	char message[512];

	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	for (int i = 0; i < 8192; i++)
		log_notice("%s", message);
}

START_TEST(nobody_waits_for_a_log_that_is_stuck)
{
	struct timespec start;

	capture_stderr();
	ck_assert_int_eq(log_start(), 0);
	flood();
	ck_assert_uint_gt(log_suppressed(), 1000);
	clock_gettime(CLOCK_MONOTONIC, &start);
	log_stop(); /* gives up after a second */
	ck_assert(seconds_since(&start) >= 0.9);
	ck_assert(seconds_since(&start) < 10);
}
END_TEST

/* How many messages a line says were suppressed; 0: it says nothing of that. */
static uint64_t
told_by(const char *line)
{
	unsigned long long count = 0;
	const char *text = strstr(line, "warning: ");

	if (text == NULL || strstr(line, " messages suppressed: ") == NULL)
		return 0;
	ck_assert_int_eq(sscanf(text, "warning: %llu", &count), 1);
	return count;
}

START_TEST(suppressed_messages_are_told)
{
	char line[2048];
	uint64_t told = 0;
	FILE *output;

	capture_stderr();
	ck_assert_int_eq(log_start(), 0);
	flood();
	fcntl(log_pipe[0], F_SETFL, 0);
	output = fdopen(log_pipe[0], "r");
	ck_assert_ptr_nonnull(output);
	while (told < log_suppressed()) { /* ended by Check's own time-out if never told */
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), output));
		told += told_by(line);
	}
	ck_assert_uint_eq(told, log_suppressed());
	signal(SIGPIPE, SIG_IGN);
	fclose(output);
	log_stop();
}
END_TEST

static void
complain(int number)
{
	log_warning_limited("trouble: number=%d", number);
}

START_TEST(messages_that_repeat_are_counted)
{
	char text[4096];

	capture_stderr();
	ck_assert_int_eq(log_start(), 0);
	errno = ENOTTY;
	for (int i = 1; i <= 5; i++)
		complain(i);
	ck_assert_int_eq(errno, ENOTTY);
	log_error_limited("of another kind");
	log_settle();
	log_notice("last");
	log_stop();
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "warning: trouble: number=1\n" STAMP "err: of another kind\n" STAMP
	    "warning: 4 similar messages suppressed: trouble: number=5\n" STAMP "notice: last\n$");
}
END_TEST

/* Nothing else is logged meanwhile: the log says it by itself. */
START_TEST(the_count_is_told_when_the_period_is_over)
{
	struct pollfd line = { .events = POLLIN };
	char text[4096];

	capture_stderr();
	ck_assert_int_eq(log_start(), 0);
	complain(1);
	complain(2);
	line.fd = log_pipe[0];
	ck_assert_int_eq(poll(&line, 1, 5000), 1);
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "warning: trouble: number=1\n$");
	ck_assert_int_eq(poll(&line, 1, LOG_LIMIT_PERIOD + 20000), 1);
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "warning: 1 similar messages suppressed: trouble: number=2\n$");
	/* That was the line of another period. */
	complain(3);
	log_notice("last");
	ck_assert_int_eq(poll(&line, 1, 5000), 1);
	captured(text, sizeof(text));
	assert_matches(text, "^" STAMP "notice: last\n$");
	log_stop();
}
END_TEST

START_TEST(a_full_disk_is_survived)
{
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ne(full, -1);
	ck_assert_int_eq(dup2(full, STDERR_FILENO), STDERR_FILENO);
	log_error("lost");
	log_stop();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tests = tcase_create("log");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, lines);
	tcase_add_test(tests, json_lines);
	tcase_add_test(tests, a_level_that_is_off_costs_nothing);
	tcase_add_test(tests, earlier_messages_wait_for_the_thread);
	tcase_add_test(tests, errno_is_kept);
	tcase_add_test(tests, long_lines_are_cut);
	tcase_add_test(tests, the_journal_gets_priorities);
	tcase_add_test(tests, nobody_waits_for_a_log_that_is_stuck);
	tcase_add_test(tests, suppressed_messages_are_told);
	tcase_add_test(tests, messages_that_repeat_are_counted);
	tcase_add_test(tests, the_count_is_told_when_the_period_is_over);
	tcase_add_test(tests, a_full_disk_is_survived);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
