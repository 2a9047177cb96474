/*
 * What the modes' command lines have in common.  Wrong usage ends the program with
 * status 2 and a message that says what would be right.
 */
#ifndef CLIENT_ARGUMENTS_H
#define CLIENT_ARGUMENTS_H

#include <stdbool.h>

#include "client/ending.h"
#include "client/options.h"
#include "client/tls/asked.h"
#include "client/transport/channel.h"

struct common_arguments {
	struct channel_wish wish;
	char uri[ENDPOINT_TEXT_SIZE]; /* wish.uri, as reports have it */
	bool is_bare;                 /* it was given without a scheme */
	const char *file;             /* where it stands; line 0: on the command line */
	size_t line;
	struct tls_asked tls;
	char tls_name[ENDPOINT_HOST_SIZE]; /* whose certificate the server has to have */
	double until_up; /* seconds: to wait for somebody who answers; 0: not */
	bool json;
};

/* The defaults. */
void common_init(struct common_arguments *common);

/* Once all channels of the wish are freed. */
void common_dispose(struct common_arguments *common);

/*
 * Reads the next option of `mode`, and those of all modes on the way, which it takes itself.
 * Returns the letter of one of the mode's own, its value in `optarg`; or -1 at the first
 * operand, which is at `optind`.
 */
int common_next(struct common_arguments *common, enum option_group mode, int argc, char **argv);

/* Reads URI, HOST, HOST:PORT or HOST PORT; `rest` are the operands, all of which it must use. */
void common_take_target(struct common_arguments *common, int count, char **rest);

/* Reads URI, HOST or HOST:PORT. */
void common_take_uri(struct common_arguments *common, const char *text);

/* The same, or HOST PORT where `port` is not NULL. */
void common_take_host(struct common_arguments *common, const char *host, const char *port);

/* True where `text` is a URI or HOST:PORT: no bare HOST, and no PORT. */
bool common_has_port(const char *text);

/* As report_unreached(); a name that is not found may have been meant for a mode. */
void common_unreached(const struct common_arguments *common, enum ending ending,
    const char *fault) __attribute__((noreturn));

/* `right` is what would be right in place of the value `text` of `option` ("-i"); NULL: it is. */
void argument_check(const char *option, const char *text, const char *right);

/* Read the value `text` of `option`, from `least` to `most`. */
double argument_seconds(const char *option, const char *text, double least, double most);

/* A second, as in "50000", "50K" or "1.5M": K and M are thousands, whatever they are of bytes. */
double argument_rate(const char *option, const char *text, double least, double most);

long argument_number(const char *option, const char *text, long least, long most);

#endif
