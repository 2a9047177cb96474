/* The longest datagram that comes back: see search.h. */
#include "client/mtu/search.h"

void
search_init(struct search *search, size_t least, size_t most)
{
	*search = (struct search){ .least = least, .most = most, .failed = most + 1,
		.refused = most + 1 };
}

/* What was told has come back, and has to be the limit. */
static bool
hint_holds(const struct search *search)
{
	return search->hint == search->came && search->came > search->least;
}

size_t
search_next(const struct search *search)
{
	const size_t came = search->came, failed = search->failed;

	if (came == 0)
		return failed > search->least ? search->least : 0;
	if (failed - came == 1)
		return 0;
	if (search->hint > came && search->hint < failed)
		return search->hint;
	if (hint_holds(search))
		return came + 1;
	return failed > search->most ? search->most : came + (failed - came) / 2;
}

bool
search_wants_confirmation(const struct search *search)
{
	return search->came > 0 && search->failed - search->came == 1 &&
	    search->failed < search->refused && !search->confirmed;
}

void
search_came(struct search *search, size_t size)
{
	if (size > search->came)
		search->came = size;
	if (size < search->failed)
		return;
	search->changes++;
	search->confirmed = false;
	if (search->refused <= size)
		search->refused = search->most + 1;
	search->failed = search->refused;
}

void
search_failed(struct search *search, size_t size)
{
	search->confirmed = size == search->failed;
	if (size < search->failed)
		search->failed = size;
	if (size > search->came)
		return;
	search->changes++;
	search->confirmed = false;
	search->came = size > search->least ? search->least : 0;
}

void
search_refused(struct search *search, size_t size)
{
	if (size < search->refused)
		search->refused = size;
	if (size < search->failed)
		search->failed = size;
	if (size > search->came)
		return;
	search->changes++; /* the interface's limit is another one by now */
	search->came = size > search->least ? search->least : 0;
}

void
search_told(struct search *search, size_t size)
{
	search->hint = size;
}
