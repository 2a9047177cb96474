/* Which listener an inherited socket belongs to. */
#include "daemon/listen/inherited.h"
#include "runner.h"

struct socket_case {
	enum protocol protocol;
	const char *address;
	bool dual_stack;
};

static const struct socket_case dual = { PROTOCOL_TCP, "::", true };
static const struct socket_case six = { PROTOCOL_TCP, "::", false };
static const struct socket_case four = { PROTOCOL_TCP, "0.0.0.0", false };
static const struct socket_case one = { PROTOCOL_TCP, "192.0.2.1", false };
static const struct socket_case here4 = { PROTOCOL_UDP, "127.0.0.1", false };
static const struct socket_case here6 = { PROTOCOL_UDP, "::1", false };

/* All sockets have port 7. */
static const struct match_case {
	const struct socket_case *socket;
	enum protocol protocol;
	char address[24];
	uint16_t port;
	bool belongs;
} matches[] = {
	{ &dual, PROTOCOL_TCP, "*", 7, true },
	{ &dual, PROTOCOL_TCP, "::", 7, false },
	{ &dual, PROTOCOL_TCP, "0.0.0.0", 7, false },
	{ &dual, PROTOCOL_TCP, "localhost", 7, false },
	{ &dual, PROTOCOL_UDP, "*", 7, false },
	{ &dual, PROTOCOL_TCP, "*", 8, false },
	{ &dual, PROTOCOL_TCP, "*", 0, false },
	{ &six, PROTOCOL_TCP, "*", 7, true },
	{ &six, PROTOCOL_TCP, "::", 7, true },
	{ &six, PROTOCOL_TCP, "0::0", 7, true },
	{ &four, PROTOCOL_TCP, "*", 7, true },
	{ &four, PROTOCOL_TCP, "0.0.0.0", 7, true },
	{ &four, PROTOCOL_TCP, "::", 7, false },
	{ &one, PROTOCOL_TCP, "192.0.2.1", 7, true },
	{ &one, PROTOCOL_TCP, "::ffff:192.0.2.1", 7, true },
	{ &one, PROTOCOL_TCP, "192.0.2.2", 7, false },
	{ &one, PROTOCOL_TCP, "*", 7, false },
	{ &here4, PROTOCOL_UDP, "localhost", 7, true },
	{ &here4, PROTOCOL_UDP, "127.0.0.1", 7, true },
	{ &here4, PROTOCOL_TCP, "localhost", 7, false },
	{ &here4, PROTOCOL_UDP, "localhost", 0, false },
	{ &here6, PROTOCOL_UDP, "localhost", 7, true },
	{ &here6, PROTOCOL_UDP, "::1", 7, true },
	{ &here6, PROTOCOL_UDP, "127.0.0.1", 7, false },
};
#define MATCH_COUNT ((int)(sizeof(matches) / sizeof(matches[0])))

START_TEST(protocol_address_and_port_decide)
{
	const struct match_case *match = &matches[_i];
	const struct endpoint_view endpoint = { match->protocol, match->address, match->port };
	struct inherited_socket socket = {
		.protocol = match->socket->protocol, .dual_stack = match->socket->dual_stack,
	};

	ck_assert(address_parse(&socket.address, match->socket->address, 7));
	ck_assert_int_eq(inherited_belongs(&socket, &endpoint), match->belongs);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("inherited");
	TCase *tests = tcase_create("inherited");

	tcase_add_loop_test(tests, protocol_address_and_port_decide, 0, MATCH_COUNT);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
