/*
 * send: each message on every socket in turn, then what comes back read on every
 * socket: the classic client that talks over several sockets at once.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/plural.h"
#include "client/arguments.h"
#include "client/ending.h"
#include "client/interrupt.h"
#include "client/modes.h"
#include "client/report.h"
#include "client/standard.h"
#include "client/timing.h"
#include "client/tls/told.h"
#include "client/transport/pace.h"
#include "client/transport/reach.h"
#include "client/transport/up.h"

/* So many have a second descriptor each, for strangers. */
#define HEARING_SOCKETS_MAX 100

/* How often a datagram is sent whose path turns out to have a smaller MTU still. */
#define SENDINGS_MOST 4

struct talker {
	struct sender *sender;
	struct channel *channel;
	char name[CHANNEL_TEXT_SIZE]; /* our side's */
	size_t sent, received; /* of the message under way */
	char *reply;           /* as long as the longest message */
	int error;             /* errno, where the socket failed */
	int64_t started;
	double seconds; /* that the exchange took */
	enum ending end;
	unsigned sendings; /* datagrams: of the message */
	bool waits, gone;
	json_t *exchanges;
};

struct sender {
	struct common_arguments common;
	struct event_base *base;
	struct event *wait_timer, *turn_timer;
	struct pace pace; /* datagrams; of a stream it has no limit */
	double wait; /* seconds */
	struct talker *talkers;
	size_t count, waiting;
	size_t next; /* whose turn it is to send the message */
	const char *message;
	size_t size; /* of `message` */
	enum ending fault; /* of an exchange that was not right; ENDING_DONE: all were */
	bool forgot; /* an exchange found no memory for its object */
	bool heard;  /* an exchange found somebody there */
	unsigned exchanges, failures;
	int64_t started;
	bool stopped; /* by a signal, or since stdout has failed */
};

static void
say(const struct talker *talker, const char *what, const void *data, size_t size)
{
	char text[ESCAPE_TEXT_SIZE];

	if (!talker->sender->common.json)
		printf("%s: %s %s\n", talker->name, what, escape_payload(data, size, text));
}

/* --- one exchange ------------------------------------------------------------------------ */

static void
print_failure(const struct talker *talker)
{
	const enum ending end = talker->end;
	static const char *const words[] = {
		[ENDING_CLOSED] = "the server closed the connection",
		[ENDING_CUT] = "the server cut the connection, without close_notify",
		[ENDING_RESET] = "the server reset the connection",
		[ENDING_REFUSED] = "nobody listens there",
		[ENDING_TIMEOUT] = "no reply",
		[ENDING_INTERRUPTED] = "interrupted",
	};

	if (talker->sender->common.json)
		return;
	if (end == ENDING_LOST || end == ENDING_UNSECURED)
		printf("%s: %s\n", talker->name,
		    channel_error_text(talker->channel, talker->error));
	else if (end == ENDING_DIFFERENT)
		say(talker, "expected", talker->sender->message, talker->sender->size);
	else if (end != ENDING_DONE)
		printf("%s: %s\n", talker->name, words[end]);
}

static void
finish(struct talker *talker, enum ending end)
{
	struct sender *sender = talker->sender;

	talker->end = end;
	talker->seconds = timing_seconds(timing_now() - talker->started);
	channel_want_read(talker->channel, false);
	channel_want_write(talker->channel, false);
	talker->waits = false;
	if (--sender->waiting == 0)
		event_base_loopbreak(sender->base);
}

/* What the kernel has learnt of the path came of this datagram, which is gone: once more. */
static bool
sends_again(struct talker *talker, int error)
{
	if (error != EMSGSIZE || channel_is_stream(&talker->sender->common.wish) ||
	    talker->sendings >= SENDINGS_MOST)
		return false;
	talker->sent = 0;
	channel_want_write(talker->channel, true);
	return true;
}

static void
fail(struct talker *talker, int error)
{
	if (sends_again(talker, error))
		return;
	talker->error = error;
	finish(talker, ending_of_error(error));
}

