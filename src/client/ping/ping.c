/*
 * ping: a message at a time, each reply timed and compared to the last byte.
 */
#include "client/ping/ping.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/modes.h"
#include "client/report.h"
#include "client/timing.h"

/* What is received before timers and signals have their turn. */
#define TURN_RECEIVES 64

struct ping {
	struct ping_options options;
	struct judge *judge;
	struct transport transport;
	bool connecting; /* again: `writable` tells when it is over */
	char peer[ADDRESS_TEXT_SIZE];
	struct event_base *base;
	struct event *readable, *writable, *send_timer, *wait_timer, *deadline_timer;
	struct event *interrupt, *quit;
	int64_t started, next_send; /* timing_now() */
	size_t unsent;  /* bytes of the last message that the socket did not take */
	size_t partial; /* bytes of a reply that have come: streams */
	int send_error; /* a stream's: the kernel tells it once, to send or to recv */
	int trouble;    /* the errno that was told last: what goes on is told once */
	bool refused;   /* nobody listens for datagrams */
	bool lost;      /* a connection ended early */
	bool blocked;   /* the peer took no more bytes when that was last told */
	bool ended;
	enum ping_end end;
	unsigned char out[MESSAGE_MOST], in[MESSAGE_MOST + 1];
};

static bool
is_stream(const struct ping *ping)
{
	return transport_is_stream(&ping->options.common.wish);
}

static void
end(struct ping *ping, enum ping_end why)
{
	if (ping->ended)
		return;
	ping->ended = true;
	ping->end = why;
	event_base_loopbreak(ping->base);
}

/* True while messages are still to be sent. */
static bool
has_more(const struct ping *ping)
{
	return ping->options.count == 0 || ping->judge->tally.sent < ping->options.count;
}

/* After each reply and each wait that is over: that may have been the last. */
static void
look_for_end(struct ping *ping)
{
	int64_t at;

	if (!has_more(ping) && judge_settled(ping->judge))
		end(ping, PING_DONE);
	else if (judge_next_missing(ping->judge, &at))
		timing_arm(ping->wait_timer, at);
	else
		event_del(ping->wait_timer);
}

static void
tell_trouble(struct ping *ping, int error)
{
	if (ping->trouble != error)
		ping_print_trouble(&ping->options, ping->peer, error);
	ping->trouble = error;
	ping->refused |= error == ECONNREFUSED;
}

/* --- receiving ------------------------------------------------------------------- */

static void
take_reply(struct ping *ping, struct reply reply)
{
	ping_print_reply(&ping->options, ping->peer, &reply);
	if (reply.verdict == REPLY_RIGHT)
		ping->trouble = 0;
	if (report_stdout_fails())
		end(ping, PING_INTERRUPTED);
	look_for_end(ping);
}

static void
unwatch_socket(struct ping *ping)
{
	if (ping->readable != NULL)
		event_free(ping->readable);
	if (ping->writable != NULL)
		event_free(ping->writable);
	ping->readable = ping->writable = NULL;
	ping->connecting = false;
	transport_close(&ping->transport);
}

/* `error` is 0 where the peer closed in order. */
static void
lose_connection(struct ping *ping, int error)
{
	const enum transport_end how = transport_end_of(error);

	ping_print_lost(&ping->options, ping->peer, error);
	ping->lost = true;
	if (!ping->options.reconnect)
		end(ping, how == TRANSPORT_CLOSED ? PING_CLOSED
		    : how == TRANSPORT_RESET ? PING_RESET : PING_LOST);
	else
		unwatch_socket(ping);
}

/* These two return false when there is nothing more to read now. */
static bool
receive_stream(struct ping *ping)
{
	const size_t size = ping->options.size;
	int64_t now;
	const ssize_t n = transport_receive(&ping->transport, ping->in + ping->partial,
	    size - ping->partial, &now);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		lose_connection(ping, n == 0 ? ping->send_error : errno);
		return false;
	}
	ping->partial += (size_t)n;
	if (ping->partial < size)
		return true;
	ping->partial = 0;
	take_reply(ping, judge_stream(ping->judge, ping->in, now));
	return true;
}

