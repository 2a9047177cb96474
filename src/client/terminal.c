/* What the terminal can do: see terminal.h. */
#include "client/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool
terminal_rewrites(int fd)
{
	const char *name = getenv("TERM");

	return isatty(fd) && name != NULL && *name != '\0' && strcmp(name, "dumb") != 0;
}

unsigned
terminal_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == -1 || size.ws_col == 0 ? TERMINAL_COLUMNS
	    : size.ws_col;
}

unsigned
terminal_rows(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == -1 ? 0 : size.ws_row;
}

bool
terminal_is_background(int fd)
{
	const pid_t foreground = tcgetpgrp(fd);

	return foreground != -1 && foreground != getpgrp();
}

bool
terminal_has_colours(int fd)
{
	const char *none = getenv("NO_COLOR");

	return terminal_rewrites(fd) && (none == NULL || *none == '\0');
}

bool
terminal_has_utf8(void)
{
	const locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
	bool utf8;

	if (locale == NULL)
		return false;
	utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return utf8;
}
