/* The kinds of listeners: see kind.h. */
#include "daemon/listen/kind.h"

#include "daemon/listen/acceptor.h"
#include "daemon/listen/answerer.h"
#include "daemon/listen/paths/unix_bind.h"

static const struct listener_kind kinds[] = {
	[PROTOCOL_TCP] = {
		.sockets = &sockets_of_tcp,
		.carries = CARRIES_STREAMS,
		.bind = bind_listener,
		.make = acceptor_new,
		.free = acceptor_free,
		.serve = acceptor_serve,
		.close = acceptor_close,
		.leave = acceptor_leave,
		.let_go = acceptor_let_go,
		.take_config = acceptor_take_config,
		.pause = acceptor_pause,
		.resume = acceptor_resume,
		.accepts = acceptor_accepts,
	},
	[PROTOCOL_UDP] = {
		.sockets = &sockets_of_udp,
		.carries = CARRIES_DATAGRAMS,
		.bind = bind_listener,
		.make = answerer_new,
		.free = answerer_free,
		.serve = answerer_serve,
		.close = answerer_close,
		.leave = answerer_leave,
		.let_go = answerer_let_go,
		.take_acl = answerer_take_acl,
		.look = answerer_look,
	},
	[PROTOCOL_TLS] = {
		.sockets = &sockets_of_tcp,
		.carries = CARRIES_STREAMS | CARRIES_TLS,
		.bind = bind_listener,
		.make = acceptor_new,
		.free = acceptor_free,
		.serve = acceptor_serve,
		.close = acceptor_close,
		.leave = acceptor_leave,
		.let_go = acceptor_let_go,
		.take_config = acceptor_take_config,
		.pause = acceptor_pause,
		.resume = acceptor_resume,
		.accepts = acceptor_accepts,
	},
	[PROTOCOL_UNIX] = {
		.sockets = &sockets_of_unix,
		.carries = CARRIES_STREAMS,
		.bind = unix_bind_listener,
		.make = acceptor_new_at_path,
		.free = acceptor_free,
		.serve = acceptor_serve,
		.close = acceptor_close,
		.leave = acceptor_leave,
		.let_go = acceptor_let_go,
		.take_config = acceptor_take_config,
		.pause = acceptor_pause,
		.resume = acceptor_resume,
		.accepts = acceptor_accepts,
	},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == PROTOCOL_COUNT, "a row for each protocol");

const struct listener_kind *
kind_of(enum protocol protocol)
{
	return &kinds[protocol];
}