static bool
receive_datagram(struct ping *ping)
{
	int64_t now;
	const ssize_t n = transport_receive(&ping->transport, ping->in, sizeof(ping->in), &now);

	if (n >= 0)
		take_reply(ping, judge_datagram(ping->judge, ping->in, (size_t)n, now));
	else if (errno != EAGAIN && errno != EINTR)
		tell_trouble(ping, errno);
	return n >= 0;
}

/* Nothing is read after the end: a peer may close at once when it has answered all. */
static void
receive(struct ping *ping)
{
	for (int i = 0; i < TURN_RECEIVES && !ping->ended; i++)
		if (!(is_stream(ping) ? receive_stream(ping) : receive_datagram(ping)))
			break;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	receive(arg);
}

/* Where the process was stopped, what came meanwhile is read before it is called missing. */
static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;
	const int64_t now = timing_now();
	uint64_t seq;

	(void)fd;
	(void)what;
	if (ping->transport.fd != -1 && !ping->connecting)
		receive(ping);
	while (!ping->ended && (seq = judge_take_missing(ping->judge, now)) != 0)
		ping_print_missing(&ping->options, seq);
	look_for_end(ping);
}

/* --- sending --------------------------------------------------------------------- */

/* An ICMP error to an earlier datagram is told once, in place of sending this one. */
static ssize_t
send_datagram(struct ping *ping)
{
	const size_t size = ping->options.size;
	ssize_t n = send(ping->transport.fd, ping->out, size, MSG_NOSIGNAL);

	if (n == -1 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) {
		tell_trouble(ping, errno);
		n = send(ping->transport.fd, ping->out, size, MSG_NOSIGNAL);
	}
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		tell_trouble(ping, errno);
		return (ssize_t)size; /* gone: it is missing */
	}
	return n;
}

