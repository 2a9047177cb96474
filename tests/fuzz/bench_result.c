/*
 * A result of bench --json that is merged or compared.  What is taken is told by all that shows a
 * result, adds up with itself, and is the same when it is written and read again; what is not is
 * told in words, on one line.
 */
#include <jansson.h>

#include "client/bench/show/file.h"
#include "client/bench/show/object.h"
#include "client/bench/show/read.h"
#include "client/bench/show/text.h"
#include "fuzz.h"

/* What report_object() prints, for free(). */
static char *
dump(const struct bench_result *result)
{
	json_t *object = bench_fields(result);
	char *text;

	fuzz_assert(object != NULL);
	json_object_set_new(object, "mode", json_string("bench"));
	json_object_set_new(object, "uri", json_string(result->asked.target));
	text = json_dumps(object, JSON_REAL_PRECISION(9));
	json_decref(object);
	fuzz_assert(text != NULL);
	return text;
}

static void
show(const struct bench_result *result)
{
	FILE *nowhere = fopen("/dev/null", "w");

	fuzz_assert(nowhere != NULL);
	bench_print(result, 80, true, nowhere);
	bench_csv_print(result, nowhere);
	bench_hgrm_print(result, nowhere);
	bench_svg_print(result, nowhere);
	fclose(nowhere);
}

/* Its times are rounded when it is written first, and no more after that. */
static void
check_taken(const struct bench_result *result)
{
	char fault[BENCH_READ_FAULT_SIZE] = "", *first = dump(result), *second, *third;
	struct bench_result *again = bench_read_text(first, strlen(first), fault), *other;

	fuzz_assert(again != NULL && *fault == '\0');
	second = dump(again);
	other = bench_read_text(second, strlen(second), fault);
	fuzz_assert(other != NULL);
	third = dump(other);
	fuzz_assert(strcmp(second, third) == 0);
	fuzz_assert(again->times[BENCH_SLIP].count == result->times[BENCH_SLIP].count);
	show(again);
	if (bench_result_add_client(again, result)) {
		fuzz_assert(again->counts[BENCH_SENT] == 2 * result->counts[BENCH_SENT]);
		show(again);
	}
	free(first);
	free(second);
	free(third);
	bench_result_free(again);
	bench_result_free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char fault[BENCH_READ_FAULT_SIZE] = "", *text = copy_text(data, size);
	struct bench_result *result = bench_read_text(text, size, fault);

	if (result != NULL)
		check_taken(result);
	else
		fuzz_assert(*fault != '\0' && strchr(fault, '\n') == NULL);
	bench_result_free(result);
	free(text);
	return 0;
}
