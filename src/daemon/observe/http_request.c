/* The head of an HTTP request: see http_request.h. */
#include "daemon/observe/http_request.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* A head under way. */
struct parsing {
	struct http_request *request;
	bool has_old_version; /* HTTP/1.0 */
	bool has_authority;   /* the target says who is meant: Host does not count */
	bool has_host, has_length;
};

/* --- characters ------------------------------------------------------------------------ */

static bool
is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 9110, 5.6.2. */
static bool
is_token(const struct http_text *text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text->length; i++)
		if (!is_letter_or_digit(text->text[i]) &&
		    (text->text[i] == '\0' || strchr(others, text->text[i]) == NULL))
			return false;
	return text->length > 0;
}

static bool
is_visible(const struct http_text *text)
{
	for (size_t i = 0; i < text->length; i++)
		if (text->text[i] <= 0x20 || text->text[i] >= 0x7f)
			return false;
	return true;
}

/* What may be in a line: no control character but a tab. */
static bool
is_clean(const struct http_text *line)
{
	for (size_t i = 0; i < line->length; i++) {
		const unsigned char c = (unsigned char)line->text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
is_word(const struct http_text *text, const char *word)
{
	return text->length == strlen(word) && memcmp(text->text, word, text->length) == 0;
}

static bool
is_name(const struct http_text *text, const char *name)
{
	return text->length == strlen(name) && strncasecmp(text->text, name, text->length) == 0;
}

/* What is before the first `c`; the rest, behind it, stays in *text.  False: there is no `c`. */
static bool
cut(struct http_text *text, char c, struct http_text *before)
{
	const char *found = text->length > 0 ? memchr(text->text, c, text->length) : NULL;

	if (found == NULL)
		return false;
	*before = (struct http_text){ text->text, (size_t)(found - text->text) };
	text->text = found + 1;
	text->length -= before->length + 1;
	return true;
}

static void
trim(struct http_text *text)
{
	while (text->length > 0 && (*text->text == ' ' || *text->text == '\t')) {
		text->text++;
		text->length--;
	}
	while (text->length > 0 && (text->text[text->length - 1] == ' ' ||
	    text->text[text->length - 1] == '\t'))
		text->length--;
}

/* --- who is meant ------------------------------------------------------------------------ */

static bool
is_address(int family, const char *text, size_t length)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return inet_pton(family, copy, &address) == 1;
}

/* RFC 3986, 3.2.2: what names that people give to hosts are made of. */
static bool
is_host(const struct http_text *host)
{
	if (host->length > 2 && host->text[0] == '[' && host->text[host->length - 1] == ']')
		return is_address(AF_INET6, host->text + 1, host->length - 2);
	for (size_t i = 0; i < host->length; i++)
		if (!is_letter_or_digit(host->text[i]) && host->text[i] != '-' &&
		    host->text[i] != '.' && host->text[i] != '_')
			return false;
	return host->length > 0;
}

static bool
is_port(const struct http_text *port)
{
	for (size_t i = 0; i < port->length; i++)
		if (port->text[i] < '0' || port->text[i] > '9')
			return false;
	return port->length <= 5;
}

/* HOST, HOST:PORT; no user. */
static bool
read_authority(struct http_text text, struct http_text *host)
{
	struct http_text before;
	const char *end = text.length > 0 && *text.text == '['
	    ? memchr(text.text, ']', text.length) : text.text;

	*host = text;
	if (end == NULL || text.length == 0)
		return false;
	before = (struct http_text){ end, text.length - (size_t)(end - text.text) };
	if (cut(&before, ':', host)) {
		*host = (struct http_text){ text.text, text.length - before.length - 1 };
		if (!is_port(&before))
			return false;
	} else {
		*host = text;
	}
	return is_host(host);
}

/* A name at its root has a dot behind it. */
static bool
is_same_host(const struct http_text *host, const char *name)
{
	struct http_text plain = *host;
	size_t length = strlen(name);

	if (plain.length > 1 && plain.text[plain.length - 1] == '.')
		plain.length--;
	if (length > 1 && name[length - 1] == '.')
		length--;
	return plain.length == length && strncasecmp(plain.text, name, length) == 0;
}

bool
http_host_is_ours(const struct http_text *host, const struct http_names *names)
{
	if (host->text == NULL || *host->text == '[' ||
	    is_address(AF_INET, host->text, host->length) || is_same_host(host, "localhost"))
		return true;
	if (*names->host != '\0' && is_same_host(host, names->host))
		return true;
	for (size_t i = 0; i < names->count; i++)
		if (is_same_host(host, names->names[i]))
			return true;
	return false;
}

/* --- the first line ---------------------------------------------------------------------- */

static enum http_status
read_version(struct parsing *parsing, const struct http_text *version)
{
	const char *const text = version->text;

	if (version->length != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' ||
	    text[5] < '0' || text[5] > '9' || text[7] < '0' || text[7] > '9')
		return HTTP_BAD_REQUEST;
	if (text[5] != '1')
		return HTTP_VERSION_NOT_SUPPORTED;
	parsing->has_old_version = text[7] == '0';
	return HTTP_OK;
}

static enum http_status
read_method(struct parsing *parsing, const struct http_text *method)
{
	static const char *const others[] = {
		"CONNECT", "DELETE", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
	};

	parsing->request->is_head = is_word(method, "HEAD");
	if (parsing->request->is_head || is_word(method, "GET"))
		return HTTP_OK;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (is_word(method, others[i]))
			return HTTP_METHOD_NOT_ALLOWED;
	return is_token(method) ? HTTP_NOT_IMPLEMENTED : HTTP_BAD_REQUEST;
}

/* "http://HOST:PORT/PATH", as proxies are asked: a server takes it too (RFC 9112, 3.2.2). */
static bool
read_absolute(struct parsing *parsing, struct http_text *target)
{
	static const char scheme[] = "http://";
	const size_t length = sizeof(scheme) - 1;
	struct http_text authority;
	size_t end;

	if (target->length < length || strncasecmp(target->text, scheme, length) != 0)
		return false;
	authority = (struct http_text){ target->text + length, target->length - length };
	for (end = 0; end < authority.length; end++)
		if (authority.text[end] == '/' || authority.text[end] == '?')
			break;
	target->text = authority.text + end;
	target->length = authority.length - end;
	authority.length = end;
	parsing->has_authority = true;
	return read_authority(authority, &parsing->request->host);
}

static enum http_status
read_target(struct parsing *parsing, struct http_text target)
{
	struct http_text path;

	if (target.length == 0 || !is_visible(&target) ||
	    memchr(target.text, '#', target.length) != NULL)
		return HTTP_BAD_REQUEST;
	if (*target.text != '/' && !read_absolute(parsing, &target))
		return HTTP_BAD_REQUEST;
	if (cut(&target, '?', &path))
		parsing->request->query = target;
	else
		path = target;
	parsing->request->path = path.length > 0 ? path : (struct http_text){ "/", 1 };
	return HTTP_OK;
}

static enum http_status
read_first_line(struct parsing *parsing, struct http_text line)
{
	struct http_text method, target;
	enum http_status status;

	if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target))
		return HTTP_BAD_REQUEST;
	status = read_version(parsing, &line);
	if (status == HTTP_OK)
		status = read_method(parsing, &method);
	return status == HTTP_OK ? read_target(parsing, target) : status;
}

