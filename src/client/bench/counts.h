/*
 * What bench counts, and what can be wrong: two lists, of which the words of JSON are made, and for
 * errors those of the text.
 */
#ifndef CLIENT_BENCH_COUNTS_H
#define CLIENT_BENCH_COUNTS_H

/* The words are published: echod-client(1) has each of them.  X(name, word) */
#define BENCH_COUNTS_LIST(X)                                                               \
	X(SENT, "sent")                                                                    \
	X(ECHOED, "echoed") /* right, and in time */                                       \
	X(SENT_BYTES, "sent_bytes")                                                        \
	X(ECHOED_BYTES, "echoed_bytes")                                                    \
	/* Due, but the peer took no more: no loss of the path. */                         \
	X(NOT_SENT, "not_sent")                                                            \
	X(UNDECIDED, "undecided") /* still on their way at the end */                      \
	X(CONNECTS, "connects")   /* begun */                                              \
	X(OPENED, "opened")                                                                \
	X(CHURNED, "churned") /* closed as planned, and opened anew */                     \
	/* Of datagrams that are missing: the client's own loss. */                        \
	X(DROPPED, "dropped")

/* X(name, word, text): the text stands behind a number. */
#define BENCH_ERRORS_LIST(X)                                                               \
	/* Of messages. */                                                                 \
	X(MISSING, "missing", "did not come back")                                         \
	X(LATE, "late", "came back after that")                                            \
	X(WRONG, "wrong", "came back with wrong bytes")                                    \
	X(MOVED, "moved", "came back at another place of the stream")                      \
	X(TRUNCATED, "truncated", "came back shorter than sent")                           \
	X(DUPLICATE, "duplicate", "came back once more")                                   \
	X(REORDERED, "reordered", "came back behind a later one")                          \
	X(SWAPPED, "swapped", "came back on another connection")                           \
	X(OTHER_RUN, "other_run", "came back of another run")                              \
	X(FOREIGN, "foreign", "came that were never sent")                                 \
	/* Of connections. */                                                              \
	X(MUTE, "mute", "connections fell silent")                                         \
	X(CLOSED, "closed", "connections were closed too early")                           \
	X(CUT, "cut", "connections were cut, without close_notify")                        \
	X(RESET, "reset", "connections were reset")                                        \
	X(BROKEN, "broken", "connections broke off")                                       \
	X(REFUSED, "refused", "connections were refused")                                  \
	X(UNREACHED, "unreached", "connections did not open")                              \
	X(UNSECURED, "unsecured", "connections got no TLS, or none to trust")              \
	X(UNGREETED, "ungreeted", "connections had another greeting, or none")

enum bench_count {
#define X(name, word) BENCH_##name,
	BENCH_COUNTS_LIST(X)
#undef X
	BENCH_COUNTS
};

enum bench_error {
#define X(name, word, text) BENCH_ERROR_##name,
	BENCH_ERRORS_LIST(X)
#undef X
	BENCH_ERRORS
};

const char *bench_count_word(enum bench_count count);
const char *bench_error_word(enum bench_error error);
const char *bench_error_text(enum bench_error error);

#endif