/* Sends what is left of the last message. */
static void
send_rest(struct ping *ping)
{
	const unsigned char *rest = ping->out + ping->options.size - ping->unsent;
	ssize_t n;

	if (is_stream(ping))
		n = send(ping->transport.fd, rest, ping->unsent, MSG_NOSIGNAL);
	else
		n = send_datagram(ping);
	if (n >= 0)
		ping->unsent -= (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		ping->send_error = errno; /* told after what came before it was read */
	if (ping->unsent > 0 && ping->send_error == 0)
		event_add(ping->writable, NULL);
}

static void
send_message(struct ping *ping)
{
	ping->blocked = false;
	judge_write(ping->judge, ping->out);
	ping->unsent = ping->options.size;
	judge_sent(ping->judge, timing_now());
	send_rest(ping);
	look_for_end(ping);
}

static void on_writable(evutil_socket_t fd, short what, void *arg);

static bool
watch_socket(struct ping *ping)
{
	const double seconds = ping->options.common.wish.timeout;
	const struct timeval timeout = timing_timeval(seconds);
	const int fd = ping->transport.fd;

	ping->readable = event_new(ping->base, fd, EV_READ | EV_PERSIST, on_readable, ping);
	ping->writable = event_new(ping->base, fd, EV_WRITE, on_writable, ping);
	return ping->readable != NULL && ping->writable != NULL && (ping->connecting ?
	    event_add(ping->writable, &timeout) : event_add(ping->readable, NULL)) == 0;
}

/* --- connecting again -------------------------------------------------------------- */

static void
fail_to_reconnect(struct ping *ping, int error)
{
	if (ping->trouble != error)
		report_fault("cannot connect to %s: %s", ping->peer, strerror(error));
	ping->trouble = error;
	unwatch_socket(ping);
}

/* A new connection starts a new stream: what was on its way is gone with the old one. */
static void
reconnect(struct ping *ping)
{
	const int error = transport_begin(&ping->transport, &ping->options.common.wish);

	ping->connecting = true;
	ping->partial = ping->unsent = 0;
	ping->send_error = 0;
	if (error != 0 && error != EINPROGRESS)
		fail_to_reconnect(ping, error);
	else if (!watch_socket(ping))
		fail_to_reconnect(ping, ENOMEM);
}

/* The message that was due is sent at once. */
static void
on_connected(struct ping *ping)
{
	int error = transport_complete(&ping->transport, &ping->options.common.wish);

	ping->connecting = false;
	if (error == 0 && event_add(ping->readable, NULL) == -1)
		error = ENOMEM;
	if (error != 0) {
		fail_to_reconnect(ping, error);
		return;
	}
	ping->trouble = 0;
	ping_print_connected(&ping->options, ping->peer, &ping->transport);
	judge_restart(ping->judge);
	send_message(ping);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;

	(void)fd;
	if (what & EV_TIMEOUT)
		fail_to_reconnect(ping, ETIMEDOUT);
	else if (ping->connecting)
		on_connected(ping);
	else
		send_rest(ping);
}

static void
tell_blocked(struct ping *ping)
{
	if (!ping->blocked)
		ping_print_blocked(&ping->options, ping->peer);
	ping->blocked = true;
}

/* A message is due. */
static void
on_send(evutil_socket_t fd, short what, void *arg)
{
	struct ping *ping = arg;
	const int64_t interval = timing_nanoseconds(ping->options.interval);

	(void)fd;
	(void)what;
	if (!has_more(ping))
		return; /* the last one was sent by on_connected() */
	if (ping->transport.fd == -1)
		reconnect(ping);
	else if (ping->unsent > 0 || judge_is_full(ping->judge))
		tell_blocked(ping);
	else if (!ping->connecting)
		send_message(ping);
	ping->next_send += interval;
	if (ping->next_send < timing_now() - interval)
		ping->next_send = timing_now(); /* the process was stopped: no burst */
	if (has_more(ping))
		timing_arm(ping->send_timer, ping->next_send);
}

/* --- signals and the deadline ------------------------------------------------------ */

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, PING_DEADLINE);
}

static void
on_interrupt(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, PING_INTERRUPTED);
}

static void
on_quit(evutil_socket_t fd, short what, void *arg)
{
	const struct ping *ping = arg;

	(void)fd;
	(void)what;
	ping_print_summary(&ping->options, &ping->judge->tally, ping->started, stderr);
}

/* --- start and end ------------------------------------------------------------------- */

