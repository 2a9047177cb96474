/*
 * One end of a TLS connection (RFC 8446, RFC 5246), over the memory of a wire.  Whoever has
 * it receives into the wire, calls one of these, and sends what they gathered there.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls/context.h"
#include "net/tls/fault.h"
#include "net/tls/wire.h"

struct tls_session;

/*
 * Returns the server's, or the client's, end, as its context is, for tls_session_free(); NULL
 * when memory ran out.  It holds the context; `wire` must live as long.  A client's end goes on
 * with what `earlier` agreed on, another session of that context, where it can; NULL: with none.
 */
struct tls_session *tls_session_new(struct tls_context *context, struct tls_wire *wire,
    const struct tls_session *earlier);
void tls_session_free(struct tls_session *session);

enum tls_verdict {
	TLS_READY,  /* the handshake is over; or there was all that was asked for */
	TLS_MORE,   /* it is to go on when more has come */
	TLS_ENDED,  /* the peer has ended in order (close_notify): no more will come */
	TLS_FAULTY, /* by tls_session_fault(); an alert may be on the wire */
};

/* Goes on with the handshake, a client's first of all with nothing on the wire. */
enum tls_verdict tls_session_shake(struct tls_session *session);

/*
 * Reads up to `size` bytes to `data`; *got is how many, whatever is returned.  TLS_READY: there
 * may be more on the wire, or within.  TLS_MORE: all that came was read.  A peer that has more
 * than 16 records without data in what came is at fault.
 */
enum tls_verdict tls_session_read(struct tls_session *session, void *data, size_t size,
    size_t *got);

/* Puts `size` bytes on the wire.  Returns false where memory lacks, or the session is faulty. */
bool tls_session_write(struct tls_session *session, const void *data, size_t size);

/*
 * Puts the end on the wire (close_notify), once, and if the handshake was over and nothing was
 * wrong: else nothing.  What the peer sends may still be read.
 */
void tls_session_end(struct tls_session *session);

/* What was wrong, TLS_FAULT_NONE before. */
enum tls_fault tls_session_fault(const struct tls_session *session);

/* The same in words, for people; "" where there are none.  Lasts as long as the session. */
const char *tls_session_fault_text(const struct tls_session *session);

/* True where the handshake went on with what an earlier session had agreed on. */
bool tls_session_is_resumed(const struct tls_session *session);

#define TLS_NAME_SIZE 256
#define TLS_SUBJECT_SIZE 512

/* What was agreed on.  The peer chose some of it: to be escaped wherever it is shown. */
struct tls_facts {
	const char *version, *cipher; /* "TLSv1.3"; the library's, for ever */
	bool is_resumed;
	char server_name[TLS_NAME_SIZE]; /* that the client asked for; "": none */
	char alpn[TLS_NAME_SIZE];        /* "": none */
	bool is_verified; /* the peer's certificate */
	char subject[TLS_SUBJECT_SIZE];  /* of that (RFC 2253); "": none */
	char names[TLS_SUBJECT_SIZE];    /* for which that is valid: "a.example, 192.0.2.1" */
	int64_t end;                     /* until when: seconds of time(2); 0: it has none */
};

/* Of these the first few, which need no memory: what lasts as long as the session. */
struct tls_terms {
	const char *version, *cipher;
	const char *server_name; /* "": none */
};

/* After the handshake. */
void tls_session_terms(const struct tls_session *session, struct tls_terms *terms);

/* After the handshake. */
void tls_session_facts(const struct tls_session *session, struct tls_facts *facts);

#endif
