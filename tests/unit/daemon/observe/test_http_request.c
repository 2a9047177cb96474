/* Heads of HTTP requests: what is taken, what is refused and how; whole and byte by byte. */
#include <stdlib.h>
#include <string.h>

#include "daemon/observe/http_request.h"
#include "runner.h"

/* A head, which may have NULs, and its size. */
#define BYTES(text) (text), sizeof(text) - 1

#define HOST "Host: localhost\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST

/* --- what is taken ---------------------------------------------------------------------- */

static const struct {
	const char *data;
	size_t size;
	bool is_head;
	const char *path, *host; /* NULL: there is none */
} right[] = {
	{ BYTES(GET "\r\n"), false, "/", "localhost" },
	{ BYTES("HEAD /metrics HTTP/1.1\r\n" HOST "\r\n"), true, "/metrics", "localhost" },
	{ BYTES("GET / HTTP/1.0\r\n\r\n"), false, "/", NULL },
	{ BYTES("GET / HTTP/1.0\r\nHost: a.example:9007\r\n\r\n"), false, "/", "a.example" },
	{ BYTES("GET / HTTP/1.2\r\n" HOST "\r\n"), false, "/", "localhost" },
	{ BYTES("GET /a?b=/c?d HTTP/1.1\r\n" HOST "\r\n"), false, "/a", "localhost" },
	/* Lines that end in LF alone, and an empty one before the first. */
	{ BYTES("GET /a HTTP/1.1\nHost: localhost\n\n"), false, "/a", "localhost" },
	{ BYTES("\r\n" GET "\r\n"), false, "/", "localhost" },
	{ BYTES("\n" GET "\r\n"), false, "/", "localhost" },
	/* Forms of a host. */
	{ BYTES("GET / HTTP/1.1\r\nhOST:127.0.0.1:9007\t \r\n\r\n"), false, "/", "127.0.0.1" },
	{ BYTES("GET / HTTP/1.1\r\nHost: [::1]:9007\r\n\r\n"), false, "/", "[::1]" },
	{ BYTES("GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]\r\n\r\n"), false, "/",
	    "[::ffff:192.0.2.1]" },
	{ BYTES("GET / HTTP/1.1\r\nHost: a_b.example.:\r\n\r\n"), false, "/", "a_b.example." },
	/* As a proxy is asked: the target says who is meant. */
	{ BYTES("GET http://a:1/b HTTP/1.1\r\nHost: other\r\n\r\n"), false, "/b", "a" },
	{ BYTES("GET HTTP://[::1] HTTP/1.1\r\n" HOST "\r\n"), false, "/", "[::1]" },
	{ BYTES("GET http://a?b HTTP/1.1\r\n" HOST "\r\n"), false, "/", "a" },
	{ BYTES("GET http://a HTTP/1.0\r\n\r\n"), false, "/", "a" },
	/* What does not matter here. */
	{ BYTES(GET "Accept: */*\r\nX-Any: \xc3\xa4\tb\r\nEmpty:\r\n\r\n"), false, "/", "localhost" },
	{ BYTES(GET "Content-Length: 0\r\n\r\n"), false, "/", "localhost" },
	{ BYTES(GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"), false, "/", "localhost" },
	{ BYTES(GET "Expect: 100-continue\r\n\r\n"), false, "/", "localhost" },
	{ BYTES(GET "!#$%&'*+-.^_`|~09AZaz: token\r\n\r\n"), false, "/", "localhost" },
};
#define RIGHT_COUNT ((int)(sizeof(right) / sizeof(right[0])))

static void
assert_text(const struct http_text *text, const char *expected)
{
	if (expected == NULL) {
		ck_assert_ptr_null(text->text);
		return;
	}
	ck_assert_ptr_nonnull(text->text);
	ck_assert_uint_eq(text->length, strlen(expected));
	ck_assert_mem_eq(text->text, expected, text->length);
}

START_TEST(is_taken)
{
	struct http_request request;

	ck_assert_int_eq(http_request_parse(right[_i].data, right[_i].size, &request), HTTP_OK);
	ck_assert_uint_eq(request.size, right[_i].size);
	ck_assert_int_eq(request.is_head, right[_i].is_head);
	assert_text(&request.path, right[_i].path);
	assert_text(&request.host, right[_i].host);
	ck_assert(http_path_is(&request, right[_i].path));
	ck_assert(!http_path_is(&request, "/other"));
}
END_TEST

static const struct {
	const char *data;
	size_t size;
	const char *query;
} queries[] = {
	{ BYTES("GET /a HTTP/1.0\r\n\r\n"), NULL },
	{ BYTES("GET /a? HTTP/1.0\r\n\r\n"), "" },
	{ BYTES("GET /a?b=/c?d&%20 HTTP/1.0\r\n\r\n"), "b=/c?d&%20" },
	{ BYTES("GET http://a?b HTTP/1.0\r\n\r\n"), "b" },
};
#define QUERY_COUNT ((int)(sizeof(queries) / sizeof(queries[0])))

START_TEST(has_a_query)
{
	struct http_request request;

	ck_assert_int_eq(http_request_parse(queries[_i].data, queries[_i].size, &request), HTTP_OK);
	assert_text(&request.query, queries[_i].query);
}
END_TEST

START_TEST(is_partial_until_it_is_whole)
{
	struct http_request request;

	for (size_t had = 0; had < right[_i].size; had++)
		ck_assert_int_eq(http_request_parse(right[_i].data, had, &request), HTTP_PARTIAL);
}
END_TEST

START_TEST(what_follows_is_not_read)
{
	char data[256];
	struct http_request request;

	memcpy(data, right[_i].data, right[_i].size);
	memset(data + right[_i].size, '\0', sizeof(data) - right[_i].size);
	ck_assert_int_eq(http_request_parse(data, sizeof(data), &request), HTTP_OK);
	ck_assert_uint_eq(request.size, right[_i].size);
}
END_TEST

/* --- what is refused --------------------------------------------------------------------- */

static const struct {
	const char *data;
	size_t size; /* up to the byte that decides */
	enum http_status status;
} wrong[] = {
	/* The first line. */
	{ BYTES("\x16\x03\x01"), HTTP_BAD_REQUEST }, /* TLS; "\x16" alone decides */
	{ BYTES("\r\n\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET /\r\n"), HTTP_BAD_REQUEST }, /* HTTP/0.9 */
	{ BYTES("GET  / HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET /  HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1 \r\n"), HTTP_BAD_REQUEST },
	{ BYTES(" GET / HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET\t/ HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / http/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.10\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/x.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\rX"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/2.0\r\n"), HTTP_VERSION_NOT_SUPPORTED },
	{ BYTES("PRI * HTTP/2.0\r\n"), HTTP_VERSION_NOT_SUPPORTED },
	{ BYTES("GET / HTTP/0.9\r\n"), HTTP_VERSION_NOT_SUPPORTED },
	{ BYTES("POST / HTTP/1.1\r\n"), HTTP_METHOD_NOT_ALLOWED },
	{ BYTES("PUT / HTTP/1.1\r\n"), HTTP_METHOD_NOT_ALLOWED },
	{ BYTES("DELETE / HTTP/1.1\r\n"), HTTP_METHOD_NOT_ALLOWED },
	{ BYTES("OPTIONS * HTTP/1.1\r\n"), HTTP_METHOD_NOT_ALLOWED },
	{ BYTES("TRACE / HTTP/1.1\r\n"), HTTP_METHOD_NOT_ALLOWED },
	{ BYTES("CONNECT a:1 HTTP/1.1\r\n"), HTTP_METHOD_NOT_ALLOWED },
	{ BYTES("get / HTTP/1.1\r\n"), HTTP_NOT_IMPLEMENTED },
	{ BYTES("BREW / HTTP/1.1\r\n"), HTTP_NOT_IMPLEMENTED },
	{ BYTES("B(EW / HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	/* The target. */
	{ BYTES("GET * HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET metrics HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET /a#b HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET /\xc3\xa4 HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET /\0"), HTTP_BAD_REQUEST },
	{ BYTES("GET https://a/ HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET http:///a HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET http://u@a/ HTTP/1.1\r\n"), HTTP_BAD_REQUEST },
	/* Fields. */
	{ BYTES(GET "\0"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X: a\0"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X: a\x7f"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X: a\rb"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X: a\r\r"), HTTP_BAD_REQUEST },
	{ BYTES(GET ": a\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X : a\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET " folded\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "\tX: folded\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "X\xc3: a\r\n"), HTTP_BAD_REQUEST },
	/* The host. */
	{ BYTES("GET / HTTP/1.1\r\n\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET HOST), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.0\r\n" HOST "host: localhost\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost:\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: :80\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: a b\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: a,b\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: u@a\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: a:x\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: a:1:2\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: a:123456\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: [::1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: [::1]a\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: [localhost]\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: []\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.1\r\nHost: ::1\r\n"), HTTP_BAD_REQUEST },
	/* A body, or what may be taken for one. */
	{ BYTES(GET "Content-Length: 1\r\n"), HTTP_CONTENT_TOO_LARGE },
	{ BYTES(GET "Content-Length: 99999999999999999999\r\n"), HTTP_CONTENT_TOO_LARGE },
	{ BYTES(GET "Content-Length:\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "Content-Length: -1\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "Content-Length: +0\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "Content-Length: 0, 0\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "Content-Length: 0\r\nContent-Length: 0\r\n"), HTTP_BAD_REQUEST },
	{ BYTES(GET "Transfer-Encoding: chunked\r\n"), HTTP_CONTENT_TOO_LARGE },
	{ BYTES(GET "transfer-encoding: gzip, chunked\r\n"), HTTP_CONTENT_TOO_LARGE },
	{ BYTES(GET "Transfer-Encoding:\r\n"), HTTP_CONTENT_TOO_LARGE },
	{ BYTES(GET "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), HTTP_BAD_REQUEST },
	{ BYTES("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"), HTTP_BAD_REQUEST },
};
#define WRONG_COUNT ((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(is_refused)
{
	struct http_request request;
	size_t had = 0;
	enum http_status status;

	ck_assert_int_eq(http_request_parse(wrong[_i].data, wrong[_i].size, &request),
	    wrong[_i].status);
	while ((status = http_request_parse(wrong[_i].data, had, &request)) == HTTP_PARTIAL &&
	    had < wrong[_i].size)
		had++;
	ck_assert_int_eq(status, wrong[_i].status);
}
END_TEST

/* Who is told that what came was no HEAD gets the reason as a body. */
START_TEST(a_head_is_known_by_its_line)
{
	static const char head[] = "HEAD / HTTP/1.1\r\nHost: a\r\nHost: a\r\n";
	struct http_request request;

	ck_assert_int_eq(http_request_parse(BYTES(head), &request), HTTP_BAD_REQUEST);
	ck_assert(request.is_head);
}
END_TEST

/* --- how long it may be -------------------------------------------------------------------- */

/* A request of `size` bytes, for free(): its first line or a field is the long one. */
static char *
make_long(size_t size, bool in_first_line)
{
	static const char begin[] = "GET /", end[] = " HTTP/1.1\r\n" HOST "X: ";
	char *data = malloc(size);
	char *const last = data + size - 4;

	ck_assert_ptr_nonnull(data);
	memset(data, 'a', size);
	memcpy(data, begin, sizeof(begin) - 1);
	memcpy(in_first_line ? last - sizeof(end) + 1 : data + sizeof(begin) - 1, end,
	    sizeof(end) - 1);
	memcpy(last, "\r\n\r\n", 4);
	return data;
}

START_TEST(as_long_as_may_be)
{
	char *data = make_long(HTTP_HEAD_MOST, _i);
	struct http_request request;

	ck_assert_int_eq(http_request_parse(data, HTTP_HEAD_MOST - 1, &request), HTTP_PARTIAL);
	ck_assert_int_eq(http_request_parse(data, HTTP_HEAD_MOST, &request), HTTP_OK);
	ck_assert_uint_eq(request.size, HTTP_HEAD_MOST);
	free(data);
}
END_TEST

START_TEST(too_long)
{
	char *data = make_long(100000, _i);
	struct http_request request;

	for (size_t had = HTTP_HEAD_MOST; had <= 100000; had += 100000 - HTTP_HEAD_MOST)
		ck_assert_int_eq(http_request_parse(data, had, &request),
		    _i ? HTTP_URI_TOO_LONG : HTTP_HEAD_TOO_LARGE);
	free(data);
}
END_TEST

/* --- who is meant -------------------------------------------------------------------------- */

static const char *const configured[] = { "metrics.example", "rooted.example." };
static const struct http_names names = { "host-1", configured, 2 };

static const struct {
	const char *host;
	bool is_ours;
} hosts[] = {
	{ "127.0.0.1", true },
	{ "192.0.2.7", true },
	{ "[::1]", true },
	{ "localhost", true },
	{ "LocalHost.", true },
	{ "host-1", true },
	{ "HOST-1", true },
	{ "metrics.example", true },
	{ "Metrics.Example.", true },
	{ "rooted.example", true },
	{ "rebound.example", false },
	{ "localhost.rebound.example", false },
	{ "127.0.0.1.rebound.example", false },
	{ "0x7f.1", false },
	{ "2130706433", false },
	{ "127.1", false },
	{ "host-1.rebound.example", false },
	{ "metrics.example..", false },
	{ ".", false },
	{ "example", false },
};
#define HOST_COUNT ((int)(sizeof(hosts) / sizeof(hosts[0])))

START_TEST(a_host_is_ours_or_not)
{
	const struct http_text host = { hosts[_i].host, strlen(hosts[_i].host) };

	ck_assert_int_eq(http_host_is_ours(&host, &names), hosts[_i].is_ours);
}
END_TEST

START_TEST(no_host_is_fine_and_no_name_is_none)
{
	const struct http_names unknown = { "", NULL, 0 };
	const struct http_text none = { NULL, 0 }, empty = { "", 0 };

	ck_assert(http_host_is_ours(&none, &names));
	ck_assert(!http_host_is_ours(&empty, &unknown));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("http_request");
	TCase *tests = tcase_create("http_request");

	tcase_add_loop_test(tests, is_taken, 0, RIGHT_COUNT);
	tcase_add_loop_test(tests, has_a_query, 0, QUERY_COUNT);
	tcase_add_loop_test(tests, is_partial_until_it_is_whole, 0, RIGHT_COUNT);
	tcase_add_loop_test(tests, what_follows_is_not_read, 0, RIGHT_COUNT);
	tcase_add_loop_test(tests, is_refused, 0, WRONG_COUNT);
	tcase_add_test(tests, a_head_is_known_by_its_line);
	tcase_add_loop_test(tests, as_long_as_may_be, 0, 2);
	tcase_add_loop_test(tests, too_long, 0, 2);
	tcase_add_loop_test(tests, a_host_is_ours_or_not, 0, HOST_COUNT);
	tcase_add_test(tests, no_host_is_fine_and_no_name_is_none);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return run_suite(make_suite());
}
