/* The sandbox: see sandbox.h. */
#include "daemon/process/sandbox.h"

#include "base/log.h"

/* Of the sandbox that there is, if any. */
static bool refuses_files;

bool
sandbox_allows_files(void)
{
	return !refuses_files;
}

#ifdef HAVE_LIBSECCOMP

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

const char sandbox_feature[] = "+seccomp";
const bool sandbox_built = true;

#define CONDITIONS 3 /* of one rule, at most */

/*
 * A system call, and what its arguments must be; it may have several rows.  Other arguments
 * get the answer `otherwise`, the same in all rows of a call.
 *
 * A filter of libseccomp has one answer for all that its rules do not allow, so there are
 * two, and of what they say the kernel takes the stricter.  Where a call is allowed with any
 * arguments it asks neither (from Linux 5.11 on).
 */
struct rule {
	uint32_t otherwise;
	int call;
	unsigned count;
	struct condition {
		unsigned argument;
		uint32_t bits, value; /* those bits of the argument must have this value */
	} when[CONDITIONS];
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define END SCMP_ACT_KILL_PROCESS
#define FAIL SCMP_ACT_ERRNO(EPERM)

#define ALLOW(name) { .otherwise = END, .call = SCMP_SYS(name) }
#define RULE(action, name, ...) \
	{ \
		.otherwise = (action), .call = SCMP_SYS(name), \
		.count = sizeof((struct condition[]){ __VA_ARGS__ }) / sizeof(struct condition), \
		.when = { __VA_ARGS__ } \
	}
#define ALLOW_IF(name, ...) RULE(END, name, __VA_ARGS__)
#define ALLOW_OR_FAIL(name, ...) RULE(FAIL, name, __VA_ARGS__)

/* An int is what the lower half of the register says: the kernel does not look at the rest. */
#define IS(argument, value) { (argument), UINT32_MAX, (value) }
#define WITHOUT(argument, bits) { (argument), (bits), 0 }

#define KIND_MASK 0xf /* of a socket, without SOCK_CLOEXEC and SOCK_NONBLOCK */
#define SOCKET_IS(family, kind, protocol) \
	IS(0, family), { 1, KIND_MASK, (kind) }, IS(2, protocol)
#define OPTION_IS(level, name) IS(1, level), IS(2, name)

/* What opens a file for more than reading: O_TMPFILE has the bit of O_DIRECTORY as well. */
#define WRITING ((unsigned)(O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY)))

/* Names that this machine does not have are passed over by libseccomp. */
static const struct rule rules[] = {
	/* Waiting for events, on each back end. */
	ALLOW(epoll_ctl),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_pwait2),
	ALLOW(poll),
	ALLOW(ppoll),
	ALLOW(ppoll_time64),
	ALLOW(select),
	ALLOW(_newselect),
	ALLOW(pselect6),
	ALLOW(pselect6_time64),

	/* Connections and datagrams; a message to the log or the service manager. */
	ALLOW(accept4),
	ALLOW(recv),
	ALLOW(recvfrom),
	ALLOW(recvmsg),
	ALLOW(recvmmsg),
	ALLOW(recvmmsg_time64),
	ALLOW(send),
	ALLOW(sendto),
	ALLOW(sendmsg),
	ALLOW(sendmmsg),
	ALLOW(shutdown),
	ALLOW(getsockname),
	ALLOW(getpeername),
	ALLOW(getsockopt),
	ALLOW_IF(ioctl, IS(1, TIOCOUTQ)),
	ALLOW_IF(ioctl, IS(1, FIONREAD)), /* of a Unix socket: SIOCINQ */
	ALLOW_IF(ioctl, IS(1, SIOCGIFNAME)), /* if_indextoname(3), of a link-local peer */
	ALLOW_IF(ioctl, IS(1, SIOCGIFINDEX)),

