/* What a listener says first: see greeting.h. */
#include "net/greeting.h"

#include <string.h>

#include "net/address.h"

_Static_assert(GREETING_NAME_MOST >= ADDRESS_TEXT_SIZE - 1, "a peer is one of the names");

const char *
greeting_check(const char *text)
{
	size_t most = 0;

	for (; *text != '\0'; text++) {
		if (*text != '%' || text[1] == '%') {
			text += *text == '%';
			most++;
		} else if (text[1] != '\0' && strchr("hnp", text[1]) != NULL) {
			text++;
			most += GREETING_NAME_MOST;
		} else {
			return "give %h (the host), %n (the listener) or %p (the peer), and %% for a"
			    " percent sign";
		}
	}
	return most <= GREETING_MOST ? NULL : "give fewer names: with long ones it has more than"
	    " 1024 bytes";
}

static const char *
name_of(const struct greeting_names *names, char letter)
{
	switch (letter) {
	case 'h':
		return names->host;
	case 'n':
		return names->listener;
	case 'p':
		return names->peer;
	default:
		return "%";
	}
}

size_t
greeting_format(const char *text, const struct greeting_names *names, char said[GREETING_MOST])
{
	size_t used = 0;

	while (*text != '\0') {
		const char *piece = text;
		size_t size = strcspn(text, "%");

		text += size;
		if (size == 0) {
			piece = name_of(names, text[1]);
			size = strlen(piece);
			text += text[1] != '\0' ? 2 : 1;
		}
		if (size > GREETING_MOST - used)
			size = GREETING_MOST - used;
		memcpy(said + used, piece, size);
		used += size;
	}
	return used;
}
