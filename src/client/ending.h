/*
 * How a run, an exchange or a connection ends: one list for all modes, with the word that
 * JSON has for it and the exit status that it stands for.
 */
#ifndef CLIENT_ENDING_H
#define CLIENT_ENDING_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define EXIT_WRONG 1 /* something did not come back, or not as it was sent */
#define EXIT_USAGE 2 /* usage, or nothing to talk to */

/* The words are published: echod-client(1) has each of them. */
#define ENDINGS(X)                                                       \
	X(DONE, "done", EXIT_SUCCESS)                                    \
	X(FAILED, "failed", EXIT_WRONG) /* a part of it was not done */  \
	/* The user ends it, as with -w and SIGINT. */                   \
	X(INTERRUPTED, "interrupted", EXIT_SUCCESS)                      \
	X(DEADLINE, "deadline", EXIT_SUCCESS)                            \
	/* The other side does, or what is between. */                   \
	X(CLOSED, "closed", EXIT_WRONG) /* in order, but too early */    \
	X(UNCLOSED, "unclosed", EXIT_WRONG) /* all came back, no more */ \
	X(CUT, "cut", EXIT_WRONG) /* TLS: without its end, close_notify */ \
	X(RESET, "reset", EXIT_WRONG)                                    \
	X(LOST, "lost", EXIT_WRONG) /* any other error of the channel */ \
	X(UNGREETED, "ungreeted", EXIT_WRONG) /* by another greeting, or none */ \
	X(UNSECURED, "unsecured", EXIT_WRONG) /* no TLS, or none to trust */ \
	X(TIMEOUT, "timeout", EXIT_WRONG)                                \
	/* There is nothing to talk to. */                               \
	X(UNRESOLVED, "unresolved", EXIT_USAGE) /* no such name */       \
	X(REFUSED, "refused", EXIT_USAGE) /* nobody listens */           \
	X(UNREACHED, "unreached", EXIT_USAGE) /* for any other reason */ \
	X(DOWN, "down", EXIT_USAGE) /* after --wait-until-up */          \
	X(ERROR, "error", EXIT_USAGE) /* the client's own: no memory */  \
	/* What came back is not what was sent. */                       \
	X(DIFFERENCE, "difference", EXIT_WRONG) /* in a byte: pipe */    \
	X(DIFFERENT, "different", EXIT_WRONG) /* in any way: send */     \
	X(SURPLUS, "surplus", EXIT_WRONG)                                \
	X(TRUNCATED, "truncated", EXIT_WRONG)                            \
	X(DUPLICATE, "duplicate", EXIT_WRONG)                            \
	/* The standard streams of pipe. */                              \
	X(STDOUT_CLOSED, "stdout closed", EXIT_SUCCESS)                  \
	X(STDOUT_FAILED, "stdout failed", EXIT_WRONG)                    \
	X(STDIN_FAILED, "stdin failed", EXIT_WRONG)

enum ending {
#define X(name, word, status) ENDING_##name,
	ENDINGS(X)
#undef X
};

/* What a channel tells by an errno that no socket has for it. */
#define ERROR_CUT ESTRPIPE
#define ERROR_UNGREETED EBADMSG
#define ERROR_UNSECURED EKEYREJECTED

/* What the errno of a channel means. */
enum ending ending_of_error(int error);

const char *ending_word(enum ending ending);

/*
 * The exit status that it stands for.  That nobody listens is nothing to talk to only as long
 * as nobody was heard, else it is a fault.
 */
int ending_status(enum ending ending, bool heard);

#endif
