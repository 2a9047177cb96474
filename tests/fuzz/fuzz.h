/*
 * What the harnesses share: how each asserts what holds for every input, and takes an input
 * apart.  A harness is a LLVMFuzzerTestOneInput(), which libFuzzer calls with inputs of its own
 * making (tools/fuzz), and replay.c with those in corpus/NAME.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0; what does not hold ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the sanitizers do, in words by which tools/fuzz names the input. */
#define fuzz_assert(condition)                                                          \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "SUMMARY: fuzz: broken-property %s:%d in %s: %s\n", \
			    __FILE__, __LINE__, __func__, #condition);                  \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* The rest of an input. */
struct input {
	const uint8_t *at;
	size_t left;
};

/* At its end an input has zeros. */
static inline unsigned
input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline unsigned
input_short(struct input *input)
{
	const unsigned high = input_byte(input);

	return high << 8 | input_byte(input);
}

/* Fills `size` bytes at `to`. */
static inline void
input_bytes(struct input *input, void *to, size_t size)
{
	const size_t taken = size < input->left ? size : input->left;

	memset(to, 0, size);
	if (taken > 0)
		memcpy(to, input->at, taken);
	input->at += taken;
	input->left -= taken;
}

/* Of `size` bytes and no more, so that a sanitizer sees what is read behind them; for free(). */
static inline char *
copy_text(const void *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_assert(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* What comes before the next NUL, which is passed over, or the end; for free(). */
static inline char *
input_text(struct input *input)
{
	const uint8_t *end = input->left > 0 ? memchr(input->at, '\0', input->left) : NULL;
	const size_t size = end != NULL ? (size_t)(end - input->at) : input->left;
	char *text = copy_text(input->at, size);

	input->at += size + (end != NULL);
	input->left -= size + (end != NULL);
	return text;
}

#endif