/* Where stdout blocks nothing else would end it. */
static void
let_a_second_interrupt_kill(void)
{
	struct sigaction action;

	if (sigaction(SIGINT, NULL, &action) == -1)
		return;
	action.sa_flags |= (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

static bool
prepare(struct ping *ping)
{
	ping->judge = judge_new(is_stream(ping), ping->options.size, ping->options.wait);
	ping->base = timing_base_new(false);
	if (ping->judge == NULL || ping->base == NULL || !watch_socket(ping))
		return false;
	ping->send_timer = evtimer_new(ping->base, on_send, ping);
	ping->wait_timer = evtimer_new(ping->base, on_wait_over, ping);
	ping->deadline_timer = evtimer_new(ping->base, on_deadline, ping);
	ping->interrupt = evsignal_new(ping->base, SIGINT, on_interrupt, ping);
	ping->quit = evsignal_new(ping->base, SIGQUIT, on_quit, ping);
	if (ping->send_timer == NULL || ping->wait_timer == NULL || ping->deadline_timer == NULL ||
	    ping->interrupt == NULL || ping->quit == NULL ||
	    event_add(ping->interrupt, NULL) == -1 || event_add(ping->quit, NULL) == -1)
		return false;
	let_a_second_interrupt_kill();
	return true;
}

static void
dispose(struct ping *ping)
{
	unwatch_socket(ping);
	event_free(ping->send_timer);
	event_free(ping->wait_timer);
	event_free(ping->deadline_timer);
	event_free(ping->interrupt);
	event_free(ping->quit);
	event_base_free(ping->base);
	judge_free(ping->judge);
	free(ping);
}

static int
exit_status(const struct ping *ping)
{
	const struct tally *tally = &ping->judge->tally;
	const bool cut_short = ping->end == PING_DEADLINE && ping->options.count != 0 &&
	    tally->received < ping->options.count;

	if (ping->end == PING_REFUSED)
		return EXIT_USAGE;
	return tally->received == 0 || tally->missing > 0 || tally->corrupt > 0 ||
	    tally->late > 0 || tally->duplicate > 0 || ping->lost || cut_short
	    ? EXIT_WRONG : EXIT_SUCCESS;
}

static int
run(struct ping *ping)
{
	const struct ping_options *options = &ping->options;
	const struct tally *tally = &ping->judge->tally;
	int status;

	ping_print_start(options, ping->peer);
	ping_print_connected(options, ping->peer, &ping->transport);
	ping->started = ping->next_send = timing_now();
	if (options->deadline > 0)
		timing_arm(ping->deadline_timer,
		    ping->started + timing_nanoseconds(options->deadline));
	timing_arm(ping->send_timer, ping->next_send);
	event_base_dispatch(ping->base);
	if (ping->end == PING_DONE && ping->refused && tally->received == 0 && tally->corrupt == 0)
		ping->end = PING_REFUSED;
	status = exit_status(ping);
	if (options->common.json)
		status = ping_print_json(options, tally, ping->started, &ping->transport,
		    ping->end, status);
	else
		ping_print_summary(options, tally, ping->started, stdout);
	return report_flush(status);
}

/* --- the command line ----------------------------------------------------------------- */

static const struct option long_options[] = {
	{ "count", required_argument, NULL, 'c' },
	{ "interval", required_argument, NULL, 'i' },
	{ "size", required_argument, NULL, 's' },
	{ "wait", required_argument, NULL, 'W' },
	{ "deadline", required_argument, NULL, 'w' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "outstanding", no_argument, NULL, 'O' },
	{ "timestamp", no_argument, NULL, 'D' },
	{ "reconnect", no_argument, NULL, 'R' },
	COMMON_LONG,
};

static void
take_option(struct ping_options *options, int option)
{
	switch (option) {
	case 'c':
		options->count = (uint64_t)argument_number("-c", optarg, 1, 1000000000);
		break;
	case 'i':
		options->interval = argument_seconds("-i", optarg, 0.001, 86400);
		break;
	case 's':
		options->size = (size_t)argument_number("-s", optarg, MESSAGE_LEAST, MESSAGE_MOST);
		break;
	case 'W':
		options->wait = argument_seconds("-W", optarg, 0.001, 86400);
		break;
	case 'w':
		options->deadline = argument_seconds("-w", optarg, 0.001, 1000000);
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'O':
		options->outstanding = true;
		break;
	case 'D':
		options->timestamp = true;
		break;
	case 'R':
		options->reconnect = true;
		break;
	default:
		common_take(&options->common, option);
	}
}

int
ping_main(int argc, char **argv)
{
	struct ping *ping = calloc(1, sizeof(*ping));
	char fault[512];
	int option, status;

	if (ping == NULL)
		report_unusable("%s", strerror(errno));
	ping->options = (struct ping_options){ .interval = 1, .wait = 1, .size = 64 };
	common_init(&ping->options.common);
	while ((option = getopt_long(argc, argv, COMMON_SHORT "c:i:s:W:w:qODR", long_options,
	    NULL)) != -1)
		take_option(&ping->options, option);
	common_take_target(&ping->options.common, argc - optind, argv + optind);
	if (transport_open(&ping->transport, &ping->options.common.wish, fault, sizeof(fault)) == -1)
		report_unusable("%s", fault);
	address_format(&ping->transport.peer, ping->peer);
	if (!prepare(ping))
		report_unusable("cannot start: %s", strerror(errno));
	status = run(ping);
	dispose(ping);
	return status;
}