	/*
	 * New sockets: listeners on a reload, the ways to the log and the user database.  For a
	 * protocol that it has not met the kernel loads a module.
	 */
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET, SOCK_STREAM, 0)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET, SOCK_STREAM, IPPROTO_TCP)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET, SOCK_DGRAM, 0)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET, SOCK_DGRAM, IPPROTO_UDP)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET6, SOCK_STREAM, 0)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET6, SOCK_STREAM, IPPROTO_TCP)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET6, SOCK_DGRAM, 0)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_INET6, SOCK_DGRAM, IPPROTO_UDP)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_UNIX, SOCK_STREAM, 0)),
	ALLOW_OR_FAIL(socket, SOCKET_IS(AF_UNIX, SOCK_DGRAM, 0)),
	ALLOW(bind),
	ALLOW(listen),
	ALLOW(connect),

	/* Their options: congestion controls and upper layer protocols are modules as well. */
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_REUSEADDR)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_REUSEPORT)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_BROADCAST)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_ATTACH_FILTER)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_SNDBUF)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_RCVBUF)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_KEEPALIVE)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_OOBINLINE)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_LINGER)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_TIMESTAMP)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_PEEK_OFF)), /* of a parcel in flight */
#ifdef SO_BUF_LOCK
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(SOL_SOCKET, SO_BUF_LOCK)),
#endif
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_IP, IP_PKTINFO)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_IPV6, IPV6_V6ONLY)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_IPV6, IPV6_RECVPKTINFO)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_TCP, TCP_NODELAY)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_TCP, TCP_KEEPIDLE)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_TCP, TCP_KEEPINTVL)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_TCP, TCP_KEEPCNT)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_TCP, TCP_WINDOW_CLAMP)),
	ALLOW_OR_FAIL(setsockopt, OPTION_IS(IPPROTO_TCP, TCP_NOTSENT_LOWAT)),

	/* Descriptors: inboxes, the log on stderr, files. */
	ALLOW(read),
	ALLOW(readv),
	ALLOW(write),
	ALLOW(writev),
	ALLOW(close),
	ALLOW_IF(fcntl, IS(1, F_GETFD)),
	ALLOW_IF(fcntl, IS(1, F_SETFD)),
	ALLOW_IF(fcntl, IS(1, F_GETFL)),
	ALLOW_IF(fcntl, IS(1, F_SETFL)),
	ALLOW_IF(fcntl, IS(1, F_DUPFD_CLOEXEC)),
	ALLOW_IF(fcntl64, IS(1, F_GETFD)),
	ALLOW_IF(fcntl64, IS(1, F_SETFD)),
	ALLOW_IF(fcntl64, IS(1, F_GETFL)),
	ALLOW_IF(fcntl64, IS(1, F_SETFL)),
	ALLOW_IF(fcntl64, IS(1, F_DUPFD_CLOEXEC)),

	/* Files to read: the configuration, the time zone, the user database. */
	ALLOW_IF(open, WITHOUT(1, WRITING)),
	ALLOW_IF(openat, WITHOUT(2, WRITING)),
	ALLOW_IF(ioctl, IS(1, TCGETS)), /* libconfuse asks isatty(3) */
	ALLOW_IF(ioctl, IS(1, TIOCGWINSZ)), /* so do other C libraries */
	ALLOW(pread64),
	ALLOW(lseek),
	ALLOW(_llseek),
	ALLOW(fstat),
	ALLOW(fstat64),
	ALLOW(stat),
	ALLOW(stat64),
	ALLOW(lstat),
	ALLOW(lstat64),
	ALLOW(newfstatat),
	ALLOW(fstatat64),
	ALLOW(statx),

	ALLOW(uname), /* gethostname(3), for greetings */

	/* Looking up a user or a group on a reload: nsswitch.conf(5) with systemd or sssd. */
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW(getdents64),
	ALLOW(epoll_create1),
	ALLOW(timerfd_create),
	ALLOW(timerfd_settime),
	ALLOW(timerfd_settime64),
	ALLOW(getuid),
	ALLOW(getuid32),
	ALLOW(geteuid),
	ALLOW(geteuid32),
	ALLOW(getgid),
	ALLOW(getgid32),
	ALLOW(getegid),
	ALLOW(getegid32),

	/* limits.connections on a reload, of this process alone. */
	ALLOW_IF(prlimit64, IS(0, 0)),
	ALLOW(getrlimit),
	ALLOW(ugetrlimit),
	ALLOW(setrlimit),

	/*
	 * Memory, none of it for code: a library that the user database would load is then a
	 * fault of the reload alone.
	 */
	ALLOW_OR_FAIL(mmap, WITHOUT(2, PROT_EXEC)),
	ALLOW_OR_FAIL(mmap2, WITHOUT(2, PROT_EXEC)),
	ALLOW_OR_FAIL(mprotect, WITHOUT(2, PROT_EXEC)),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(brk),
	ALLOW(madvise),
	ALLOW(sysinfo),
	ALLOW(getrandom),

	/* Threads: locks, and the first and last steps of those that there are. */
	ALLOW(futex),
	ALLOW(futex_time64),
	ALLOW(sched_yield),
	ALLOW(sched_getaffinity),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(gettid),
	ALLOW(getpid),

	/* Time, where the kernel does not tell it without a call. */
	ALLOW(clock_gettime),
	ALLOW(clock_gettime64),
	ALLOW(gettimeofday),
	ALLOW(time),
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(clock_nanosleep_time64),
	ALLOW(restart_syscall),

	/* Signals, and the end: abort(3) also needs tgkill(2), see add_abort(). */
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(sigreturn),
	ALLOW(exit),
	ALLOW(exit_group),
};