/* --- fields ------------------------------------------------------------------------------ */

static enum http_status
read_host(struct parsing *parsing, const struct http_text *value)
{
	struct http_text host;

	if (parsing->has_host || !read_authority(*value, &host))
		return HTTP_BAD_REQUEST;
	parsing->has_host = true;
	if (!parsing->has_authority)
		parsing->request->host = host;
	return HTTP_OK;
}

/* No text here has an answer that depends on a body. */
static enum http_status
read_length(struct parsing *parsing, const struct http_text *value)
{
	bool is_zero = true;

	if (parsing->has_length || value->length == 0)
		return HTTP_BAD_REQUEST;
	parsing->has_length = true;
	for (size_t i = 0; i < value->length; i++) {
		if (value->text[i] < '0' || value->text[i] > '9')
			return HTTP_BAD_REQUEST;
		is_zero = is_zero && value->text[i] == '0';
	}
	return is_zero ? HTTP_OK : HTTP_CONTENT_TOO_LARGE;
}

static enum http_status
read_field(struct parsing *parsing, struct http_text line)
{
	struct http_text name;

	if (!cut(&line, ':', &name) || !is_token(&name))
		return HTTP_BAD_REQUEST;
	trim(&line);
	if (is_name(&name, "Host"))
		return read_host(parsing, &line);
	if (is_name(&name, "Content-Length"))
		return read_length(parsing, &line);
	if (is_name(&name, "Transfer-Encoding"))
		return parsing->has_old_version || parsing->has_length ? HTTP_BAD_REQUEST
		    : HTTP_CONTENT_TOO_LARGE;
	return HTTP_OK;
}

