/*
 * The address of a listener or of a far end, as text.  What is taken has one way to write it,
 * which is taken and stays; what is not is told what would be right, and what is told is taken.
 * An address that is read is printed, as URIs are, as what is read as the same; none is
 * v4-mapped.
 */
#include "fuzz.h"
#include "net/address.h"
#include "net/endpoint.h"

static void
check_host(const char *text)
{
	char host[ADDRESS_HOST_SIZE], again[ADDRESS_HOST_SIZE], right[ADDRESS_RIGHT_SIZE];
	char unused[ADDRESS_RIGHT_SIZE];
	const char *told;

	if (address_check_host(text, host, right)) {
		fuzz_assert(*right == '\0');
		fuzz_assert(address_check_host(host, again, right) && strcmp(again, host) == 0);
		return;
	}
	told = strrchr(right, ' '); /* "..., as in fe80::1%eth0", "...: give ::1" */
	fuzz_assert(told == NULL || address_check_host(told + 1, again, unused));
}

static void
check_address(const char *text, uint16_t port)
{
	const struct address before = { .in4.sin_family = AF_UNSPEC };
	struct address address = before, read;
	char printed[ADDRESS_TEXT_SIZE], uri[ADDRESS_TEXT_SIZE + 8];
	struct endpoint endpoint;

	if (!address_parse(&address, text, port)) {
		fuzz_assert(memcmp(&address, &before, sizeof(address)) == 0);
		return;
	}
	fuzz_assert(address_port(&address) == port && address_equal(&address, &address));
	fuzz_assert(address.sa.sa_family == AF_INET ||
	    !IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr));
	snprintf(uri, sizeof(uri), "udp://%s", address_format(&address, printed));
	fuzz_assert(endpoint_parse(&endpoint, uri) == NULL && endpoint.port == port);
	fuzz_assert(address_parse(&read, endpoint.host, port) && address_equal(&read, &address));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);

	check_host(text);
	check_address(text, (uint16_t)(size * 257));
	free(text);
	return 0;
}
