/* Which sockets of a listener are what an address means, and which two listeners have. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/listen/bound.h"
#include "runner.h"

/* Most sockets of a set. */
#define SOCKETS_MOST 8

struct sample {
	struct bound bound;
	struct bound_socket sockets[SOCKETS_MOST];
};

static struct bound_socket
socket_at(const char *host, int fd)
{
	struct bound_socket socket = { .fd = fd, .dual_stack = strcmp(host, "*") == 0 };

	ck_assert(address_parse(&socket.address, socket.dual_stack ? "::" : host, 7));
	return socket;
}

/* None of the descriptors is open: nothing tells that such a socket is dead. */
static void
make(struct sample *sample, const char *text)
{
	char copy[128], *rest = copy, *host;

	*sample = (struct sample){ .bound.sockets = sample->sockets };
	snprintf(copy, sizeof(copy), "%s", text);
	while ((host = strsep(&rest, " ")) != NULL) {
		sample->sockets[sample->bound.count] = socket_at(host,
		    -10 - (int)sample->bound.count);
		sample->bound.count++;
	}
}

static const struct {
	const char *bound, *wanted;
	int found; /* its place; -1: there is none */
} finds[] = {
	{ "127.0.0.1 ::1", "127.0.0.1", 0 },
	{ "127.0.0.1 ::1", "::1", 1 },
	{ "127.0.0.1", "::1", -1 },
	{ "127.0.0.1", "0.0.0.0", -1 },
	{ "*", "*", 0 },
	{ "*", "::", -1 },
	{ "::", "*", -1 },
	{ "0.0.0.0", "*", -1 },
	{ "0.0.0.0 ::", "0.0.0.0", 0 },
	{ "fe80::1%1", "fe80::1%1", 0 },
	{ "fe80::1%1", "fe80::1%2", -1 },
	{ "fe80::1%1 fe80::1%2", "fe80::1%2", 1 },
	{ "fe80::1%1", "fe80::2%1", -1 },
	{ "::1 ::1 ::1", "::1", 0 },
};

START_TEST(finds_what_an_address_means)
{
	const struct bound_socket wanted = socket_at(finds[_i].wanted, -1);
	const struct bound_socket *found;
	struct sample sample;

	make(&sample, finds[_i].bound);
	found = bound_find(&sample.bound, &wanted.address, wanted.dual_stack);
	if (finds[_i].found == -1)
		ck_assert_ptr_null(found);
	else
		ck_assert_ptr_eq(found, &sample.sockets[finds[_i].found]);
	/* On another port it is another address. */
	for (size_t i = 0; i < sample.bound.count; i++)
		address_set_port(&sample.sockets[i].address, 8);
	ck_assert_ptr_null(bound_find(&sample.bound, &wanted.address, wanted.dual_stack));
}
END_TEST

START_TEST(has_addresses_and_descriptors)
{
	const struct bound_socket one = socket_at("::1", -1), two = socket_at("::2", -1);
	struct sample sample;

	make(&sample, "::1 127.0.0.1 ::1");
	ck_assert(bound_has_address(&sample.bound, &one.address));
	ck_assert(!bound_has_address(&sample.bound, &two.address));
	ck_assert(bound_has_fd(&sample.bound, -11));
	ck_assert(!bound_has_fd(&sample.bound, -1));
	ck_assert(bound_is_first(&sample.bound, 0));
	ck_assert(bound_is_first(&sample.bound, 1));
	ck_assert(!bound_is_first(&sample.bound, 2));
}
END_TEST

/* By their descriptors: of one address there may be another socket. */
START_TEST(compares_sets)
{
	struct sample a, b;

	make(&a, "127.0.0.1 ::1");
	make(&b, "127.0.0.1 ::1");
	ck_assert(bound_is_same(&a.bound, &b.bound));
	b.sockets[1].fd = -20;
	ck_assert(!bound_is_same(&a.bound, &b.bound));
	make(&b, "127.0.0.1");
	ck_assert(!bound_is_same(&a.bound, &b.bound));
	ck_assert(!bound_is_same(&b.bound, &a.bound));
}
END_TEST

/* What another listener serves stays open, whatever becomes of this one. */
START_TEST(closes_no_socket_that_is_kept)
{
	struct bound bound = { .count = 3, .sockets = calloc(3, sizeof(*bound.sockets)) };
	int fds[3];

	ck_assert_ptr_nonnull(bound.sockets);
	for (size_t i = 0; i < 3; i++) {
		fds[i] = bound.sockets[i].fd = dup(STDERR_FILENO);
		ck_assert_int_ge(fds[i], 0);
	}
	ck_assert(!bound_keeps(&bound));
	bound.sockets[1].kept = true;
	ck_assert(bound_keeps(&bound));
	bound_close_behind(&bound, 2);
	ck_assert_uint_eq(bound.count, 2);
	ck_assert_int_eq(fcntl(fds[2], F_GETFD), -1);
	bound_close(&bound);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1);
	ck_assert_int_ne(fcntl(fds[1], F_GETFD), -1);
	close(fds[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bound");
	TCase *tests = tcase_create("bound");

	tcase_add_loop_test(tests, finds_what_an_address_means, 0, sizeof(finds) / sizeof(finds[0]));
	tcase_add_test(tests, has_addresses_and_descriptors);
	tcase_add_test(tests, compares_sets);
	tcase_add_test(tests, closes_no_socket_that_is_kept);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
