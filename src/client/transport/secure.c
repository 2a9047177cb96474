/*
 * Channels over TLS: see channel_internal.h.  A session's bytes pass through memory, its wire;
 * what is between that and the socket is here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "client/ending.h"
#include "client/timing.h"
#include "client/transport/channel_internal.h"
#include "net/tls/session.h"

/* What is received at once, and what is sent, in bytes. */
#define IN_MOST 65536
#define OUT_MOST 65536

struct secure {
	struct tls_session *session; /* of the connection; NULL: none has begun */
	struct tls_session *earlier; /* the last that was agreed on: the next one goes on with it */
	struct tls_wire wire;        /* of `session` */
	bool is_ready;               /* it is agreed on */
	bool was_ready;              /* `facts` are there */
	struct tls_facts facts;
	int64_t begun;               /* timing_now() when the handshake did */
	double seconds;              /* that it took */
	int64_t came;                /* timing_now() when what is in `in` did */
	size_t in_size;              /* that it had then */
	uint8_t in[IN_MOST];
};

/* --- between the wire and the socket --------------------------------------------------- */

/* As the send_bytes() of stream.c; what is not taken now waits for room. */
static void
flush(struct channel *channel)
{
	struct tls_wire *wire = &channel->secure->wire;
	ssize_t n = 0;

	if (wire->out_size > 0 && channel_can_send(channel))
		n = send(channel->fd, wire->out, wire->out_size, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		channel->send_error = errno;
	if (n > 0) {
		wire->out_size -= (size_t)n;
		memmove(wire->out, wire->out + n, wire->out_size);
	}
	if (!channel_can_send(channel)) {
		wire->out_size = 0;
		channel_want_write(channel, false);
	}
	channel_keep_unsent(channel, wire->out_size > 0);
}

/* All that came before is read.  Returns 0, EAGAIN, ERROR_CUT, or what is wrong. */
static int
fill(struct channel *channel)
{
	struct secure *secure = channel->secure;
	const ssize_t n = arrival_receive(channel->fd, &channel->clock, secure->in,
	    sizeof(secure->in), &secure->came);

	if (n == -1)
		return errno == EINTR ? EAGAIN : errno;
	if (n == 0)
		return channel_can_send(channel) ? ERROR_CUT : channel->send_error;
	secure->in_size = secure->wire.in_size = (size_t)n;
	secure->wire.in = secure->in;
	return 0;
}

/* --- what is wrong --------------------------------------------------------------------- */

static const char *
meaning_of(enum tls_fault fault)
{
	switch (fault) {
	case FAULT_TLS_VERSION:
		return "no version of TLS in common";
	case FAULT_TLS_CIPHER:
		return "no cipher in common";
	case FAULT_TLS_REJECTED:
	case FAULT_TLS_ALPN:
		return "it refuses";
	case FAULT_TLS_MEMORY:
		return strerror(ENOMEM);
	default:
		return "its TLS is at fault";
	}
}

/* A server says no ClientHello (RFC 8446, 4), unless it is an echo. */
static bool
is_echo(const struct secure *secure)
{
	return !secure->is_ready && secure->in_size > 5 && secure->in[0] == 22 &&
	    secure->in[5] == 1;
}

static int
tell_fault(struct channel *channel)
{
	const struct secure *secure = channel->secure;
	const enum tls_fault fault = tls_session_fault(secure->session);
	const char *words = tls_session_fault_text(secure->session);
	char said[ESCAPE_TEXT_SIZE];

	if (is_echo(secure))
		channel_blame(channel, "it speaks no TLS: it gives back what it is sent");
	else if (fault == FAULT_TLS_PLAIN)
		channel_blame(channel, "it speaks no TLS: %s",
		    escape_payload(secure->in, secure->in_size, said));
	else if (fault == FAULT_TLS_UNVERIFIED)
		channel_blame(channel, "its certificate is not to be trusted as that of %s: %s",
		    channel->wish->tls_name, words);
	else
		channel_blame(channel, *words != '\0' ? "%s: %s" : "%s", meaning_of(fault), words);
	return ERROR_UNSECURED;
}

/* The connection ends in the handshake. */
static int
tell_end(struct channel *channel, int error)
{
	if (error == ERROR_CUT)
		channel_blame(channel, "it closes the connection in the TLS handshake");
	else
		channel_blame(channel, "the connection fails in the TLS handshake: %s",
		    strerror(error));
	return ERROR_UNSECURED;
}

/* --- the handshake --------------------------------------------------------------------- */

/* Returns 0 or an errno. */
static int
begin(struct channel *channel)
{
	struct secure *secure = channel->secure;

	if (secure == NULL)
		secure = channel->secure = calloc(1, sizeof(*secure));
	if (secure == NULL)
		return ENOMEM;
	secure->begun = timing_now();
	secure->session = tls_session_new(channel->wish->tls, &secure->wire, secure->earlier);
	return secure->session != NULL ? 0 : ENOMEM;
}

static void
finish(struct channel *channel)
{
	struct secure *secure = channel->secure;

	secure->is_ready = secure->was_ready = true;
	secure->seconds = timing_seconds(timing_now() - secure->begun);
	tls_session_facts(secure->session, &secure->facts);
	channel_keep_more(channel, true); /* what came with it, if anything */
}

static int
shake(struct channel *channel)
{
	struct secure *secure = channel->secure;
	const bool is_new = secure == NULL || secure->session == NULL;
	enum tls_verdict verdict;
	int error;

	if (!is_new && secure->is_ready)
		return 0;
	error = is_new ? begin(channel) : fill(channel);
	if (error != 0)
		return is_new || error == EAGAIN ? error : tell_end(channel, error);
	secure = channel->secure;
	verdict = tls_session_shake(secure->session);
	flush(channel);
	if (verdict == TLS_MORE)
		return EAGAIN;
	if (verdict != TLS_READY)
		return tell_fault(channel);
	finish(channel);
	return 0;
}

const struct tls_facts *
channel_tls(const struct channel *channel, double *seconds)
{
	const struct secure *secure = channel->secure;

	if (secure == NULL || !secure->was_ready)
		return NULL;
	*seconds = secure->seconds;
	return &secure->facts;
}

/* --- sending and receiving ------------------------------------------------------------- */

static ssize_t
send_bytes(struct channel *channel, const void *data, size_t size)
{
	const size_t n = size < OUT_MOST ? size : OUT_MOST;

	errno = EAGAIN;
	if (channel->has_unsent || !channel_can_send(channel))
		return -1;
	if (!tls_session_write(channel->secure->session, data, n)) {
		channel->send_error = ERROR_UNSECURED; /* which receiving tells, as all of TLS */
		channel_keep_more(channel, true);
	}
	flush(channel);
	errno = EAGAIN;
	return channel_can_send(channel) ? (ssize_t)n : -1;
}

/* Nothing was left to read: why.  Returns -1 with errno. */
static ssize_t
stop(struct channel *channel, enum tls_verdict verdict, int error)
{
	if (verdict == TLS_FAULTY)
		error = tell_fault(channel);
	errno = verdict == TLS_ENDED ? 0 : error;
	return -1;
}

/* One look at the socket at most: the loop calls again as long as there is more. */
static ssize_t
receive_bytes(struct channel *channel, void *data, size_t size, int64_t *when)
{
	struct secure *secure = channel->secure;
	enum tls_verdict verdict;
	int error = EAGAIN;
	size_t n;

	verdict = tls_session_read(secure->session, data, size, &n);
	if (n == 0 && verdict == TLS_MORE) {
		error = fill(channel);
		if (error == 0) {
			verdict = tls_session_read(secure->session, data, size, &n);
			error = EAGAIN;
		}
	}
	flush(channel); /* what it answers by itself */
	channel_keep_more(channel, n > 0 && verdict != TLS_MORE);
	if (when != NULL)
		*when = secure->came;
	return n > 0 ? (ssize_t)n : stop(channel, verdict, error);
}

static void
shut_down(struct channel *channel)
{
	tls_session_end(channel->secure->session);
	flush(channel);
}

/* --- the end --------------------------------------------------------------------------- */

/* A peer that is left is told so, if it takes that now. */
static void
leave(struct channel *channel)
{
	struct secure *secure = channel->secure;

	if (secure == NULL || secure->session == NULL)
		return;
	if (secure->is_ready)
		shut_down(channel);
	if (secure->is_ready) {
		tls_session_free(secure->earlier);
		secure->earlier = secure->session;
	} else {
		tls_session_free(secure->session);
	}
	secure->session = NULL;
	secure->is_ready = false;
	secure->wire.in_size = secure->wire.out_size = 0;
}

static void
dispose(struct channel *channel)
{
	struct secure *secure = channel->secure;

	if (secure == NULL)
		return;
	tls_session_free(secure->earlier);
	free(secure->wire.out);
	free(secure);
}

const struct channel_kind channel_secure = {
	.type = SOCK_STREAM,
	.prepare = stream_prepare,
	.send = send_bytes,
	.receive = receive_bytes,
	.shut_down = shut_down,
	.shake = shake,
	.flush = flush,
	.close = leave,
	.dispose = dispose,
};
