/*
 * The parts of a record of a parcel, each written and read by the same call: as 64-bit words, so
 * that a record says once what it is made of.  What is read may be anything, and the first part
 * that cannot be is remembered; what is written is held to the same.
 */
#ifndef DAEMON_HANDOVER_CODER_H
#define DAEMON_HANDOVER_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

#define CODER_WORD sizeof(uint64_t)

/* A record that is written; free() frees its bytes. */
struct coder_room {
	unsigned char *bytes;
	size_t size, room;
};

struct coder {
	struct coder_room *room; /* NULL: it is read */
	const unsigned char *at;
	size_t left;
	bool lacks_memory;
	const char *fault; /* the first part that cannot be: a constant; NULL: none */
};

void coder_blame(struct coder *coder, const char *part);

/*
 * Of each of these the value is left as it is where it is written, and is what was read otherwise;
 * of a part that cannot be it is 0, "", or NULL.  `part` is its name, a constant.
 */

/* An integer from 0 to `most`. */
uint64_t code_word(struct coder *coder, uint64_t word, uint64_t most, const char *part);

#define CODE(coder, member, most, part) \
	((member) = (__typeof__(member))code_word((coder), (uint64_t)(member), (most), (part)))

/* What is read lies in the parcel, as the next two do. */
void code_bytes(struct coder *coder, const void **data, size_t size, const char *part);

/* Of at most `most` bytes before its NUL. */
void code_text(struct coder *coder, const char **text, size_t most, const char *part);

/* One of `names`, by which it is written, so that another echod may have them in another order. */
unsigned code_name(struct coder *coder, unsigned index, const char *const *names, unsigned count,
    const char *part);

void code_flag(struct coder *coder, bool *flag, const char *part);

/* As they are behind the door (address.h), or AF_UNSPEC. */
void code_address(struct coder *coder, struct address *address, const char *part);

#endif
