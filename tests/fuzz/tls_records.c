/*
 * What comes to a server's end of TLS.  An even first byte: the rest is what a peer says first;
 * no handshake comes of it, and every split of it ends in the same way.  An odd one: the rest is
 * what OpenSSL's own client does after a handshake, and how its records are cut, delayed and
 * spoilt.  What comes back is always a beginning of what it wrote; all of it, and the end, where
 * nothing was spoilt.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "certificate.h"
#include "fuzz.h"
#include "net/tls/session.h"

#define STREAM_MOST 200000

static struct tls_context *context;
static SSL_CTX *ours;

static void
set_up(void)
{
	struct certificate made;
	const char *certificate = made.certificate, *key = made.key;
	const struct tls_settings settings = {
		.certificates = &certificate, .keys = &key, .certificate_count = 1, .key_count = 1,
		.ca = "", .minimum = "1.2", .ciphers = "", .groups = "",
	};
	char text[TLS_TEXT_SIZE];

	fuzz_assert(certificate_make(&made, "localhost"));
	context = tls_context_new_server(&settings, NULL, text);
	certificate_remove(&made);
	ours = SSL_CTX_new(TLS_client_method());
	fuzz_assert(context != NULL && ours != NULL);
}

/* --- what a peer says first ------------------------------------------------------------ */

static enum tls_verdict
hear(const uint8_t *data, size_t size, size_t piece, enum tls_fault *fault)
{
	struct tls_wire wire = { .in = NULL };
	struct tls_session *session = tls_session_new(context, &wire, NULL);
	enum tls_verdict verdict = TLS_MORE;

	fuzz_assert(session != NULL);
	while (size > 0 && verdict == TLS_MORE) {
		const size_t n = size < piece ? size : piece;

		wire.in = data;
		wire.in_size = n;
		verdict = tls_session_shake(session);
		fuzz_assert(verdict != TLS_MORE || wire.in_size == 0);
		data += n;
		size -= n;
	}
	*fault = tls_session_fault(session);
	tls_session_free(session);
	free(wire.out);
	return verdict;
}

static void
check_first(const uint8_t *data, size_t size)
{
	enum tls_fault fault, other;
	const enum tls_verdict whole = hear(data, size, size, &fault);

	fuzz_assert(whole == TLS_MORE || whole == TLS_FAULTY);
	if (size > 600)
		return;
	fuzz_assert(hear(data, size, 1, &other) == whole && other == fault);
	fuzz_assert(hear(data, size, 7, &other) == whole && other == fault);
}

/* --- what a client does ----------------------------------------------------------------- */

struct run {
	SSL *client;
	BIO *to_client, *from_client;
	struct tls_session *server;
	struct tls_wire wire;
	enum tls_verdict verdict; /* the server's, of what it has read */
	size_t written, seen;     /* bytes of the stream: by the client */
	int updates;
	bool is_spoilt, has_ended, saw_end;
};

