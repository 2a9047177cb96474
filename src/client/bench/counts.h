/*
 * What bench counts, and what can be wrong: two lists, of which the words of JSON and those of the
 * text are made.
 */
#ifndef CLIENT_BENCH_COUNTS_H
#define CLIENT_BENCH_COUNTS_H

/* The words are published: echod-client(1) has each of them.  X(name, word, text) */
#define BENCH_COUNTS_LIST(X)                                                               \
	X(SENT, "sent", "messages sent")                                                   \
	X(ECHOED, "echoed", "messages that came back right, in time")                      \
	X(SENT_BYTES, "sent_bytes", "bytes sent")                                          \
	X(ECHOED_BYTES, "echoed_bytes", "bytes that came back right")                      \
	/* Due, but the peer took no more: no loss of the path. */                         \
	X(NOT_SENT, "not_sent", "messages that could not be sent")                         \
	X(UNDECIDED, "undecided", "messages still on their way at the end")                \
	X(CONNECTS, "connects", "connections begun")                                       \
	X(OPENED, "opened", "connections opened")                                          \
	X(CHURNED, "churned", "connections closed as planned, and opened anew")            \
	/* Of datagrams that are missing: the client's own loss. */                        \
	X(DROPPED, "dropped", "datagrams that came back, and found no room on this host")

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
#define X(name, word, text) BENCH_##name,
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
const char *bench_count_text(enum bench_count count);
const char *bench_error_word(enum bench_error error);
const char *bench_error_text(enum bench_error error);

#endif
