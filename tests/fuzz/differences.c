/*
 * What a server sends in place of an echo, over a stream: where it begins to be wrong, and the
 * bytes from there on.  It is judged, without a look at what is not there, as one of the errors
 * of messages; and that of a message that is the connection's own.
 */
#include "client/bench/load/difference.h"
#include "fuzz.h"

#define PIECE_MOST 4096

static struct payload payload;

static size_t
size_of(const struct difference *difference, uint64_t number)
{
	return mix_pick(difference->sizes, difference->connection, number);
}

/* Bytes as they are in the input, or pieces of the stream as it should be. */
static size_t
gather(struct input *input, const struct difference *difference, unsigned char *came)
{
	size_t size = 0;

	while (input->left > 0 && size < 4 * PIECE_MOST) {
		const struct message message = { input_byte(input) % 4,
			difference->message + input_byte(input) % 8,
			size_of(difference, 0) };
		const size_t at = input_short(input) % message.size;
		size_t part = input_short(input) % PIECE_MOST;

		if (part % 2 == 0) {
			part = part < message.size - at ? part : message.size - at;
			payload_write(&payload, &message, at, came + size, part);
		} else {
			input_bytes(input, came + size, part);
		}
		size += part;
	}
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = { "1", "15", "16", "64", "64:9,1400:1", "16K", "1M" };
	struct input input = { data, size };
	struct mix sizes;
	struct difference difference = { .payload = &payload, .sizes = &sizes, .connection = 1,
		.connections = 4 };
	unsigned char *came = malloc(5 * PIECE_MOST), expected;
	uint64_t message;
	enum bench_error kind;
	size_t length;

	fuzz_assert(came != NULL);
	if (payload.token == 0)
		payload_init(&payload, 1);
	fuzz_assert(mix_parse(&sizes, texts[input_byte(&input) % 7]) == NULL);
	difference.message = input_byte(&input);
	difference.first = input_byte(&input) % (difference.message + 1);
	difference.at = input_short(&input) % size_of(&difference, difference.message);
	difference.begun = difference.message + input_byte(&input) % 16;
	difference.out = input_short(&input) % (size_of(&difference, difference.begun - 1) + 1);
	length = gather(&input, &difference, came);
	if (length > 0) {
		unsigned char *exact = (unsigned char *)copy_text(came, length);

		kind = difference_judge(&difference, exact, length, &message);
		fuzz_assert(kind <= BENCH_ERROR_FOREIGN);
		fuzz_assert(message <= difference.begun || message <= difference.message);
		difference_expected(&difference, &expected);
		free(exact);
	}
	free(came);
	return 0;
}
