/* Without OpenSSL: see context.h and session.h.  No context is made, so no session is. */
#include <errno.h>
#include <stdio.h>

#include "net/tls/session.h"

const bool tls_is_built = false;

const char *
tls_feature(void)
{
	return "-openssl";
}

bool
tls_initialise(void)
{
	return true;
}

static struct tls_context *
refuse(char text[TLS_TEXT_SIZE])
{
	snprintf(text, TLS_TEXT_SIZE, "there is no TLS: this echod was built without OpenSSL");
	errno = 0;
	return NULL;
}

struct tls_context *
tls_context_new_server(const struct tls_settings *settings, const struct tls_context *before,
    char text[TLS_TEXT_SIZE])
{
	(void)settings;
	(void)before;
	return refuse(text);
}

struct tls_context *
tls_context_new_client(const struct tls_settings *settings, char text[TLS_TEXT_SIZE])
{
	(void)settings;
	return refuse(text);
}

struct tls_context *
tls_context_hold(struct tls_context *context)
{
	return context;
}

void
tls_context_release(struct tls_context *context)
{
	(void)context;
}

const struct tls_pair *
tls_context_pair(const struct tls_context *context, size_t index)
{
	(void)context;
	(void)index;
	return NULL;
}

bool
tls_context_has(const struct tls_context *context, const struct tls_context *other, size_t index)
{
	(void)index;
	return context == other;
}

struct tls_session *
tls_session_new(struct tls_context *context, struct tls_wire *wire,
    const struct tls_session *earlier)
{
	(void)context;
	(void)wire;
	(void)earlier;
	return NULL;
}

void
tls_session_free(struct tls_session *session)
{
	(void)session;
}

enum tls_verdict
tls_session_shake(struct tls_session *session)
{
	(void)session;
	return TLS_FAULTY;
}

enum tls_verdict
tls_session_read(struct tls_session *session, void *data, size_t size, size_t *got)
{
	(void)session;
	(void)data;
	(void)size;
	*got = 0;
	return TLS_FAULTY;
}

bool
tls_session_write(struct tls_session *session, const void *data, size_t size)
{
	(void)session;
	(void)data;
	(void)size;
	return false;
}

void
tls_session_end(struct tls_session *session)
{
	(void)session;
}

enum tls_fault
tls_session_fault(const struct tls_session *session)
{
	(void)session;
	return TLS_FAULT_NONE;
}

const char *
tls_session_fault_text(const struct tls_session *session)
{
	(void)session;
	return "";
}

bool
tls_session_is_resumed(const struct tls_session *session)
{
	(void)session;
	return false;
}

void
tls_session_terms(const struct tls_session *session, struct tls_terms *terms)
{
	(void)session;
	*terms = (struct tls_terms){ "", "", "" };
}

void
tls_session_facts(const struct tls_session *session, struct tls_facts *facts)
{
	(void)session;
	*facts = (struct tls_facts){ .version = "", .cipher = "" };
}
