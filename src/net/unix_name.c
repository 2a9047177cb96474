/* The names of Unix sockets: see unix_name.h. */
#include "net/unix_name.h"

#include <stddef.h>
#include <string.h>

/* What there is room for, with the NUL of a path, or behind that of an abstract name. */
#define MOST (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

_Static_assert(MOST + 2 == UNIX_NAME_SIZE, "the kernel's addresses have room for 107 bytes");

bool
unix_name_is_abstract(const char *name)
{
	return *name == '@';
}

static bool
is_printable(const char *name)
{
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~')
			return false;
	return true;
}

const char *
unix_name_fault(const char *name)
{
	const char *rest = name + unix_name_is_abstract(name);

	if (*name == '\0')
		return "give a path, or \"@\" and an abstract name";
	if (*rest == '\0')
		return "give an abstract name behind the \"@\"";
	if (strlen(rest) > MOST)
		return "give at most 107 characters: a socket's address has no room for more";
	if (!is_printable(rest))
		return "give printable ASCII characters alone, and no space";
	return NULL;
}

socklen_t
unix_name_to_sockaddr(const char *name, struct sockaddr_un *address)
{
	const bool is_abstract = unix_name_is_abstract(name);
	const size_t size = strnlen(name, MOST + is_abstract);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, size);
	if (is_abstract)
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + !is_abstract);
}

bool
unix_name_from_sockaddr(char name[UNIX_NAME_SIZE], const struct sockaddr_un *address,
    socklen_t length)
{
	const socklen_t before = offsetof(struct sockaddr_un, sun_path);
	const size_t size = length > before ? length - before : 0;
	const bool is_abstract = size > 0 && address->sun_path[0] == '\0';

	if (address->sun_family != AF_UNIX || size >= UNIX_NAME_SIZE)
		return false;
	memcpy(name, address->sun_path, size);
	name[size] = '\0';
	if (is_abstract)
		name[0] = '@';
	if (is_abstract && strlen(name) != size)
		return false;
	return unix_name_fault(name) == NULL && (is_abstract || !unix_name_is_abstract(name));
}
