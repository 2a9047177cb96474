/*
 * A library of nsswitch.conf(5) that tries kinds of sockets and options which echod has no use
 * for: see tests/integration/test_sandbox.py.  It knows a user, of the same name, where all of
 * that is refused to it and nothing worse comes of it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char known_name[] = "curious";

static bool
socket_is_refused(int family, int kind, int protocol)
{
	return socket(family, kind | SOCK_CLOEXEC, protocol) == -1 && errno == EPERM;
}

static bool
option_is_refused(int fd, int level, int option)
{
	static const char value[16] = "reno";

	return setsockopt(fd, level, option, value, sizeof(value)) == -1 && errno == EPERM;
}

static bool
options_are_refused(void)
{
	const int to_unix = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int to_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	const bool refused = to_unix != -1 && to_tcp != -1 &&
	    option_is_refused(to_unix, SOL_SOCKET, SO_PASSCRED) &&
	    option_is_refused(to_tcp, IPPROTO_TCP, TCP_CONGESTION) &&
	    option_is_refused(to_tcp, IPPROTO_TCP, TCP_ULP);

	close(to_unix);
	close(to_tcp);
	return refused;
}

enum nss_status
_nss_curious_getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
    int *error);

enum nss_status
_nss_curious_getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
    int *error)
{
	*error = ENOENT;
	if (strcmp(name, known_name) != 0 || size < sizeof(known_name) ||
	    !socket_is_refused(AF_NETLINK, SOCK_RAW, 0) ||
	    !socket_is_refused(AF_UNIX, SOCK_SEQPACKET, 0) ||
	    !socket_is_refused(AF_INET, SOCK_STREAM, IPPROTO_SCTP) ||
	    !socket_is_refused(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE) ||
	    !socket_is_refused(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6) || !options_are_refused())
		return NSS_STATUS_NOTFOUND;
	memcpy(buffer, known_name, sizeof(known_name));
	*user = (struct passwd){
		.pw_name = buffer, .pw_passwd = buffer, .pw_gecos = buffer, .pw_dir = buffer,
		.pw_shell = buffer, .pw_uid = 54321, .pw_gid = 54321,
	};
	return NSS_STATUS_SUCCESS;
}
