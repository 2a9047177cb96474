/* One option of a socket: see socket_option.h. */
#include "net/socket_option.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

void
socket_option_set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) == -1)
		log_debug("setsockopt(%d, %d): %s", level, option, strerror(errno));
}
