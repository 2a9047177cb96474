/*
 * What the modes' command lines have in common.  Wrong usage ends the program with
 * status 2 and a message that says what would be right.
 */
#ifndef CLIENT_ARGUMENTS_H
#define CLIENT_ARGUMENTS_H

#include <getopt.h>
#include <stdbool.h>

#include "client/transport/channel.h"

/* The options of every mode, for its getopt_long(3) string and table. */
#define COMMON_SHORT "46t:Vh"
#define COMMON_LONG                                             \
	{ "ipv4", no_argument, NULL, '4' },                     \
	{ "ipv6", no_argument, NULL, '6' },                     \
	{ "connect-timeout", required_argument, NULL, 't' },    \
	{ "json", no_argument, NULL, OPTION_JSON },             \
	{ "version", no_argument, NULL, 'V' },                  \
	{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
enum { OPTION_JSON = 256, OPTION_NO_COMPARE };

/* "udp://[", the host, "]:65535" and the NUL. */
#define URI_TEXT_SIZE (URI_HOST_SIZE + 16)

struct common_arguments {
	struct channel_wish wish;
	char uri[URI_TEXT_SIZE]; /* wish.uri, as reports have it */
	bool json;
};

/* The defaults. */
void common_init(struct common_arguments *common);

/* Takes one of the options above, or ends the program on any other. */
void common_take(struct common_arguments *common, int option);

/* Reads URI, HOST, HOST:PORT or HOST PORT; `rest` are the operands, all of which it must use. */
void common_take_target(struct common_arguments *common, int count, char **rest);

/* Reads URI, HOST or HOST:PORT. */
void common_take_uri(struct common_arguments *common, const char *text);

/* Read the value `text` of `option` ("-i"), from `least` to `most`. */
double argument_seconds(const char *option, const char *text, double least, double most);
long argument_number(const char *option, const char *text, long least, long most);

#endif