/* The files of Unix sockets: only where the configuration at start has some. */
static const struct rule rules_of_files[] = {
	ALLOW(flock),
	ALLOW(rename),
	ALLOW(renameat),
	ALLOW(renameat2),
	ALLOW(unlink),
	ALLOW(unlinkat),
	ALLOW(chmod),
	ALLOW(fchmodat),
	ALLOW(chown),
	ALLOW(chown32),
	ALLOW(fchownat),
};

/* What the first filter allows for the sake of the second, which does not. */
static const struct rule between[] = {
	ALLOW(prctl),
	ALLOW(seccomp),
};

/*
 * Each of these returns 0 or a negative error number.  `otherwise` is the filter's answer to
 * all that its rules do not allow; where another filter has that of the call, it may have
 * any arguments here.
 */
static int
add_rule(scmp_filter_ctx filter, uint32_t otherwise, const struct rule *rule)
{
	struct scmp_arg_cmp when[CONDITIONS];

	for (unsigned i = 0; i < rule->count; i++)
		when[i] = SCMP_CMP32(rule->when[i].argument, SCMP_CMP_MASKED_EQ, rule->when[i].bits,
		    rule->when[i].value);
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call,
	    rule->otherwise == otherwise ? rule->count : 0, when);
}

static int
add_rules(scmp_filter_ctx filter, uint32_t otherwise, const struct rule *rows, size_t count)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < count; i++)
		result = add_rule(filter, otherwise, &rows[i]);
	return result;
}

/* abort(3) sends a signal to itself; none goes to anybody else. */
static int
add_abort(scmp_filter_ctx filter, uint32_t otherwise)
{
	const struct rule to_itself = ALLOW_IF(tgkill, IS(0, (scmp_datum_t)getpid()));

	return add_rule(filter, otherwise, &to_itself);
}

static int
set_attributes(scmp_filter_ctx filter)
{
	static const struct {
		enum scmp_filter_attr name;
		uint32_t value;
	} attributes[] = {
		{ SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS },
		{ SCMP_FLTATR_CTL_TSYNC, 1 },
		{ SCMP_FLTATR_CTL_OPTIMIZE, 2 }, /* a tree, not a row of comparisons */
		{ SCMP_FLTATR_CTL_SSB, 1 }, /* no mitigation for foreign code: it runs none */
		{ SCMP_FLTATR_API_SYSRAWRC, 1 }, /* the kernel's own error numbers */
	};
	int result = 0;

	for (size_t i = 0; result == 0 && i < sizeof(attributes) / sizeof(attributes[0]); i++)
		result = seccomp_attr_set(filter, attributes[i].name, attributes[i].value);
	return result;
}

static int
make_filter(scmp_filter_ctx filter, uint32_t otherwise, bool has_files)
{
	int result = set_attributes(filter);

	if (result == 0)
		result = add_rules(filter, otherwise, rules, COUNT(rules));
	if (result == 0 && has_files)
		result = add_rules(filter, otherwise, rules_of_files, COUNT(rules_of_files));
	if (result == 0)
		result = add_abort(filter, otherwise);
	if (result == 0 && otherwise == FAIL)
		result = add_rules(filter, otherwise, between, COUNT(between));
	return result;
}

static int
load_filter(uint32_t otherwise, bool has_files)
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	int result;

	if (filter == NULL)
		return -ENOTSUP;
	result = make_filter(filter, otherwise, has_files);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result;
}

/* The libraries of nsswitch.conf(5) are loaded by the first lookup that needs them. */
static void
load_name_services(void)
{
	char buffer[1024];
	struct passwd user, *found_user;
	struct group group, *found_group;

	getpwnam_r("", &user, buffer, sizeof(buffer), &found_user);
	getgrnam_r("", &group, buffer, sizeof(buffer), &found_group);
}

int
sandbox_enter(enum sandbox_mode mode, bool has_files)
{
	int result;

	if (mode == SANDBOX_FALSE) {
		log_notice("not sandboxed: sandbox = \"false\"");
		return 0;
	}
	load_name_services();
	result = load_filter(FAIL, has_files);
	if (result == 0)
		result = load_filter(END, has_files);
	if (result == 0) {
		refuses_files = !has_files;
		log_notice("sandboxed by seccomp(2)");
		return 0;
	}
	if (mode == SANDBOX_AUTO) {
		log_warning("not sandboxed: seccomp(2): %s", strerror(-result));
		return 0;
	}
	log_error("cannot enter the sandbox: seccomp(2): %s", strerror(-result));
	return -1;
}

#else

const char sandbox_feature[] = "-seccomp";
const bool sandbox_built = false;

int
sandbox_enter(enum sandbox_mode mode, bool has_files)
{
	(void)mode;
	(void)has_files;
	log_notice("not sandboxed: built without libseccomp");
	return 0;
}

#endif
