/* A record of each kind: see items.h. */
#include "items.h"

#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#define IPV4(host, in_port) { .in4 = { .sin_family = AF_INET, .sin_port = (in_port), \
	.sin_addr.s_addr = (host) } }
#define IPV6(last, scope, first) { .in6 = { .sin6_family = AF_INET6, .sin6_port = 7, \
	.sin6_scope_id = (scope), .sin6_addr.s6_addr = { (first), 0x80, [15] = (last) } } }
#define UNIX(of_uid, of_pid) { .unix_peer = { AF_UNIX, (of_pid), (of_uid) } }

const struct parcel_item items[ITEMS] = {
	{ PARCEL_SERVICE, .service = { "1.2.3", 1700000000, 123456789, "workers = 2\n\tö\n" } },
	{ PARCEL_NUMBER, .number = { "echod_reloads_total", "success", 7 } },
	{ PARCEL_LISTENER, .listener = { PACKED_ECHO, "echo-tcp", PROTOCOL_TCP, "*", 7, 0, "", "",
	      "hello", true } },
	{ PARCEL_SOCKET, .socket = { 0, 0, 0 } },
	{ PARCEL_LISTENER, .listener = { PACKED_OBSERVE, "observe", PROTOCOL_UNIX, "/run/echod/observe",
	      0, 0660, "root", "adm", "", false } },
	{ PARCEL_SOCKET, .socket = { 3, UINT64_MAX, 4711 } },
	{ PARCEL_LEDGER, .ledger = { "echo-tcp", CARRIES_STREAMS, 0 } },
	{ PARCEL_NUMBER, .number = { "echod_sent_bytes_total", "", UINT64_MAX } },
	{ PARCEL_LEDGER, .ledger = { "", CARRIES_ANY | CARRIES_TLS, 9 } },
	{ PARCEL_SAMPLE, .sample = { 5000, 3, { 1, 0, UINT64_MAX } } },
	{ PARCEL_SAMPLE, .sample = { 0, 0, { 0 } } },
	{ PARCEL_SOURCE, .source = { { UINT64_MAX, SOURCE_IPV6 }, INT64_C(1) << 60 } },
	{ PARCEL_CONN, .conn = { 0, { .state = CONN_READING, .peer = IPV4(0x0100007f, 0xffff),
	      .opened = 1, .active = UINT32_MAX, .received = 5, .sent = 5 } } },
	{ PARCEL_CONN, .conn = { 1, { .state = CONN_BLOCKED, .peer = UNIX(1000, 4711), .grows = true,
	      .waiting = "three", .waiting_size = 5, .is_echo = true, .waits_since = 17,
	      .blocked_since = UINT16_MAX, .received = 10, .sent = 5 } } },
	{ PARCEL_CONN, .conn = { 0, { .state = CONN_FLUSHING, .reason = CLOSE_PEER,
	      .peer = IPV6(1, 0, 0x20), .waiting = "12345678", .waiting_size = 8 } } },
	{ PARCEL_CONN, .conn = { 0, { .state = CONN_CLOSING, .reason = CLOSE_DRAIN,
	      .peer = IPV6(1, 2, 0xfe), .is_proxied = true, .paid_until = INT64_C(1) << 60,
	      .via = { IPV4(1, 2), true } } } },
	{ PARCEL_CONN, .conn = { 0, { .state = CONN_LINGERING, .reason = CLOSE_IDLE,
	      .is_proxied = true } } },
	{ PARCEL_PREAMBLE, .preamble = { 1, { IPV4(1, 2), 99, "PROXY ", 6, "hello $peer" } } },
	{ PARCEL_PREAMBLE, .preamble = { 0, { UNIX(UINT32_MAX, 0), 99, NULL, 0, "" } } },
};

size_t
items_descriptors(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ITEMS; i++)
		count += parcel_has_descriptor(items[i].kind);
	return count;
}

