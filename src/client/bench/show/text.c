/* What came of a run, as text: see text.h. */
#include "client/bench/show/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "client/bench/show/line.h"
#include "client/bench/show/table.h"
#include "client/bench/show/units.h"
#include "client/timing.h"

typedef unsigned long long ull;

/* The part of the corrected p99 that may be slip. */
#define SLIP_PART 10

/* Where lines are broken. */
#define WIDTH 79

/* Breaks what is longer than a line behind a comma; further lines begin below the first one's. */
static void
print_wrapped(const char *head, const char *text, FILE *stream)
{
	const int indent = (int)strlen(head);
	const size_t room = WIDTH - strlen(head);

	fputs(head, stream);
	while (strlen(text) > room) {
		const char *comma = memrchr(text, ',', room);

		if (comma == NULL || comma[1] != ' ')
			break;
		fprintf(stream, "%.*s\n%*s", (int)(comma + 1 - text), text, indent, "");
		text = comma + 2;
	}
	fprintf(stream, "%s\n", text);
}

/* --- what was asked -------------------------------------------------------------------- */

static void
write_asked(const struct bench_result *result, FILE *stream)
{
	const struct bench_asked *asked = &result->asked;

	fprintf(stream, "%llu connection%s, %llu in flight on each, %s bytes",
	    (ull)asked->connections, plural(asked->connections), (ull)asked->in_flight, asked->sizes);
	if (asked->rate > 0)
		fprintf(stream, ", %.10g/s", asked->rate);
	else
		fputs(", as fast as it goes", stream);
	if (asked->messages > 0)
		fprintf(stream, ", %llu message%s", (ull)asked->messages, plural(asked->messages));
	if (asked->seconds > 0)
		fprintf(stream, ", %.10g s", asked->seconds);
	if (asked->warm_up > 0)
		fprintf(stream, " after %.10g s to warm up", asked->warm_up);
	if (asked->churn)
		fputs(", a connection for each message", stream);
	if (result->clients > 1)
		fprintf(stream, ", by %zu clients", result->clients);
}

/* --- what became of it ----------------------------------------------------------------- */

static void
print_count(const struct bench_result *result, enum bench_count count, const char *what,
    FILE *stream)
{
	if (result->counts[count] > 0)
		fprintf(stream, ", %llu %s", (ull)result->counts[count], what);
}

static void
write_messages(const struct bench_result *result, FILE *stream)
{
	const double loss = bench_result_loss(result);

	fprintf(stream, "%llu sent, %llu came back",
	    (ull)result->counts[BENCH_SENT], (ull)result->counts[BENCH_ECHOED]);
	print_count(result, BENCH_NOT_SENT, "not sent", stream);
	print_count(result, BENCH_UNDECIDED, "undecided", stream);
	print_count(result, BENCH_DROPPED, "dropped by this host", stream);
	if (loss >= 0)
		fprintf(stream, ", %.4g%% loss", loss * 100);
	else
		fputs(", loss unknown", stream);
	fprintf(stream, ", in %.3f s", result->elapsed);
}

static void
write_rates(const struct bench_result *result, FILE *stream)
{
	const double throughput = bench_result_throughput(result);
	char bytes[UNITS_SIZE], bits[UNITS_SIZE];

	fprintf(stream, "%.1f/s", bench_result_rate(result));
	if (result->asked.rate > 0 && result->elapsed > 0)
		fprintf(stream, ", sent %.1f/s",
		    (double)result->counts[BENCH_SENT] / result->elapsed);
	fprintf(stream, ", each way %s/s, %s", units_bytes(throughput, bytes),
	    units_bits(throughput, bits));
}

static void
write_connections(const struct bench_result *result, FILE *stream)
{
	fprintf(stream, "%llu opened of %llu", (ull)result->counts[BENCH_OPENED],
	    (ull)result->counts[BENCH_CONNECTS]);
	print_count(result, BENCH_CHURNED, "closed as planned", stream);
}

/* What was reached, and how it is secured. */
static void
write_peer(const struct bench_result *result, FILE *stream)
{
	char address[LINE_PRINTABLE_SIZE];

	fputs(line_printable(result->address, true, address), stream);
	if (result->tls != NULL)
		fprintf(stream, ", over %s, %s",
		    json_string_value(json_object_get(result->tls, "version")),
		    json_string_value(json_object_get(result->tls, "cipher")));
}

static void
write_client(const struct bench_result *result, FILE *stream)
{
	const uint64_t echoed = result->counts[BENCH_ECHOED];
	char each[UNITS_SIZE];

	fprintf(stream, "%llu thread%s, %.3f s of CPU", (ull)result->asked.threads,
	    plural(result->asked.threads), result->cpu);
	if (echoed > 0)
		fprintf(stream, ", %s an echo",
		    units_time((int64_t)(result->cpu * 1e9 / (double)echoed), each));
}