static void
check_reply(struct talker *talker)
{
	const struct sender *sender = talker->sender;
	const bool same = talker->received == sender->size &&
	    memcmp(talker->reply, sender->message, sender->size) == 0;

	finish(talker, same ? ENDING_DONE : ENDING_DIFFERENT);
}

static void
on_readable(void *arg)
{
	struct talker *talker = arg;
	const struct sender *sender = talker->sender;
	const ssize_t n = channel_receive(talker->channel, talker->reply + talker->received,
	    sender->size - talker->received + 1, NULL);

	if (n == -1) {
		if (errno != EAGAIN)
			fail(talker, errno);
		return;
	}
	talker->received += (size_t)n;
	if (talker->received >= sender->size || !channel_is_stream(&sender->common.wish))
		check_reply(talker);
}

static void
on_writable(void *arg)
{
	struct talker *talker = arg;
	struct sender *sender = talker->sender;
	const ssize_t n = channel_send(talker->channel, sender->message + talker->sent,
	    sender->size - talker->sent);

	talker->sendings++;
	pace_spend(&sender->pace, timing_now());
	if (n == -1 && errno != EAGAIN) {
		fail(talker, errno);
		return;
	}
	if (n >= 0)
		talker->sent += (size_t)n;
	channel_want_write(talker->channel, n == -1 || talker->sent < sender->size);
}

static void
on_stranger(void *arg, const unsigned char *head, size_t kept, size_t size)
{
	const struct talker *talker = arg;
	char from[CHANNEL_TEXT_SIZE];

	(void)head;
	(void)kept;
	(void)size;
	if (channel_strangers(talker->channel, from) == 1 && !talker->sender->common.json)
		printf("%s: %s has sent a datagram and was not asked\n", talker->name, from);
}

/* Where the process was stopped, what came meanwhile is read first. */
static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct sender *sender = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < sender->count; i++) {
		struct talker *talker = &sender->talkers[i];

		if (talker->waits)
			on_readable(talker);
		if (talker->waits)
			finish(talker, ENDING_TIMEOUT);
	}
}

/* The user ends it, or nobody reads what is said. */
static void
stop(void *arg)
{
	struct sender *sender = arg;

	sender->stopped = true;
	sender->next = sender->count;
	for (size_t i = 0; i < sender->count; i++)
		if (sender->talkers[i].waits)
			finish(&sender->talkers[i], ENDING_INTERRUPTED);
	event_base_loopbreak(sender->base); /* though none waits yet */
}

/* Tells what came of an exchange, once all of them are over: in the order of the sockets. */
static void
tell(struct talker *talker)
{
	struct sender *sender = talker->sender;

	if (talker->received > 0)
		say(talker, "received", talker->reply, talker->received);
	print_failure(talker);
	sender->forgot |= json_array_append_new(talker->exchanges, json_pack("{so so sf ss}",
	    "sent", report_bytes(sender->message, sender->size),
	    "received", report_bytes(talker->reply, talker->received),
	    "seconds", talker->seconds, "ending", ending_word(talker->end))) == -1;
	/* What comes late could not be told from the next reply. */
	talker->gone = talker->end != ENDING_DONE && talker->end != ENDING_DIFFERENT;
	sender->exchanges++;
	if (talker->end != ENDING_DONE) {
		sender->fault = talker->end;
		sender->failures++;
	}
	sender->heard |= talker->end != ENDING_REFUSED;
}

/* --- one message ------------------------------------------------------------------------- */

static void
prepare(struct talker *talker)
{
	talker->sent = talker->received = 0;
	talker->sendings = 0;
	talker->waits = !talker->gone;
	talker->started = timing_now();
	talker->sender->waiting += talker->waits;
}

static void
begin(struct talker *talker)
{
	say(talker, "sending", talker->sender->message, talker->sender->size);
	talker->started = timing_now();
	channel_want_read(talker->channel, true);
	on_writable(talker);
}

