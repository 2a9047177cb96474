/*
 * The client's options: a row each, of which the reading of command lines and --help are
 * made, so that neither has one that the other lacks.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>

/* Whose options. */
enum option_group {
	OPTIONS_OF_ALL,
	OPTIONS_OF_PING,
	OPTIONS_OF_PIPE,
	OPTIONS_OF_SEND,
	OPTIONS_OF_MTU,
	OPTIONS_OF_BENCH,
};

/* Those that have no letter. */
enum {
	OPTION_JSON = 256,
	OPTION_CA,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_SNI,
	OPTION_ALPN,
	OPTION_INSECURE,
	OPTION_TLS_MIN,
	OPTION_WAIT_UNTIL_UP,
	OPTION_PROXY,
	OPTION_EXPECT_GREETING,
	OPTION_MAX_LOSS,
	OPTION_MAX_RTT,
	OPTION_FLOWS,
	OPTION_SOURCE_PORT,
	OPTION_EXPECT_DSCP,
	OPTION_JSON_STREAM,
	OPTION_DSCP,
	OPTION_ECN,
	OPTION_TTL,
	OPTION_NO_COMPARE,
	OPTION_RATE,
	OPTION_MIN_MTU,
	OPTION_MIN_MSS,
	OPTION_WARM_UP,
	OPTION_RAMP,
	OPTION_CHURN,
	OPTION_SOURCE,
	OPTION_KERNEL_TIME,
	OPTION_SPIN,
	OPTION_MIN_RATE,
	OPTION_AGAINST,
	OPTION_ROUNDS,
	OPTION_MERGE,
	OPTION_CSV,
	OPTION_SVG,
	OPTION_HGRM,
};

/*
 * As getopt_long(3), for the options of `mode` and those of all modes: returns a letter or
 * one of the above, '?' for what is none, after it has said so, or -1 at the first operand, which
 * is at `optind`.
 */
int options_next(enum option_group mode, int argc, char **argv);

/* True for the name of a mode, in capitals too. */
bool options_is_mode(const char *word);

/* Returns the mode that `word` was meant to name, or NULL. */
const char *options_near_mode(const char *word);

/* Prints what --help says, on stdout. */
void options_print_help(void);

#endif