static uint8_t
byte_at(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

/* Reads and compares what came back. */
static void
read_back(struct run *run)
{
	uint8_t data[4096];
	int n;

	ERR_clear_error();
	while ((n = SSL_read(run->client, data, sizeof(data))) > 0)
		for (int i = 0; i < n; i++, run->seen++)
			fuzz_assert(data[i] == byte_at(run->seen));
	fuzz_assert(run->seen <= run->written);
	run->saw_end = SSL_get_shutdown(run->client) & SSL_RECEIVED_SHUTDOWN;
}

static void
answer(struct run *run)
{
	if (run->wire.out_size > 0)
		fuzz_assert(BIO_write(run->to_client, run->wire.out, (int)run->wire.out_size) ==
		    (int)run->wire.out_size);
	run->wire.out_size = 0;
}

/* As the echo does it. */
static void
serve(struct run *run, const uint8_t *data, size_t size)
{
	uint8_t plain[5000];
	size_t got;

	run->wire.in = data;
	run->wire.in_size = size;
	do {
		run->verdict = tls_session_read(run->server, plain, sizeof(plain), &got);
		if (run->verdict != TLS_FAULTY)
			fuzz_assert(tls_session_write(run->server, plain, got));
	} while (run->verdict == TLS_READY);
	fuzz_assert(run->verdict != TLS_MORE || run->wire.in_size == 0);
	if (run->verdict == TLS_ENDED)
		tls_session_end(run->server);
	answer(run);
	read_back(run);
}

/* Brings `most` bytes of what the client has sent; `spoil` is where a bit of them is turned. */
static void
deliver(struct run *run, size_t most, size_t spoil)
{
	static uint8_t data[1 << 20];
	const int n = run->verdict == TLS_MORE
	    ? BIO_read(run->from_client, data, (int)(most < sizeof(data) ? most : sizeof(data))) : 0;

	if (n <= 0)
		return;
	if (spoil < (size_t)n) {
		data[spoil] ^= 1;
		run->is_spoilt = true;
	}
	serve(run, data, (size_t)n);
}

static void
write_stream(struct run *run, size_t size)
{
	uint8_t data[255 * 64 + 1];

	if (size == 0 || run->has_ended || run->written + size > STREAM_MOST)
		return;
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(run->written + i);
	fuzz_assert(SSL_write(run->client, data, (int)size) == (int)size || run->is_spoilt ||
	    run->saw_end || run->verdict == TLS_FAULTY);
	run->written += size;
}

static void
update_key(struct run *run)
{
	if (run->has_ended || run->updates > 100)
		return;
	ERR_clear_error();
	if (SSL_key_update(run->client, SSL_KEY_UPDATE_REQUESTED) == 1 &&
	    SSL_do_handshake(run->client) == 1)
		run->updates++;
}

static void
act(struct run *run, uint8_t what, uint8_t much)
{
	ERR_clear_error();
	switch (what % 7) {
	case 0:
		write_stream(run, much);
		break;
	case 1:
		write_stream(run, (size_t)much * 64);
		break;
	case 2:
		deliver(run, much, SIZE_MAX);
		break;
	case 3:
		deliver(run, SIZE_MAX, SIZE_MAX);
		break;
	case 4:
		deliver(run, (size_t)much * 16, much);
		break;
	case 5:
		update_key(run);
		break;
	default:
		if (!run->has_ended)
			SSL_shutdown(run->client);
		run->has_ended = true;
	}
}

static void
open_run(struct run *run)
{
	static uint8_t data[65536];
	int n;

	memset(run, 0, sizeof(*run));
	run->client = SSL_new(ours);
	run->to_client = BIO_new(BIO_s_mem());
	run->from_client = BIO_new(BIO_s_mem());
	run->server = tls_session_new(context, &run->wire, NULL);
	fuzz_assert(run->client != NULL && run->to_client != NULL && run->from_client != NULL &&
	    run->server != NULL);
	BIO_set_mem_eof_return(run->to_client, -1);
	BIO_set_mem_eof_return(run->from_client, -1);
	SSL_set_bio(run->client, run->to_client, run->from_client);
	SSL_set_connect_state(run->client);
	run->verdict = TLS_MORE;
	for (int i = 0; run->verdict == TLS_MORE && i < 10; i++) {
		SSL_do_handshake(run->client);
		n = BIO_read(run->from_client, data, sizeof(data));
		fuzz_assert(n > 0);
		run->wire.in = data;
		run->wire.in_size = (size_t)n;
		run->verdict = tls_session_shake(run->server);
		answer(run);
	}
	fuzz_assert(run->verdict == TLS_READY);
	run->verdict = TLS_MORE;
}

static void
check_end(struct run *run)
{
	const enum tls_fault fault = tls_session_fault(run->server);

	while (run->verdict == TLS_MORE && BIO_pending(run->from_client) > 0)
		deliver(run, SIZE_MAX, SIZE_MAX);
	if (run->is_spoilt)
		return;
	if (run->verdict == TLS_FAULTY) {
		fuzz_assert(tls_session_fault(run->server) == FAULT_TLS_FLOOD && run->updates > 16);
		return;
	}
	fuzz_assert(fault == TLS_FAULT_NONE);
	fuzz_assert(run->seen == run->written);
	fuzz_assert(run->saw_end == run->has_ended);
	fuzz_assert((run->verdict == TLS_ENDED) == run->has_ended);
}

static void
check_client(const uint8_t *data, size_t size)
{
	struct run run;

	open_run(&run);
	for (size_t i = 0; i + 1 < size && i < 400; i += 2)
		act(&run, data[i], data[i + 1]);
	check_end(&run);
	SSL_free(run.client);
	tls_session_free(run.server);
	free(run.wire.out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (context == NULL)
		set_up();
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		check_first(data + 1, size - 1);
	else
		check_client(data + 1, size - 1);
	return 0;
}
