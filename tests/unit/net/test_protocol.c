/* The table of protocols. */
#include <netinet/in.h>

#include "net/protocol.h"
#include "runner.h"

START_TEST(names)
{
	enum protocol protocol = PROTOCOL_UDP;
	char text[PROTOCOLS_TEXT_SIZE];

	ck_assert_str_eq(protocol_name(PROTOCOL_TCP), "tcp");
	ck_assert(protocol_parse("tcp", &protocol));
	ck_assert_int_eq(protocol, PROTOCOL_TCP);
	ck_assert(!protocol_parse("TCP", &protocol));
	ck_assert(!protocol_parse("", &protocol));
	ck_assert_int_eq(protocol, PROTOCOL_TCP);
	ck_assert(protocol_parse("udp", &protocol));
	ck_assert_int_eq(protocol, PROTOCOL_UDP);
	ck_assert_str_eq(protocol_names(text), "tcp, udp, tls or unix");
	ck_assert_str_eq(protocol_forms(text), "tcp://HOST:PORT, udp://HOST:PORT, tls://HOST:PORT or unix:PATH");
	ck_assert_str_eq(protocol_names_of(protocol_has_ports, text), "tcp, udp or tls");
	ck_assert_str_eq(protocol_names_of(protocol_is_secure, text), "tls");
}
END_TEST

static const struct {
	int domain, type, number;
	bool found;
	enum protocol protocol;
} sockets[] = {
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, true, PROTOCOL_TCP },
	{ AF_INET6, SOCK_STREAM, IPPROTO_TCP, true, PROTOCOL_TCP },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, true, PROTOCOL_UDP },
	{ AF_INET, SOCK_STREAM, IPPROTO_SCTP, false, PROTOCOL_UDP },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, false, PROTOCOL_TCP },
	{ AF_INET, SOCK_RAW, IPPROTO_TCP, false, PROTOCOL_UDP },
	{ AF_UNIX, SOCK_STREAM, 0, true, PROTOCOL_UNIX },
	{ AF_UNIX, SOCK_DGRAM, 0, false, PROTOCOL_TCP },
	{ AF_UNIX, SOCK_SEQPACKET, 0, false, PROTOCOL_TCP },
	{ -1, -1, -1, false, PROTOCOL_UDP },
};

START_TEST(of_a_socket)
{
	enum protocol protocol = sockets[_i].protocol;

	ck_assert_int_eq(protocol_of_socket(sockets[_i].domain, sockets[_i].type,
	    sockets[_i].number, &protocol), sockets[_i].found);
	ck_assert_int_eq(protocol, sockets[_i].protocol);
}
END_TEST

START_TEST(streams_and_datagrams)
{
	ck_assert(protocol_is_stream(PROTOCOL_TCP));
	ck_assert(!protocol_is_stream(PROTOCOL_UDP));
	ck_assert_int_eq(protocol_socket_type(PROTOCOL_TCP), SOCK_STREAM);
	ck_assert_int_eq(protocol_socket_type(PROTOCOL_UDP), SOCK_DGRAM);
	ck_assert(protocol_shares_addresses(PROTOCOL_TCP, PROTOCOL_TCP));
	ck_assert(protocol_shares_addresses(PROTOCOL_UDP, PROTOCOL_UDP));
	ck_assert(!protocol_shares_addresses(PROTOCOL_TCP, PROTOCOL_UDP));
	ck_assert(protocol_is_stream(PROTOCOL_UNIX));
	ck_assert(!protocol_shares_addresses(PROTOCOL_TCP, PROTOCOL_UNIX));
	ck_assert(protocol_has_ports(PROTOCOL_TCP) && protocol_has_ports(PROTOCOL_UDP));
	ck_assert(!protocol_has_ports(PROTOCOL_UNIX));
}
END_TEST

START_TEST(defaults)
{
	ck_assert_int_eq(protocol_default(), PROTOCOL_TCP);
	ck_assert_uint_eq(protocol_default_port(PROTOCOL_TCP), 7);
	ck_assert_uint_eq(protocol_default_port(PROTOCOL_UDP), 7);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("protocol");
	TCase *tests = tcase_create("protocol");

	tcase_add_test(tests, names);
	tcase_add_loop_test(tests, of_a_socket, 0, sizeof(sockets) / sizeof(sockets[0]));
	tcase_add_test(tests, streams_and_datagrams);
	tcase_add_test(tests, defaults);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
