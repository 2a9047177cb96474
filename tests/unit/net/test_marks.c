/* What IP packets are marked with: the names, and what a socket then sends and hears. */
#include "net/marks.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "net/address.h"
#include "runner.h"

static const struct {
	const char *text;
	int dscp; /* -1: it is wrong */
} dscps[] = {
	{ "0", 0 }, { "63", 63 }, { "0x2e", 46 }, { "ef", 46 }, { "EF", 46 }, { "cs0", 0 }, { "cs7", 56 },
	{ "af11", 10 }, { "AF43", 38 }, { "le", 1 }, { "df", 0 }, { "voice-admit", 44 },
	{ "64", -1 }, { "-1", -1 }, { "", -1 }, { "cs8", -1 }, { "af44", -1 }, { "af51", -1 },
	{ "af1", -1 }, { "efx", -1 }, { "0x", -1 }, { "4.5", -1 }, { "99999999999999", -1 },
};

START_TEST(names_of_dscp)
{
	struct marking marking = { .tos = 3 };
	int dscp = -1;

	if (dscps[_i].dscp == -1) {
		ck_assert_ptr_nonnull(marks_parse_dscp(dscps[_i].text, &dscp));
		ck_assert_ptr_nonnull(marking_parse_dscp(&marking, dscps[_i].text));
		ck_assert(!marking.has_tos);
		return;
	}
	ck_assert_ptr_null(marks_parse_dscp(dscps[_i].text, &dscp));
	ck_assert_int_eq(dscp, dscps[_i].dscp);
	ck_assert_ptr_null(marking_parse_dscp(&marking, dscps[_i].text));
	ck_assert(marking.has_tos && marking.tos == (dscp << 2 | 3)); /* ECN stays */
}
END_TEST

START_TEST(names_of_ecn)
{
	static const char *const names[] = { "not-ect", "ect1", "ECT0", "ce" };
	static const char *const wrong[] = { "", "4", "ect", "ect2", "-1" };

	for (int i = 0; i < 4; i++) {
		struct marking marking = { .tos = 0xb8 };

		ck_assert_ptr_null(marking_parse_ecn(&marking, names[i]));
		ck_assert(marking.has_tos && marking.tos == (0xb8 | i));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_ptr_nonnull(marking_parse_ecn(&(struct marking){ 0 }, wrong[i]));
}
END_TEST

/* A socket that is connected to itself. */
static int
open_loop(const char *host)
{
	struct address address;
	socklen_t length = sizeof(address);
	int fd;

	ck_assert(address_parse(&address, host, 0));
	fd = socket(address.sa.sa_family, SOCK_DGRAM, 0);
	if (fd == -1 || bind(fd, &address.sa, address_length(&address)) == -1)
		return -1; /* a host without IPv6 */
	ck_assert_int_eq(getsockname(fd, &address.sa, &length), 0);
	ck_assert_int_eq(connect(fd, &address.sa, length), 0);
	return fd;
}

static struct marks
send_and_hear(int fd)
{
	_Alignas(struct cmsghdr) char control[MARKS_SPACE];
	char byte = 0;
	struct iovec payload = { &byte, 1 };
	struct msghdr header = {
		.msg_iov = &payload,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	ck_assert_int_eq(send(fd, &byte, 1, 0), 1);
	ck_assert_int_eq(recvmsg(fd, &header, 0), 1);
	return marks_read(&header);
}

static const struct {
	const char *host;
	int family;
} loops[] = { { "127.0.0.1", AF_INET }, { "::1", AF_INET6 } };

START_TEST(what_is_set_is_heard)
{
	const int fd = open_loop(loops[_i].host), family = loops[_i].family;
	struct marks marks;

	if (fd == -1)
		return;
	marks = send_and_hear(fd);
	ck_assert(marks.tos == -1 && marks.ttl == -1); /* nobody has asked */
	marks_ask(fd, family);
	ck_assert_int_eq(marking_set(&(struct marking){ 0 }, fd, family), 0);
	ck_assert_int_eq(send_and_hear(fd).tos, 0);
	ck_assert_int_eq(marking_set(&(struct marking){ true, 0xba, 9, FRAGMENTS_FORBIDDEN }, fd,
	    family), 0);
	marks = send_and_hear(fd);
	ck_assert_int_eq(marks.tos, 0xba);
	ck_assert_int_eq(marks.ttl, 9);
	ck_assert_int_gt(marks_path_mtu(fd, family), 1279);
	close(fd);
}
END_TEST

static int
discovery_of(int fd, int family)
{
	const bool is_ipv4 = family == AF_INET;
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(fd, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
	    is_ipv4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &value, &length);
	return value;
}

/* Both families have the same values. */
START_TEST(fragments_are_as_is_asked_for)
{
	const int fd = open_loop(loops[_i].host), family = loops[_i].family;
	const struct marking dont = { .fragments = FRAGMENTS_ALLOWED };
	const struct marking never = { .fragments = FRAGMENTS_FORBIDDEN };
	const struct marking probed = { .fragments = FRAGMENTS_PROBED };

	if (fd == -1)
		return;
	ck_assert_int_eq(marking_set(&dont, fd, family), 0);
	ck_assert_int_eq(discovery_of(fd, family), IP_PMTUDISC_DONT);
	ck_assert_int_eq(marking_set(&never, fd, family), 0);
	ck_assert_int_eq(discovery_of(fd, family), IP_PMTUDISC_DO);
	ck_assert_int_eq(marking_set(&probed, fd, family), 0);
	ck_assert_int_eq(discovery_of(fd, family), IP_PMTUDISC_PROBE);
	ck_assert_int_eq(marking_set(&(struct marking){ 0 }, fd, family), 0);
	ck_assert_int_eq(discovery_of(fd, family), IP_PMTUDISC_PROBE);
	close(fd);
}
END_TEST

START_TEST(of_other_families_there_are_none)
{
	ck_assert_int_eq(marking_set(&(struct marking){ true, 1, 1, FRAGMENTS_ALLOWED }, -1, AF_UNIX), 0);
	ck_assert_int_eq(marks_path_mtu(-1, AF_UNIX), 0);
	ck_assert_int_eq(marking_set(&(struct marking){ true, 1, 1, FRAGMENTS_ALLOWED }, -1, AF_INET),
	    EBADF);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("marks");
	TCase *tests = tcase_create("marks");

	tcase_add_loop_test(tests, names_of_dscp, 0, sizeof(dscps) / sizeof(dscps[0]));
	tcase_add_test(tests, names_of_ecn);
	tcase_add_loop_test(tests, what_is_set_is_heard, 0, sizeof(loops) / sizeof(loops[0]));
	tcase_add_loop_test(tests, fragments_are_as_is_asked_for, 0, sizeof(loops) / sizeof(loops[0]));
	tcase_add_test(tests, of_other_families_there_are_none);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
