/* The sandbox: see sandbox.h. */
#include "daemon/sandbox.h"

#include "common/log.h"

#ifdef HAVE_LIBSECCOMP

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
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

/* A system call, and what its arguments must be; it may have several rows. */
struct rule {
	uint32_t action;
	int call;
	unsigned count;
	struct scmp_arg_cmp when[2];
};

#define ALLOW(name) { .action = SCMP_ACT_ALLOW, .call = SCMP_SYS(name) }
#define ALLOW_IF(name, ...) \
	{ .action = SCMP_ACT_ALLOW, .call = SCMP_SYS(name), .count = 1, .when = { __VA_ARGS__ } }
#define ALLOW_IF_BOTH(name, ...) \
	{ .action = SCMP_ACT_ALLOW, .call = SCMP_SYS(name), .count = 2, .when = { __VA_ARGS__ } }
#define FAIL_IF(name, ...) \
	{ .action = SCMP_ACT_ERRNO(EPERM), .call = SCMP_SYS(name), .count = 1, \
	    .when = { __VA_ARGS__ } }

/* An int is what the lower half of the register says: the kernel does not look at the rest. */
#define IS(argument, value) { (argument), SCMP_CMP_MASKED_EQ, UINT32_MAX, (value) }
#define WITHOUT(argument, bits) { (argument), SCMP_CMP_MASKED_EQ, (bits), 0 }
#define WITH(argument, bits) { (argument), SCMP_CMP_MASKED_EQ, (bits), (bits) }

#define KIND_MASK 0xf /* of a socket, without SOCK_CLOEXEC and SOCK_NONBLOCK */
#define KIND_IS(argument, kind) { (argument), SCMP_CMP_MASKED_EQ, KIND_MASK, (kind) }

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
	ALLOW_IF(setsockopt, IS(1, SOL_SOCKET)),
	ALLOW_IF(setsockopt, IS(1, IPPROTO_IP)),
	ALLOW_IF(setsockopt, IS(1, IPPROTO_IPV6)),
	ALLOW_IF(setsockopt, IS(1, IPPROTO_TCP)),
	ALLOW_IF(ioctl, IS(1, TIOCOUTQ)),
	ALLOW_IF(ioctl, IS(1, SIOCGIFNAME)), /* if_indextoname(3), of a link-local peer */
	ALLOW_IF(ioctl, IS(1, SIOCGIFINDEX)),

	/* New sockets: listeners on a reload, the ways to the log and the user database. */
	ALLOW_IF_BOTH(socket, IS(0, AF_INET), KIND_IS(1, SOCK_STREAM)),
	ALLOW_IF_BOTH(socket, IS(0, AF_INET), KIND_IS(1, SOCK_DGRAM)),
	ALLOW_IF_BOTH(socket, IS(0, AF_INET6), KIND_IS(1, SOCK_STREAM)),
	ALLOW_IF_BOTH(socket, IS(0, AF_INET6), KIND_IS(1, SOCK_DGRAM)),
	ALLOW_IF_BOTH(socket, IS(0, AF_UNIX), KIND_IS(1, SOCK_STREAM)),
	ALLOW_IF_BOTH(socket, IS(0, AF_UNIX), KIND_IS(1, SOCK_DGRAM)),
	ALLOW(bind),
	ALLOW(listen),
	ALLOW(connect),

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
	 * Memory, none of it for code.  That fails rather than kills: so does a library end
	 * that the user database would load, which is then a fault of the reload alone.
	 */
	ALLOW_IF(mmap, WITHOUT(2, PROT_EXEC)),
	ALLOW_IF(mmap2, WITHOUT(2, PROT_EXEC)),
	ALLOW_IF(mprotect, WITHOUT(2, PROT_EXEC)),
	FAIL_IF(mmap, WITH(2, PROT_EXEC)),
	FAIL_IF(mmap2, WITH(2, PROT_EXEC)),
	FAIL_IF(mprotect, WITH(2, PROT_EXEC)),
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

	/* Signals, and the end: abort(3) also needs tgkill(2), see allow_abort(). */
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(sigreturn),
	ALLOW(exit),
	ALLOW(exit_group),
};

/* To itself alone: it may send no signal to anybody else. */
static int
allow_abort(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp itself = IS(0, (scmp_datum_t)getpid());

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &itself);
}

/* Each returns 0 or a negative error number. */
static int
add_rules(scmp_filter_ctx filter)
{
	int result = allow_abort(filter);

	for (size_t i = 0; result == 0 && i < sizeof(rules) / sizeof(rules[0]); i++)
		result = seccomp_rule_add_array(filter, rules[i].action, rules[i].call,
		    rules[i].count, rules[i].when);
	return result;
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
load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result;

	if (filter == NULL)
		return -ENOTSUP;
	result = set_attributes(filter);
	if (result == 0)
		result = add_rules(filter);
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
sandbox_enter(enum sandbox_mode mode)
{
	int result;

	if (mode == SANDBOX_FALSE) {
		log_notice("not sandboxed: sandbox = \"false\"");
		return 0;
	}
	load_name_services();
	result = load_filter();
	if (result == 0) {
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
sandbox_enter(enum sandbox_mode mode)
{
	(void)mode;
	log_notice("not sandboxed: built without libseccomp");
	return 0;
}

#endif