static void
assert_same_conn(const struct packed_conn *a, const struct packed_conn *b)
{
	struct packed_conn of_a = *a, of_b = *b;

	if (a->waiting_size > 0)
		ck_assert_mem_eq(a->waiting, b->waiting, a->waiting_size);
	else
		ck_assert_ptr_eq(a->waiting, b->waiting);
	of_a.waiting = of_b.waiting = NULL;
	ck_assert_mem_eq(&of_a, &of_b, sizeof(of_a));
}

static void
assert_same_preamble(const struct packed_preamble *a, const struct packed_preamble *b)
{
	ck_assert_mem_eq(&a->proxy, &b->proxy, sizeof(a->proxy));
	ck_assert_int_eq(a->begun, b->begun);
	ck_assert_uint_eq(a->held_size, b->held_size);
	if (a->held_size > 0)
		ck_assert_mem_eq(a->held, b->held, a->held_size);
	ck_assert_str_eq(a->greeting, b->greeting);
}

static void
assert_same_listener(const struct packed_listener *a, const struct packed_listener *b)
{
	ck_assert_int_eq(a->role, b->role);
	ck_assert_str_eq(a->name, b->name);
	ck_assert_int_eq(a->protocol, b->protocol);
	ck_assert_str_eq(a->place, b->place);
	ck_assert_int_eq(a->port, b->port);
	ck_assert_int_eq(a->mode, b->mode);
	ck_assert_str_eq(a->owner, b->owner);
	ck_assert_str_eq(a->group, b->group);
	ck_assert_str_eq(a->greeting, b->greeting);
	ck_assert_int_eq(a->is_proxied, b->is_proxied);
}

void
assert_same_item(const struct parcel_item *a, const struct parcel_item *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	switch (a->kind) {
	case PARCEL_SERVICE:
		ck_assert_str_eq(a->service.version, b->service.version);
		ck_assert_int_eq(a->service.started, b->service.started);
		ck_assert_int_eq(a->service.packed, b->service.packed);
		ck_assert_str_eq(a->service.configuration, b->service.configuration);
		break;
	case PARCEL_LISTENER:
		assert_same_listener(&a->listener, &b->listener);
		break;
	case PARCEL_SOCKET:
		ck_assert_mem_eq(&a->socket, &b->socket, sizeof(a->socket));
		break;
	case PARCEL_LEDGER:
		ck_assert_str_eq(a->ledger.name, b->ledger.name);
		ck_assert_uint_eq(a->ledger.carries, b->ledger.carries);
		ck_assert_uint_eq(a->ledger.gone, b->ledger.gone);
		break;
	case PARCEL_NUMBER:
		ck_assert_str_eq(a->number.family, b->number.family);
		ck_assert_str_eq(a->number.value, b->number.value);
		ck_assert_uint_eq(a->number.number, b->number.number);
		break;
	case PARCEL_SAMPLE:
		ck_assert_mem_eq(&a->sample, &b->sample, sizeof(a->sample));
		break;
	case PARCEL_SOURCE:
		ck_assert(source_name_equal(a->source.name, b->source.name));
		ck_assert_int_eq(a->source.paid, b->source.paid);
		break;
	case PARCEL_CONN:
		ck_assert_uint_eq(a->conn.ledger, b->conn.ledger);
		assert_same_conn(&a->conn.conn, &b->conn.conn);
		break;
	case PARCEL_PREAMBLE:
		ck_assert_uint_eq(a->preamble.ledger, b->preamble.ledger);
		assert_same_preamble(&a->preamble.preamble, &b->preamble.preamble);
		break;
	case PARCEL_KINDS:
		break;
	}
}

/* --- what is written -------------------------------------------------------------------- */

unsigned char kept[KEPT_MOST];
size_t kept_size;

int
keep(void *arg, const void *data, size_t count)
{
	(void)arg;
	ck_assert_uint_le(kept_size + count, sizeof(kept));
	if (count > 0)
		memcpy(kept + kept_size, data, count);
	kept_size += count;
	return 0;
}