/* --- the head ------------------------------------------------------------------------------ */

/*
 * Takes a line with its end, or what there is of one, from `rest`.  Returns true where it is whole.
 * The CR that a line may end in is not part of it: one that no LF follows is.
 */
static bool
take_line(struct http_text *rest, struct http_text *line)
{
	const bool is_whole = cut(rest, '\n', line);

	if (!is_whole)
		*line = *rest;
	if (line->length > 0 && line->text[line->length - 1] == '\r')
		line->length--;
	return is_whole;
}

/* The end: HTTP/1.1 has to say who is meant. */
static enum http_status
judge(const struct parsing *parsing)
{
	return parsing->has_host || parsing->has_old_version ? HTTP_OK : HTTP_BAD_REQUEST;
}

/* Reads the lines behind the first one. */
static enum http_status
read_fields(struct parsing *parsing, struct http_text *rest)
{
	enum http_status status;
	struct http_text line;
	bool is_whole;

	do {
		is_whole = take_line(rest, &line);
		if (!is_clean(&line))
			return HTTP_BAD_REQUEST;
		if (!is_whole)
			return HTTP_PARTIAL;
		if (line.length == 0)
			return judge(parsing);
		status = read_field(parsing, line);
	} while (status == HTTP_OK);
	return status;
}

/* Some send an empty line behind a body: one before the first is passed over (RFC 9112, 2.2). */
static enum http_status
read_head(struct parsing *parsing, struct http_text *rest, bool *has_first_line)
{
	enum http_status status;
	struct http_text line;
	bool is_whole = take_line(rest, &line);

	if (is_whole && line.length == 0)
		is_whole = take_line(rest, &line);
	if (!is_clean(&line))
		return HTTP_BAD_REQUEST;
	if (!is_whole)
		return HTTP_PARTIAL;
	*has_first_line = true;
	status = read_first_line(parsing, line);
	return status == HTTP_OK ? read_fields(parsing, rest) : status;
}

enum http_status
http_request_parse(const char *data, size_t size, struct http_request *request)
{
	struct http_text rest = { data, size < HTTP_HEAD_MOST ? size : HTTP_HEAD_MOST };
	struct parsing parsing = { .request = request };
	bool has_first_line = false;
	enum http_status status;

	*request = (struct http_request){ .is_head = false };
	status = read_head(&parsing, &rest, &has_first_line);
	if (status == HTTP_OK)
		request->size = (size_t)(rest.text - data);
	if (status != HTTP_PARTIAL || size < HTTP_HEAD_MOST)
		return status;
	return has_first_line ? HTTP_HEAD_TOO_LARGE : HTTP_URI_TOO_LONG;
}

bool
http_path_is(const struct http_request *request, const char *path)
{
	return is_word(&request->path, path);
}