/* Without memory the line is left out. */
static void
print_line(const char *head, void (*write)(const struct bench_result *result, FILE *stream),
    const struct bench_result *result, FILE *stream)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (memory == NULL)
		return;
	write(result, memory);
	if (fclose(memory) == 0)
		print_wrapped(head, text, stream);
	free(text);
}

/* --- what was wrong -------------------------------------------------------------------- */

const char *
bench_fault_text(const struct bench_result *result, char text[BENCH_FAULT_SIZE])
{
	const struct bench_fault *fault = &result->fault;
	int length;

	*text = '\0';
	if (!fault->is_set)
		return text;
	length = snprintf(text, BENCH_FAULT_SIZE, "%s: connection %" PRIu64 ", message %" PRIu64,
	    bench_error_word(fault->kind), fault->connection, fault->message);
	if (fault->has_offset)
		length += snprintf(text + length, BENCH_FAULT_SIZE - (size_t)length,
		    ", byte %" PRIu64 " of %s", fault->offset,
		    bench_result_is_of_datagrams(result) ? "it" : "the stream");
	if (fault->has_bytes)
		length += snprintf(text + length, BENCH_FAULT_SIZE - (size_t)length,
		    ": sent 0x%02x, received 0x%02x", fault->expected, fault->got);
	if (bench_fault_error(fault) != 0)
		length += snprintf(text + length, BENCH_FAULT_SIZE - (size_t)length, ": %s",
		    strerror(fault->error));
	snprintf(text + length, BENCH_FAULT_SIZE - (size_t)length,
	    fault->at < 0 ? ", %.6f s before counting began" : ", after %.6f s",
	    fabs(timing_seconds(fault->at)));
	return text;
}

bool
bench_is_late(const struct bench_result *result)
{
	const int64_t slip = histogram_quantile(&result->times[BENCH_SLIP], 0.99);

	return slip > histogram_quantile(&result->times[BENCH_CORRECTED], 0.99) / SLIP_PART;
}

/* The first second's may come on top. */
bool
bench_may_be_limited(const struct bench_result *result)
{
	const double most = BENCH_LIMITED_RATE * (double)result->clients;

	return bench_result_is_of_datagrams(result) &&
	    result->errors[BENCH_ERROR_MISSING] > result->counts[BENCH_DROPPED] &&
	    result->counts[BENCH_ECHOED] > 0 &&
	    (double)result->counts[BENCH_SENT] > most * result->elapsed &&
	    (double)result->counts[BENCH_ECHOED] < 1.1 * most * (result->elapsed + 1);
}

static void
print_errors(const struct bench_result *result, FILE *stream)
{
	char text[BENCH_FAULT_SIZE];

	if (bench_result_errors(result) == 0)
		return;
	fputs("\nerrors\n", stream);
	for (int i = 0; i < BENCH_ERRORS; i++)
		if (result->errors[i] > 0)
			fprintf(stream, "%12llu  %-10s %s\n", (ull)result->errors[i],
			    bench_error_word((enum bench_error)i),
			    bench_error_text((enum bench_error)i));
	if (result->fault.is_set)
		print_wrapped("  first: ", bench_fault_text(result, text), stream);
	if (bench_may_be_limited(result))
		fprintf(stream, "  echod answers %d datagrams a second of one source by default: "
		    "see its limits\n", BENCH_LIMITED_RATE);
}

/* Less than this of the time together, and what clients did does not add up. */
#define TOGETHER_PART 0.9

static void
print_warnings(const struct bench_result *result, FILE *stream)
{
	if (bench_result_together(result) < TOGETHER_PART)
		fprintf(stream, "\nThe clients ran for %.0f%% of this time each, not all at once, or"
		    " their clocks\ndiffer: the rates are those of all of it.\n",
		    100 * bench_result_together(result));
	if (bench_is_late(result))
		fputs("\nThis client itself was late: the p99 of slip is more than a tenth of that"
		    " of\ncorrected, so that the latencies are partly its own.  Ask for less, or give"
		    " it\nmore CPUs.\n", stream);
}

void
bench_print(const struct bench_result *result, unsigned columns, bool utf8, FILE *stream)
{
	char target[LINE_PRINTABLE_SIZE];

	fprintf(stream, "--- %s statistics ---\n",
	    line_printable(result->asked.target, utf8, target));
	print_line("asked       ", write_asked, result, stream);
	if (*result->address != '\0')
		print_line("server      ", write_peer, result, stream);
	print_line("messages    ", write_messages, result, stream);
	print_line("rate        ", write_rates, result, stream);
	print_line("connections ", write_connections, result, stream);
	print_line("client      ", write_client, result, stream);
	print_errors(result, stream);
	table_print(result, stream);
	table_draw(&result->times[BENCH_CORRECTED], columns, utf8, stream);
	print_warnings(result, stream);
}
