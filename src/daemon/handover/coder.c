/* The parts of a record: see coder.h. */
#include "daemon/handover/coder.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MOST 64

void
coder_blame(struct coder *coder, const char *part)
{
	if (coder->fault == NULL)
		coder->fault = part;
}

/* --- writing ------------------------------------------------------------------------ */

/* Makes room for `size` bytes more, all zero.  Returns NULL where memory ran out. */
static unsigned char *
extend(struct coder *coder, size_t size)
{
	struct coder_room *room = coder->room;
	const size_t need = room->size + size;
	unsigned char *bytes = room->bytes;

	if (need > room->room) {
		bytes = realloc(bytes, need * 2);
		if (bytes == NULL) {
			coder->lacks_memory = true;
			return NULL;
		}
		room->bytes = bytes;
		room->room = need * 2;
	}
	bytes += room->size;
	room->size = need;
	return memset(bytes, 0, size);
}

/* --- both ways ---------------------------------------------------------------------- */

/* What a record lacks is 0. */
static uint64_t
read_word(struct coder *coder, const char *part)
{
	uint64_t word = 0;

	if (coder->left < CODER_WORD) {
		coder_blame(coder, part);
		return 0;
	}
	memcpy(&word, coder->at, CODER_WORD);
	coder->at += CODER_WORD;
	coder->left -= CODER_WORD;
	return word;
}

uint64_t
code_word(struct coder *coder, uint64_t word, uint64_t most, const char *part)
{
	void *to;

	if (coder->room == NULL)
		word = read_word(coder, part);
	if (word > most) {
		coder_blame(coder, part);
		word = 0;
	}
	if (coder->room != NULL && (to = extend(coder, CODER_WORD)) != NULL)
		memcpy(to, &word, CODER_WORD);
	return word;
}

void
code_bytes(struct coder *coder, const void **data, size_t size, const char *part)
{
	const size_t padded = (size + CODER_WORD - 1) / CODER_WORD * CODER_WORD;
	void *to;

	if (coder->room != NULL) {
		to = extend(coder, padded);
		if (to != NULL && size > 0)
			memcpy(to, *data, size);
		return;
	}
	*data = NULL;
	if (coder->left < padded) {
		coder_blame(coder, part);
		return;
	}
	for (size_t i = size; i < padded; i++)
		if (coder->at[i] != 0)
			coder_blame(coder, part);
	if (size > 0)
		*data = coder->at;
	coder->at += padded;
	coder->left -= padded;
}

void
code_text(struct coder *coder, const char **text, size_t most, const char *part)
{
	size_t size = coder->room != NULL ? strlen(*text) : 0;
	const void *there = *text;

	CODE(coder, size, most, part);
	code_bytes(coder, &there, size + 1, part);
	*text = there;
	if (there != NULL && memchr(there, '\0', size + 1) == *text + size)
		return;
	coder_blame(coder, part);
	*text = "";
}

unsigned
code_name(struct coder *coder, unsigned index, const char *const *names, unsigned count,
    const char *part)
{
	const char *name = coder->room != NULL && index < count ? names[index] : "";

	code_text(coder, &name, NAME_MOST, part);
	for (index = 0; index < count; index++)
		if (strcmp(names[index], name) == 0)
			return index;
	coder_blame(coder, part);
	return 0;
}

void
code_flag(struct coder *coder, bool *flag, const char *part)
{
	CODE(coder, *flag, 1, part);
}

/* --- addresses ---------------------------------------------------------------------- */

enum tag { TAG_NONE, TAG_IPV4, TAG_IPV6, TAG_UNIX, TAGS };

static const sa_family_t families[TAGS] = { AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX };

static enum tag
tag_of(const struct address *address)
{
	for (enum tag tag = TAG_IPV4; tag < TAGS; tag++)
		if (address->sa.sa_family == families[tag])
			return tag;
	return TAG_NONE;
}

static void
code_ipv6(struct coder *coder, struct sockaddr_in6 *in6, const char *part)
{
	struct address again;
	uint64_t halves[2];

	memcpy(halves, &in6->sin6_addr, sizeof(halves));
	CODE(coder, halves[0], UINT64_MAX, part);
	CODE(coder, halves[1], UINT64_MAX, part);
	memcpy(&in6->sin6_addr, halves, sizeof(halves));
	CODE(coder, in6->sin6_port, UINT16_MAX, part);
	CODE(coder, in6->sin6_scope_id, UINT32_MAX, part);
	/* Neither v4-mapped, nor with a scope that it does not need. */
	address_from_sockaddr(&again, (struct sockaddr *)in6, sizeof(*in6));
	if (again.sa.sa_family != AF_INET6 || again.in6.sin6_scope_id != in6->sin6_scope_id)
		coder_blame(coder, part);
}

void
code_address(struct coder *coder, struct address *address, const char *part)
{
	enum tag tag = coder->room != NULL ? tag_of(address) : TAG_NONE;

	CODE(coder, tag, TAGS - 1, part);
	if (coder->room == NULL)
		*address = (struct address){ .sa.sa_family = families[tag] };
	if (tag == TAG_IPV4) {
		CODE(coder, address->in4.sin_addr.s_addr, UINT32_MAX, part);
		CODE(coder, address->in4.sin_port, UINT16_MAX, part);
	} else if (tag == TAG_IPV6) {
		code_ipv6(coder, &address->in6, part);
	} else if (tag == TAG_UNIX) {
		CODE(coder, address->unix_peer.pid, INT32_MAX, part);
		CODE(coder, address->unix_peer.uid, UINT32_MAX, part);
	}
}
