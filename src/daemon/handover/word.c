/* What a daemon and its successor say to each other: see word.h. */
#include "daemon/handover/word.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/handover/rights.h"

/* Raised where what is said changes. */
#define WORDS_VERSION 1

static const char magic[] = "echod";

/* As it is sent, within one host. */
struct frame {
	char magic[8];
	uint32_t version, word;
	char text[WORD_TEXT_SIZE];
};

/* What msghdr(3) wants of one. */
struct envelope {
	struct msghdr header;
	struct iovec io;
	struct frame frame;
	alignas(struct cmsghdr) char control[RIGHTS_SIZE(WORD_FDS_MOST)];
};

static void
prepare(struct envelope *envelope)
{
	*envelope = (struct envelope){ .io = { &envelope->frame, sizeof(envelope->frame) } };
	envelope->header.msg_iov = &envelope->io;
	envelope->header.msg_iovlen = 1;
	envelope->header.msg_control = envelope->control;
	envelope->header.msg_controllen = sizeof(envelope->control);
}

/* --- sending ------------------------------------------------------------------------- */

int
message_send(int fd, const struct message *message)
{
	struct envelope envelope;
	ssize_t sent;

	prepare(&envelope);
	memcpy(envelope.frame.magic, magic, sizeof(magic));
	envelope.frame.version = WORDS_VERSION;
	envelope.frame.word = message->word;
	memcpy(envelope.frame.text, message->text, sizeof(message->text));
	rights_put(&envelope.header, message->fds, message->count);
	do {
		sent = sendmsg(fd, &envelope.header, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent == -1 && errno == EINTR);
	return sent == -1 ? -1 : 0;
}

int
word_send(int fd, enum word word, const char *text)
{
	struct message message = { .word = word };

	snprintf(message.text, sizeof(message.text), "%s", text);
	return message_send(fd, &message);
}

/* --- receiving ----------------------------------------------------------------------- */

static void
take_text(const char *from, char text[WORD_TEXT_SIZE])
{
	size_t i;

	for (i = 0; i < WORD_TEXT_SIZE - 1 && from[i] != '\0'; i++) {
		text[i] = '?';
		if (from[i] >= ' ' && from[i] <= '~')
			text[i] = from[i];
	}
	text[i] = '\0';
}

static bool
is_ours(const struct envelope *envelope, ssize_t size)
{
	const struct frame *frame = &envelope->frame;

	return size == sizeof(*frame) && !(envelope->header.msg_flags & MSG_TRUNC) &&
	    memcmp(frame->magic, magic, sizeof(magic)) == 0 && frame->version == WORDS_VERSION &&
	    frame->word < WORD_COUNT;
}

/* Returns 0, or an errno.  The kernel drops descriptors that there is no place for, here or at all. */
static int
fault_of(const struct envelope *envelope, ssize_t size, size_t count)
{
	if (!is_ours(envelope, size))
		return EPROTO;
	if (envelope->header.msg_flags & MSG_CTRUNC)
		return count < WORD_FDS_MOST ? EMFILE : EPROTO;
	return 0;
}

int
message_receive(int fd, struct message *message)
{
	struct envelope envelope;
	ssize_t size;
	int error;

	prepare(&envelope);
	/* Who closes with something unheard resets, which is told once, before what was said last. */
	do {
		size = recvmsg(fd, &envelope.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (size == -1 && (errno == EINTR || errno == ECONNRESET));
	if (size <= 0)
		return (int)size;
	message->count = rights_take(&envelope.header, message->fds);
	error = fault_of(&envelope, size, message->count);
	if (error != 0) {
		message_close(message);
		errno = error;
		return -1;
	}
	message->word = envelope.frame.word;
	take_text(envelope.frame.text, message->text);
	return 1;
}

void
message_close(struct message *message)
{
	for (size_t i = 0; i < message->count; i++)
		close(message->fds[i]);
	message->count = 0;
}
