/* What records are made of: see records.h. */
#include "daemon/handover/records.h"

#include "daemon/account/counters.h"

/* Times are none before 0, and none so late that a sum of two would not be one. */
#define TIME_MOST ((uint64_t)1 << 61)

#define TEXT_MOST 65535
#define CONFIGURATION_MOST (16 << 20)

static const char *const record_names[PARCEL_KINDS + 1] = {
	"service", "listener", "socket", "ledger", "number", "sample", "source", "connection",
	"preamble", "end",
};

const char *
record_name(enum parcel_kind kind)
{
	return record_names[kind];
}

bool
parcel_has_descriptor(enum parcel_kind kind)
{
	return kind == PARCEL_SOCKET || kind == PARCEL_CONN || kind == PARCEL_PREAMBLE;
}

static void
code_service(struct coder *coder, struct parcel_service *service)
{
	code_text(coder, &service->version, TEXT_MOST, "version");
	CODE(coder, service->started, TIME_MOST, "start");
	CODE(coder, service->packed, TIME_MOST, "time");
	code_text(coder, &service->configuration, CONFIGURATION_MOST, "configuration");
}

static void
code_protocol(struct coder *coder, enum protocol *protocol)
{
	const char *name = coder->room != NULL ? protocol_name(*protocol) : "";

	code_text(coder, &name, TEXT_MOST, "protocol");
	if (!protocol_parse(name, protocol))
		coder_blame(coder, "protocol");
}

static void
code_listener(struct coder *coder, struct packed_listener *listener)
{
	static const char *const roles[PACKED_ROLES] = {
		"echo", "observe", "take-over", "inherited",
	};

	listener->role = code_name(coder, listener->role, roles, PACKED_ROLES, "role");
	code_text(coder, &listener->name, TEXT_MOST, "name");
	code_protocol(coder, &listener->protocol);
	code_text(coder, &listener->place, TEXT_MOST, "place");
	CODE(coder, listener->port, UINT16_MAX, "port");
	CODE(coder, listener->mode, 07777, "mode");
	code_text(coder, &listener->owner, TEXT_MOST, "owner");
	code_text(coder, &listener->group, TEXT_MOST, "group");
	code_text(coder, &listener->greeting, TEXT_MOST, "greeting");
	code_flag(coder, &listener->is_proxied, "preamble");
}

static void
code_socket(struct coder *coder, struct packed_socket *socket)
{
	CODE(coder, socket->worker, UINT32_MAX, "worker");
	CODE(coder, socket->device, UINT64_MAX, "device");
	CODE(coder, socket->inode, UINT64_MAX, "inode");
}

static void
code_ledger(struct coder *coder, struct parcel_ledger *ledger)
{
	code_text(coder, &ledger->name, TEXT_MOST, "name");
	CODE(coder, ledger->carries, CARRIES_ANY | CARRIES_TLS, "kind");
	CODE(coder, ledger->gone, UINT64_MAX, "end");
}

static void
code_number(struct coder *coder, struct parcel_number *number)
{
	code_text(coder, &number->family, TEXT_MOST, "family");
	code_text(coder, &number->value, TEXT_MOST, "value");
	CODE(coder, number->number, UINT64_MAX, "number");
}

static void
code_sample(struct coder *coder, struct parcel_sample *sample)
{
	CODE(coder, sample->at, TIME_MOST, "time");
	CODE(coder, sample->count, PARCEL_SAMPLE_NUMBERS, "count");
	for (size_t i = 0; i < sample->count; i++)
		CODE(coder, sample->numbers[i], UINT64_MAX, "number");
}

static void
code_source(struct coder *coder, struct parcel_source *source)
{
	static const char *const kinds[] = { "ipv4", "ipv6", "link-local", "uid" };

	source->name.kind = code_name(coder, source->name.kind, kinds,
	    sizeof(kinds) / sizeof(kinds[0]), "kind");
	CODE(coder, source->name.bits, UINT64_MAX, "name");
	CODE(coder, source->paid, TIME_MOST, "time");
}

/* Those that speak TLS do not travel. */
static const char *const state_names[CONN_STATE_COUNT - CONN_READING] = {
	"reading", "paced", "blocked", "flushing", "lingering", "closing",
};

static void
code_waiting(struct coder *coder, struct packed_conn *conn)
{
	const bool waits = conn->state == CONN_BLOCKED || conn->state == CONN_FLUSHING;

	CODE(coder, conn->waiting_size, waits ? PACKED_WAITING_MOST : 0, "bytes that wait");
	if (waits && conn->waiting_size == 0)
		coder_blame(coder, "bytes that wait");
	code_flag(coder, &conn->is_echo, "bytes that wait");
	CODE(coder, conn->waits_since, TIME_MOST, "bytes that wait");
	code_bytes(coder, &conn->waiting, conn->waiting_size, "bytes that wait");
}

static void
code_conn(struct coder *coder, struct parcel_conn *item)
{
	struct packed_conn *conn = &item->conn;

	CODE(coder, item->ledger, SIZE_MAX, "ledger");
	conn->state = CONN_READING + code_name(coder, conn->state - CONN_READING, state_names,
	    CONN_STATE_COUNT - CONN_READING, "state");
	conn->reason = code_name(coder, conn->reason, close_reason_names, CLOSE_REASON_COUNT,
	    "reason");
	code_address(coder, &conn->peer, "peer");
	code_flag(coder, &conn->is_proxied, "proxy");
	code_address(coder, &conn->via.proxy, "proxy");
	code_flag(coder, &conn->via.is_quiet, "proxy");
	code_flag(coder, &conn->grows, "growth");
	CODE(coder, conn->opened, TIME_MOST, "opening");
	CODE(coder, conn->paid_until, TIME_MOST, "bandwidth");
	CODE(coder, conn->active, UINT32_MAX, "activity");
	CODE(coder, conn->blocked_since, UINT16_MAX, "block");
	CODE(coder, conn->received, UINT64_MAX, "received bytes");
	CODE(coder, conn->sent, UINT64_MAX, "sent bytes");
	code_waiting(coder, conn);
}

static void
code_preamble(struct coder *coder, struct parcel_preamble *item)
{
	struct packed_preamble *preamble = &item->preamble;

	CODE(coder, item->ledger, SIZE_MAX, "ledger");
	code_address(coder, &preamble->proxy, "proxy");
	CODE(coder, preamble->begun, TIME_MOST, "begin");
	CODE(coder, preamble->held_size, PACKED_HELD_MOST, "header");
	code_bytes(coder, &preamble->held, preamble->held_size, "header");
	code_text(coder, &preamble->greeting, TEXT_MOST, "greeting");
}

void
code_item(struct coder *coder, struct parcel_item *item)
{
	switch (item->kind) {
	case PARCEL_SERVICE:
		code_service(coder, &item->service);
		break;
	case PARCEL_LISTENER:
		code_listener(coder, &item->listener);
		break;
	case PARCEL_SOCKET:
		code_socket(coder, &item->socket);
		break;
	case PARCEL_LEDGER:
		code_ledger(coder, &item->ledger);
		break;
	case PARCEL_NUMBER:
		code_number(coder, &item->number);
		break;
	case PARCEL_SAMPLE:
		code_sample(coder, &item->sample);
		break;
	case PARCEL_SOURCE:
		code_source(coder, &item->source);
		break;
	case PARCEL_CONN:
		code_conn(coder, &item->conn);
		break;
	case PARCEL_PREAMBLE:
		code_preamble(coder, &item->preamble);
		break;
	case PARCEL_KINDS:
		coder_blame(coder, "kind");
		break;
	}
}