/* Those whose turn has come send; when the last one has, the wait begins. */
static void
take_turns(struct sender *sender)
{
	for (; sender->next < sender->count; sender->next++) {
		if (timing_now() < pace_due(&sender->pace)) {
			timing_arm(sender->turn_timer, pace_due(&sender->pace));
			return;
		}
		if (sender->talkers[sender->next].waits)
			begin(&sender->talkers[sender->next]);
	}
	timing_arm(sender->wait_timer, timing_now() + timing_nanoseconds(sender->wait));
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_turns(arg);
}

static void
send_message(struct sender *sender, const char *message)
{
	sender->message = message;
	sender->size = strlen(message);
	sender->next = 0;
	for (size_t i = 0; i < sender->count; i++)
		prepare(&sender->talkers[i]);
	take_turns(sender);
	if (sender->waiting > 0)
		event_base_dispatch(sender->base);
	event_del(sender->turn_timer);
	event_del(sender->wait_timer);
	for (size_t i = 0; i < sender->count; i++)
		if (!sender->talkers[i].gone)
			tell(&sender->talkers[i]);
}

/* --- the start and the end ------------------------------------------------------------------ */

static const struct channel_user channel_user = {
	.readable = on_readable,
	.writable = on_writable,
	.stranger = on_stranger,
};

/* Ends the program, but for what is wrong with stdout by then. */
static void
give_up(struct sender *sender, enum ending ending, const char *fault)
{
	if (standard_error() == 0)
		common_unreached(&sender->common, ending, fault);
	sender->stopped = true;
}

static void
await(struct sender *sender)
{
	const struct common_arguments *common = &sender->common;
	const char *fault = NULL;
	const enum ending ending =
	    up_await(sender->base, &common->wish, common->until_up, true, &fault);

	if (ending != ENDING_DONE)
		give_up(sender, ending, fault);
}

static void
open_talker(struct sender *sender, struct talker *talker, size_t longest)
{
	char tls[TLS_TOLD_SIZE];
	enum ending ending;
	const char *fault;

	talker->channel = reach_first(sender->base, &sender->common.wish, &ending, &fault);
	if (talker->channel == NULL) {
		give_up(sender, ending, fault);
		return;
	}
	channel_serve(talker->channel, &channel_user, talker);
	channel_local(talker->channel, talker->name);
	talker->sender = sender;
	talker->reply = malloc(longest + 1);
	talker->exchanges = json_array();
	if (talker->reply == NULL || talker->exchanges == NULL)
		report_unusable("%s", strerror(ENOMEM));
	if (!sender->common.json && tls_told(talker->channel, tls) != NULL)
		printf("%s: over %s\n", talker->name, tls);
}

static void
close_talker(struct talker *talker)
{
	if (!talker->sender->common.json)
		printf("closing socket %s\n", talker->name);
	channel_free(talker->channel);
	json_decref(talker->exchanges);
	free(talker->reply);
}

/* The sockets that were opened. */
static json_t *
fields(const void *arg)
{
	const struct sender *sender = arg;
	json_t *sockets = json_array();

	for (size_t i = 0; i < sender->count && sender->talkers != NULL &&
	    sender->talkers[i].exchanges != NULL; i++)
		json_array_append_new(sockets, json_pack("{ss so? so? sO}", "address",
		    sender->talkers[i].name, "greeting",
		    channel_greeting_json(sender->talkers[i].channel), "tls",
		    tls_told_json(sender->talkers[i].channel), "exchanges",
		    sender->talkers[i].exchanges));
	return json_pack("{so sf}", "sockets", sockets, "seconds",
	    timing_seconds(timing_now() - sender->started));
}

static enum ending
end_of_all(const struct sender *sender)
{
	if (sender->stopped)
		return ENDING_INTERRUPTED;
	return sender->fault == ENDING_DONE ? ENDING_DONE : ENDING_FAILED;
}

/* Tells how it ended.  Returns the exit status. */
static int
conclude(const struct sender *sender)
{
	const int status = sender->stopped ? EXIT_WRONG
	    : ending_status(sender->fault, sender->heard);
	char reason[80] = "";

	if (!report_is_object())
		return status;
	if (sender->forgot)
		report_unusable("%s", strerror(ENOMEM));
	if (sender->failures > 0)
		snprintf(reason, sizeof(reason), "%u of %u exchange%s failed", sender->failures,
		    sender->exchanges, plural(sender->exchanges));
	else if (sender->stopped)
		snprintf(reason, sizeof(reason), "interrupted");
	return report_object(end_of_all(sender), reason, status);
}

