/* The TLS that options ask for: see asked.h. */
#include "client/tls/asked.h"

#include <stdio.h>
#include <string.h>

#include "net/address.h"

/* Of one name: RFC 7301, 3.1. */
#define NAME_MOST 255

static bool
is_address(const char *text)
{
	struct address address;

	return strchr(text, '%') == NULL && address_parse(&address, text, 0);
}

const char *
tls_asked_name(struct tls_asked *asked, const char *text)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	asked->name = text;
	asked->option = "--sni";
	if (is_address(text) || (*text != '\0' && *text != '.' && strlen(text) <= 253 &&
	    text[strspn(text, allowed)] == '\0'))
		return NULL;
	return "give the name of a host, or a numeric address without a port";
}

const char *
tls_asked_minimum(struct tls_asked *asked, const char *text)
{
	asked->minimum = text;
	asked->option = "--tls-min";
	return strcmp(text, "1.2") == 0 || strcmp(text, "1.3") == 0 ? NULL : "give 1.2 or 1.3";
}

const char *
tls_asked_alpn(struct tls_asked *asked, const char *text)
{
	static const char right[] = "give names of protocols, as in \"h2,http/1.1\"";
	char *rest = asked->alpn, *name;

	asked->option = "--alpn";
	asked->protocol_count = 0;
	if (strlen(text) >= sizeof(asked->alpn))
		return right;
	snprintf(asked->alpn, sizeof(asked->alpn), "%s", text);
	while ((name = strsep(&rest, ",")) != NULL) {
		if (*name == '\0' || strlen(name) > NAME_MOST ||
		    asked->protocol_count == TLS_ASKED_ALPN_MOST)
			return right;
		asked->protocols[asked->protocol_count++] = name;
	}
	return NULL;
}

const char *
tls_asked_check(const struct tls_asked *asked)
{
	if (asked->is_insecure && asked->ca != NULL)
		return "--insecure and --ca: whoever is trusted without a look needs no --ca";
	if (asked->key != NULL && asked->certificate == NULL)
		return "--key: give its certificate too, by --cert";
	return NULL;
}

void
tls_asked_server(const struct tls_asked *asked, const char *host, char name[ENDPOINT_HOST_SIZE])
{
	char *last;

	snprintf(name, ENDPOINT_HOST_SIZE, "%s", asked->name != NULL ? asked->name : host);
	if (strchr(name, ':') != NULL)
		name[strcspn(name, "%")] = '\0';
	last = name + strlen(name) - 1;
	if (last > name && *last == '.')
		*last = '\0';
}

/* The key may be in the certificate's file. */
struct tls_context *
tls_asked_context(const struct tls_asked *asked, const char *name, char text[TLS_TEXT_SIZE])
{
	const char *const key = asked->key != NULL ? asked->key : asked->certificate;
	const size_t pairs = asked->certificate != NULL;
	const struct tls_settings settings = {
		.certificates = &asked->certificate,
		.keys = &key,
		.certificate_count = pairs,
		.key_count = pairs,
		.ca = asked->ca != NULL ? asked->ca : "",
		.minimum = asked->minimum != NULL ? asked->minimum : "1.2",
		.ciphers = "",
		.groups = "",
		.alpn = asked->protocols,
		.alpn_count = asked->protocol_count,
		.name = name,
		.is_insecure = asked->is_insecure,
	};

	return tls_context_new_client(&settings, text);
}
