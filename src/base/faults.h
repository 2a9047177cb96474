/*
 * What is wrong with a configuration: messages collected, so that all of them
 * are told at once, to whoever asked (a terminal or the log).
 */
#ifndef BASE_FAULTS_H
#define BASE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

struct faults;

/* Returns an empty collection, or NULL with errno.  faults_free() frees it. */
struct faults *faults_new(void);
void faults_free(struct faults *faults);

/*
 * Adds one message, a line without its newline: "-l tcp://: …".  Control
 * characters become '?', so that a message is one line whatever it quotes.  Of more
 * than a hundred the first hundred are kept, and one last message counts the others;
 * where memory runs out, that last message says so.
 */
void faults_add(struct faults *faults, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Where something is wrong: a file and its line, or an argument as it was given. */
struct place {
	const char *name;
	int line; /* 0: none */
	bool is_argument;
};

/*
 * The same, with "NAME:LINE: " or "NAME: " before the message.  A message with a line
 * comes before those of later lines and those without one.
 */
void faults_add_at(struct faults *faults, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Says of what was told, or will be, that `error` is why.  Where it is of the moment, as when
 * memory or descriptors ran out, another try may find nothing wrong.  Leaves errno as it is.
 */
void faults_blame(struct faults *faults, int error);

/* True where such an error is to blame for one of them, or memory ran out for a message. */
bool faults_may_pass(const struct faults *faults);

/* True where further messages are only counted: none needs much work any more. */
bool faults_are_full(const struct faults *faults);

/* True where something is wrong with an argument. */
bool faults_of_arguments(const struct faults *faults);

size_t faults_count(const struct faults *faults);

/* The message at `index` < faults_count(); the collection keeps it. */
const char *faults_get(const struct faults *faults, size_t index);

#endif