static size_t
longest_of(char **messages, int count)
{
	size_t longest = 0;

	for (int i = 0; i < count; i++)
		if (strlen(messages[i]) > longest)
			longest = strlen(messages[i]);
	return longest;
}

static int
converse(struct sender *sender, char **messages, int message_count)
{
	const struct endpoint *uri = &sender->common.wish.uri;
	const size_t longest = longest_of(messages, message_count);
	int status;

	if (!sender->common.json && !protocol_has_ports(uri->protocol))
		printf("connecting to %s\n", sender->common.uri);
	else if (!sender->common.json)
		printf("connecting to %s port %u\n", uri->host, (unsigned)uri->port);
	await(sender);
	for (size_t i = 0; i < sender->count && !sender->stopped; i++)
		open_talker(sender, &sender->talkers[i], longest);
	for (int i = 0; i < message_count && !sender->stopped; i++)
		send_message(sender, messages[i]);
	status = conclude(sender);
	for (size_t i = 0; i < sender->count && sender->talkers[i].channel != NULL; i++)
		close_talker(&sender->talkers[i]);
	common_dispose(&sender->common);
	return report_flush(status);
}

static void
check_messages(const struct sender *sender, char **messages, int count)
{
	const bool stream = channel_is_stream(&sender->common.wish);
	const char *protocol = protocol_name(sender->common.wish.uri.protocol);

	if (count == 0)
		report_unusable("give at least one message; try \"echod-client --help\"");
	for (int i = 0; i < count; i++) {
		if (stream && messages[i][0] == '\0')
			report_unusable("an empty message has no echo over %s", protocol);
		if (!stream && strlen(messages[i]) > 65507)
			report_unusable("a message over %s has at most 65507 bytes", protocol);
	}
}

int
send_main(int argc, char **argv)
{
	struct sender sender = { .wait = 10, .count = 2 };
	int option, status;

	common_init(&sender.common);
	while ((option = common_next(&sender.common, OPTIONS_OF_SEND, argc, argv)) != -1) {
		if (option == 'n')
			sender.count = (size_t)argument_number("-n", optarg, 1, 1000);
		else if (option == 'W')
			sender.wait = argument_seconds("-W", optarg, 0.001, 86400);
	}
	if (optind == argc)
		report_unusable("give a URI and messages; try \"echod-client --help\"");
	common_take_uri(&sender.common, argv[optind]);
	check_messages(&sender, argv + optind + 1, argc - optind - 1);
	sender.common.wish.strangers = sender.count <= HEARING_SOCKETS_MAX;
	sender.started = timing_now();
	if (sender.common.json)
		report_as_object((struct report){ "send", sender.common.uri, stdout, fields,
		    &sender });
	sender.talkers = calloc(sender.count, sizeof(*sender.talkers));
	sender.base = timing_base_new(false);
	sender.wait_timer = evtimer_new(sender.base, on_wait_over, &sender);
	sender.turn_timer = evtimer_new(sender.base, on_turn, &sender);
	pace_init(&sender.pace, channel_is_stream(&sender.common.wish) ? 0 : PACE_DEFAULT);
	if (sender.talkers == NULL || sender.wait_timer == NULL || sender.turn_timer == NULL)
		report_unusable("%s", strerror(ENOMEM));
	if (!interrupt_watch(sender.base, stop, &sender) ||
	    !standard_watch(sender.base, stop, &sender))
		report_unusable("cannot start: %s", strerror(errno));
	status = converse(&sender, argv + optind + 1, argc - optind - 1);
	interrupt_unwatch();
	standard_unwatch();
	event_free(sender.wait_timer);
	event_free(sender.turn_timer);
	event_base_free(sender.base);
	free(sender.talkers);
	return status;
}
