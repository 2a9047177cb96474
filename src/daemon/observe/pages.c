/* What the HTTP server has to give: see pages.h. */
#include "daemon/observe/pages.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/observe/exposition.h"
#include "daemon/observe/page/page.h"
#include "daemon/observe/peers/gather.h"

#define PLAIN "text/plain; charset=utf-8"

static enum http_status
status_of(bool is_whole, enum http_status status)
{
	return is_whole ? status : HTTP_INTERNAL_ERROR;
}

static void
free_text(const void *data, size_t length, void *arg)
{
	(void)data;
	(void)length;
	free(arg);
}

/* `text` is the body's from here on. */
static bool
add_text(struct evbuffer *body, char *text, size_t length)
{
	if (text != NULL && evbuffer_add_reference(body, text, length, free_text, text) == 0)
		return true;
	free(text);
	return false;
}

static enum http_status
write_metrics(const void *of, const struct http_asker *asker, struct evbuffer *body)
{
	const struct observed *observed = of;
	size_t length;
	char *const text = exposition_render(observed->census, &length);

	(void)asker;
	return status_of(add_text(body, text, length), HTTP_OK);
}

/* It lives: that this thread does, the answer says itself. */
static enum http_status
write_health(const void *of, const struct http_asker *asker, struct evbuffer *body)
{
	const struct observed *observed = of;
	size_t hung;

	(void)asker;
	if (workers_find_hung(observed->workers, clock_ms(), &hung))
		return status_of(evbuffer_add_printf(body, "worker-%zu hangs\n", hung) > 0,
		    HTTP_UNAVAILABLE);
	return status_of(evbuffer_add_printf(body, "ok\n") > 0, HTTP_OK);
}

/* It is to be sent somebody. */
static enum http_status
write_readiness(const void *of, const struct http_asker *asker, struct evbuffer *body)
{
	const char *why = status_why_not_serving(of);

	(void)asker;
	if (why != NULL)
		return status_of(evbuffer_add_printf(body, "%s\n", why) > 0, HTTP_UNAVAILABLE);
	return status_of(evbuffer_add_printf(body, "ok\n") > 0, HTTP_OK);
}

static enum http_status
write_status(const void *of, const struct http_asker *asker, struct evbuffer *body)
{
	size_t length;
	char *const text = status_json_make(of, &length);

	(void)asker;
	return status_of(add_text(body, text, length) && evbuffer_add(body, "\n", 1) == 0, HTTP_OK);
}

static enum http_status
write_connections(const void *of, const struct http_asker *asker, struct evbuffer *body)
{
	const struct observed *observed = of;

	return gather_ask(observed->gather, asker, body);
}

static enum http_status
write_page(const void *of, const struct http_asker *asker, struct evbuffer *body)
{
	(void)of;
	(void)asker;
	return status_of(evbuffer_add_reference(body, page_html, page_html_size, NULL, NULL) == 0,
	    HTTP_OK);
}

const struct http_page pages[] = {
	{ "/", "text/html; charset=utf-8", page_fields, write_page },
	{ "/metrics", EXPOSITION_TYPE, "", write_metrics },
	{ "/healthz", PLAIN, "", write_health },
	{ "/readyz", PLAIN, "", write_readiness },
	{ PAGES_STATUS, "application/json", "", write_status },
	{ PAGES_CONNECTIONS, "application/x-ndjson", "", write_connections },
};
const size_t page_count = sizeof(pages) / sizeof(pages[0]);
