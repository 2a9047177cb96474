/*
 * A URI, of -l and of the client, as text.  What is taken is printed as what is read as the
 * same; what is not is told in words.  Where there is no room, what is printed is cut.
 */
#include "fuzz.h"
#include "net/endpoint.h"

#define TEXT_SIZE (ENDPOINT_HOST_SIZE + 32)

static void
check_cut(const struct endpoint *endpoint, const char *whole)
{
	for (size_t size = 1; size <= strlen(whole); size += 7) {
		char *text = malloc(size);

		fuzz_assert(text != NULL);
		endpoint_format(endpoint->protocol, endpoint->host, endpoint->port, text, size);
		fuzz_assert(strlen(text) == size - 1 && strncmp(text, whole, size - 1) == 0);
		free(text);
	}
}

static void
check_taken(const struct endpoint *endpoint)
{
	char printed[TEXT_SIZE];
	struct endpoint read;

	endpoint_format(endpoint->protocol, endpoint->host, endpoint->port, printed,
	    sizeof(printed));
	fuzz_assert(endpoint_parse(&read, printed) == NULL);
	fuzz_assert(read.protocol == endpoint->protocol && read.port == endpoint->port);
	fuzz_assert(strcmp(read.host, endpoint->host) == 0);
	check_cut(endpoint, printed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct endpoint endpoint;
	const char *fault = endpoint_parse(&endpoint, text);

	if (fault == NULL)
		check_taken(&endpoint);
	else
		fuzz_assert(*fault != '\0');
	free(text);
	return 0;
}
