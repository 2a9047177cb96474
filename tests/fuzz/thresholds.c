/*
 * A value of --max-loss or --max-rtt.  What is taken has a name that is known and a limit that
 * a limit of the same text does not exceed, and can be judged; what is not is told in words.
 */
#include "client/measure/threshold.h"
#include "fuzz.h"

static struct tally tally = { .sent = 3, .received = 2, .missing = 1 };

static void
check_taken(const struct threshold *threshold)
{
	char text[THRESHOLD_TEXT_SIZE];
	const bool holds = threshold_holds(threshold, &tally);

	fuzz_assert(*threshold->name != '\0' && threshold->most >= 0);
	fuzz_assert((threshold->kind == OF_PERCENTILE) == (threshold->percent > 0));
	if (threshold->kind == OF_LOSS)
		fuzz_assert(threshold->most <= 1 && (holds || threshold->most < 0.34) &&
		    (!holds || threshold->most > 0.33));
	else
		fuzz_assert(holds || threshold->most < 1.5);
	fuzz_assert(strlen(threshold_tell(threshold, &tally, text)) > 0);
	fuzz_assert(strstr(text, " is ") != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct thresholds thresholds = { .count = 0 };
	char *text = copy_text(data, size);
	const bool of_loss = strchr(text, ':') == NULL;
	const char *fault;

	if (tally.rtt.count == 0)
		fuzz_assert(samples_add(&tally.rtt, 0.5) && samples_add(&tally.rtt, 1.5));
	fault = of_loss ? thresholds_add_loss(&thresholds, text)
	    : thresholds_add_rtt(&thresholds, text);
	fuzz_assert(fault != NULL ? *fault != '\0' : thresholds.count > 0);
	for (size_t i = 0; i < thresholds.count; i++)
		check_taken(&thresholds.rows[i]);
	free(text);
	return 0;
}
