/*
 * The beginning of a stream as the head of an HTTP request.  Whole and byte by byte come to the
 * same; what is taken ends within what was given and points into it alone, its path and its host
 * are what such can be, and no host of somebody else's is ours.  Of its query each connection that
 * it asks for is one that there may be, or what would be right is said.
 */
#include "daemon/observe/http_request.h"
#include "daemon/observe/peers/query.h"
#include "fuzz.h"

/* Of a stream that comes byte by byte. */
static void
check_pieces(const char *data, size_t size, enum http_status whole, size_t whole_size)
{
	struct http_request request;
	enum http_status status;
	size_t had = 0;

	while ((status = http_request_parse(data, had, &request)) == HTTP_PARTIAL && had < size)
		had++;
	fuzz_assert(status == whole);
	fuzz_assert(status != HTTP_OK || (had == request.size && had == whole_size));
}

static bool
is_within(const struct http_text *text, const char *data, size_t size)
{
	return text->text >= data && text->text + text->length <= data + size;
}

static void
check_query(const struct http_text *text)
{
	const struct address user = address_of_unix_peer(1000, 1);
	char right[QUERY_RIGHT_SIZE] = "";
	struct address peer;
	struct query query;

	if (!query_parse(&query, text, right)) {
		fuzz_assert(*right != '\0' && strlen(right) < QUERY_RIGHT_SIZE);
		return;
	}
	fuzz_assert(strlen(query.listener) <= text->length);
	fuzz_assert(query.limit > 0 && query.limit <= QUERY_LIMIT_MOST);
	fuzz_assert(query.state <= CONN_STATE_COUNT && query.sort < QUERY_SORT_COUNT);
	fuzz_assert(address_parse(&peer, "192.0.2.1", 7));
	fuzz_assert(!query.has_source || !query_covers(&query, &user) ||
	    !query_covers(&query, &peer));
}

static void
check_taken(const struct http_request *request, const char *data, size_t size)
{
	static const char *const configured[] = { "a" };
	const struct http_names names = { "b", configured, 1 };
	const struct http_text *path = &request->path, *host = &request->host;

	fuzz_assert(request->size <= size && request->size <= HTTP_HEAD_MOST);
	fuzz_assert(request->size > 0 && data[request->size - 1] == '\n');
	fuzz_assert(path->length > 0 && *path->text == '/');
	fuzz_assert(path->length == 1 || is_within(path, data, request->size));
	for (size_t i = 0; i < path->length; i++)
		fuzz_assert(path->text[i] > 0x20 && path->text[i] != '?' && path->text[i] != '#');
	fuzz_assert(request->query.text == NULL || is_within(&request->query, data, request->size));
	check_query(&request->query);
	if (host->text == NULL)
		return;
	fuzz_assert(host->length > 0 && is_within(host, data, request->size));
	for (size_t i = 0; i < host->length; i++)
		fuzz_assert(host->text[i] > 0x20 && strchr("/?#@,", host->text[i]) == NULL);
	http_host_is_ours(host, &names);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct http_request request;
	enum http_status status;

	status = http_request_parse(text, size, &request);
	if (size < 256)
		check_pieces(text, size, status, request.size);
	if (status == HTTP_OK)
		check_taken(&request, text, size);
	free(text);
	return 0;
}
