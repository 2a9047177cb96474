/*
 * The beginning of a stream as a header of the PROXY protocol.  Whole and byte by byte come to
 * the same; what is whole ends within what was given, points into it alone, and is the same
 * when it is written and read again.
 */
#include "fuzz.h"
#include "net/proxy_header.h"

/* Of a stream that comes byte by byte. */
static void
check_pieces(const uint8_t *data, size_t size, enum proxy_verdict whole)
{
	enum proxy_verdict verdict;
	struct proxy_header header;
	size_t had = 0;

	while ((verdict = proxy_header_parse(data, had, &header)) == PROXY_PARTIAL && had < size)
		had++;
	fuzz_assert(verdict == whole);
	fuzz_assert(verdict != PROXY_WHOLE || had == header.size);
}

static void
check_text(const struct proxy_text *text, const uint8_t *data, size_t size)
{
	if (text->data == NULL)
		fuzz_assert(text->size == 0);
	else
		fuzz_assert(text->data >= data && text->data + text->size <= data + size);
}

static void
check_whole(const struct proxy_header *header, const uint8_t *data, size_t size)
{
	uint8_t text[PROXY_HEADER_SIZE];
	struct proxy_header again;
	size_t written;

	fuzz_assert(header->size <= size);
	fuzz_assert(!header->is_local || (header->version == 2 && !header->has_addresses));
	check_text(&header->authority, data, header->size);
	check_text(&header->alpn, data, header->size);
	check_text(&header->tls_version, data, header->size);
	if (header->has_addresses &&
	    header->source.sa.sa_family != header->destination.sa.sa_family)
		return; /* one of them was v4-mapped */
	written = proxy_header_format(header, text);
	fuzz_assert(proxy_header_parse(text, written, &again) == PROXY_WHOLE);
	fuzz_assert(again.size == written && again.version == header->version);
	fuzz_assert(again.is_local == header->is_local);
	fuzz_assert(again.has_addresses == header->has_addresses);
	if (!header->has_addresses)
		return;
	fuzz_assert(address_equal(&again.source, &header->source));
	fuzz_assert(address_equal(&again.destination, &header->destination));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	const enum proxy_verdict verdict = proxy_header_parse(data, size, &header);

	if (size < 128)
		check_pieces(data, size, verdict);
	if (verdict == PROXY_WHOLE)
		check_whole(&header, data, size);
	return 0;
}
