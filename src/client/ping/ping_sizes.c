/* What became of the messages of each size: see ping_sizes.h. */
#include "client/ping/ping_sizes.h"

#include <math.h>

#include "client/ping/ping_summary.h"

static double
loss_of(const struct size_books *books)
{
	const uint64_t judged = books->received + books->lost;

	return judged == 0 ? (double)NAN : (double)books->lost / (double)judged;
}

static double
mean_of(const struct size_books *books)
{
	return books->sum / (double)books->received;
}

void
ping_sizes_print(const struct sizes *sizes, const struct size_books *books, FILE *stream)
{
	fputs(" size      sent  received    loss     rtt min/avg/max ms\n", stream);
	for (size_t i = 0; i < sizes->count; i++, books++) {
		fprintf(stream, "%5zu  %8llu  %8llu", sizes_at(sizes, i),
		    (unsigned long long)books->sent, (unsigned long long)books->received);
		ping_print_loss(loss_of(books), stream);
		if (books->received > 0)
			fprintf(stream, "    %.3f/%.3f/%.3f", books->least * 1000,
			    mean_of(books) * 1000, books->most * 1000);
		fputc('\n', stream);
	}
}

static json_t *
times_object(const struct size_books *books)
{
	if (books->received == 0)
		return NULL;
	return json_pack("{sf sf sf}", "min", books->least, "avg", mean_of(books), "max",
	    books->most);
}

json_t *
ping_sizes_array(const struct sizes *sizes, const struct size_books *books)
{
	json_t *array = json_array();

	for (size_t i = 0; i < sizes->count; i++, books++)
		json_array_append_new(array, json_pack("{sI sI sI so? so?}",
		    "size", (json_int_t)sizes_at(sizes, i), "sent", (json_int_t)books->sent,
		    "received", (json_int_t)books->received,
		    "loss", json_real(loss_of(books)),
		    "rtt_seconds", times_object(books)));
	return array;
}
