/*
 * The sandbox: what it forbids ends the process, in each of its threads, and what it
 * allows goes on.  Each call is made by a child, which has nothing to lose.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/process/sandbox.h"
#include "runner.h"

#define ENTERED 7 /* exit status of a child that came to its end in the sandbox */
#define REFUSED 8 /* and of one whose call failed */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Returns what wait(2) says of a child that makes `call` in the sandbox. */
static int
end_of(long (*call)(void))
{
	const pid_t child = fork();
	int status;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		const struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		if (sandbox_enter(SANDBOX_TRUE, false) == -1)
			_exit(1);
		_exit(call() == -1 ? REFUSED : ENTERED);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

/* --- what is forbidden ------------------------------------------------------------- */

static long
execute(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long
make_process(void)
{
	return fork();
}

static long
make_process_by_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0);
}

static void *
do_nothing(void *arg)
{
	return arg;
}

static long
make_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, do_nothing, NULL);
}

static long
trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long
write_to_file(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static long
read_and_write_file(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static long
create_file(void)
{
	return open("/tmp/echod-unit-test", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long
create_nameless_file(void)
{
	return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static long
remove_file(void)
{
	return unlink("/nowhere/at/all");
}

static long
signal_parent(void)
{
	return kill(getppid(), 0);
}

static long
signal_parents_thread(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long
become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long
add_filter(void)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL);
}

static long
limit_parent(void)
{
	return prlimit(getppid(), RLIMIT_NOFILE, NULL, NULL);
}

static long
type_for_the_terminal(void)
{
	return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static long
duplicate_for_children(void)
{
	return fcntl(0, F_DUPFD, 10);
}

static long (*const forbidden[])(void) = {
	execute, make_process, make_process_by_clone3, make_thread, trace, write_to_file,
	read_and_write_file, create_file, create_nameless_file, remove_file, signal_parent,
	signal_parents_thread, become_dumpable, add_filter, limit_parent, type_for_the_terminal,
	duplicate_for_children,
};

START_TEST(what_is_forbidden_ends_the_process)
{
	const int status = end_of(forbidden[_i]);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
	    "call %d of the list: status %#x", _i, (unsigned)status);
}
END_TEST

/* --- what only fails ------------------------------------------------------------------ */

/* How each of these says that its call failed as it must. */
static long
refused(long result)
{
	return result == -1 && errno == EPERM ? -1 : 0;
}

static long
map_code(void)
{
	return refused((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static long
turn_memory_into_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return refused(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static long (*const no_code[])(void) = { map_code, turn_memory_into_code };

START_TEST(code_is_refused)
{
	const int status = end_of(no_code[_i]);

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED);
}
END_TEST

static int chosen; /* the row of a list that the call is to take */

static const struct {
	int family, kind, protocol;
} no_sockets[] = {
	{ AF_INET, SOCK_STREAM, IPPROTO_SCTP },
	{ AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP },
	{ AF_INET, SOCK_STREAM, IPPROTO_MPTCP },
	{ AF_INET, SOCK_STREAM, IPPROTO_UDP },
	{ AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP },
	{ AF_INET, SOCK_DCCP, IPPROTO_DCCP },
	{ AF_INET, SOCK_DGRAM, IPPROTO_TCP },
	{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE },
	{ AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDPLITE },
	{ AF_INET, SOCK_DGRAM, 115 /* L2TP */ },
	{ AF_INET, SOCK_RAW, IPPROTO_ICMP },
	{ AF_INET, SOCK_RAW, 0 },
	{ AF_UNIX, SOCK_SEQPACKET, 0 },
	{ AF_UNIX, SOCK_STREAM, 2 },
	{ AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 },
	{ AF_NETLINK, SOCK_DGRAM, 0 },
	{ AF_PACKET, SOCK_DGRAM, 0 },
	{ AF_ALG, SOCK_SEQPACKET, 0 },
	{ AF_VSOCK, SOCK_STREAM, 0 },
	{ 1 << 30, SOCK_STREAM, 0 },
};

static long
make_no_socket(void)
{
	return refused(socket(no_sockets[chosen].family, no_sockets[chosen].kind,
	    no_sockets[chosen].protocol));
}

START_TEST(other_sockets_are_refused)
{
	int status;

	chosen = _i;
	status = end_of(make_no_socket);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED,
	    "socket(%d, %d, %d): status %#x", no_sockets[_i].family, no_sockets[_i].kind,
	    no_sockets[_i].protocol, (unsigned)status);
}
END_TEST

static const struct {
	int level, name;
} no_options[] = {
	{ IPPROTO_TCP, TCP_CONGESTION },
	{ IPPROTO_TCP, TCP_ULP },
	{ IPPROTO_TCP, TCP_MD5SIG },
	{ IPPROTO_TCP, SO_SNDBUF },
	{ SOL_SOCKET, SO_MARK },
	{ SOL_SOCKET, SO_BINDTODEVICE },
	{ SOL_SOCKET, SO_SNDBUFFORCE },
	{ SOL_SOCKET, SO_PASSCRED },
	{ SOL_SOCKET, SO_ATTACH_BPF },
	{ IPPROTO_IP, IP_OPTIONS },
	{ IPPROTO_IP, 64 /* IPT_SO_SET_REPLACE */ },
	{ IPPROTO_IP, MCAST_JOIN_GROUP },
	{ IPPROTO_IPV6, IPV6_HOPOPTS },
	{ IPPROTO_UDP, 100 /* UDP_ENCAP */ },
	{ 282 /* SOL_TLS */, 1 },
	{ 1 << 30, SO_SNDBUF },
};

static long
set_no_option(void)
{
	static const char value[64];
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	return refused(setsockopt(fd, no_options[chosen].level, no_options[chosen].name, value,
	    sizeof(value)));
}

START_TEST(other_options_of_sockets_are_refused)
{
	int status;

	chosen = _i;
	status = end_of(set_no_option);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED,
	    "setsockopt(%d, %d): status %#x", no_options[_i].level, no_options[_i].name,
	    (unsigned)status);
}
END_TEST

/* --- what is allowed --------------------------------------------------------------------- */

static long
make_sockets(void)
{
	static const struct {
		int kind, protocol;
	} of_ip[] = {
		{ SOCK_STREAM, 0 }, { SOCK_STREAM, IPPROTO_TCP },
		{ SOCK_DGRAM, 0 }, { SOCK_DGRAM, IPPROTO_UDP },
	};
	static const int flags[] = { 0, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC };
	int made = 0;

	for (size_t i = 0; i < COUNT(flags); i++) {
		for (size_t j = 0; j < COUNT(of_ip); j++) {
			made += socket(AF_INET, of_ip[j].kind | flags[i], of_ip[j].protocol) != -1;
			made += socket(AF_INET6, of_ip[j].kind | flags[i], of_ip[j].protocol) != -1 ||
			    errno == EAFNOSUPPORT;
		}
		made += socket(AF_UNIX, SOCK_STREAM | flags[i], 0) != -1;
		made += socket(AF_UNIX, SOCK_DGRAM | flags[i], 0) != -1;
	}
	return made == COUNT(flags) * (2 * COUNT(of_ip) + 2) ? 0 : -1;
}

/* An int is half of a register: what the other half has must not matter. */
static long
make_socket_with_more_in_the_registers(void)
{
	const long more = sizeof(long) > 4 ? (long)(0x5a5a5a5aULL << 32) : 0;

	return syscall(SYS_socket, more | AF_INET, more | SOCK_STREAM, more | IPPROTO_TCP);
}

static long
set_options(void)
{
	static const struct {
		int kind, level, name;
	} options[] = {
		{ SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR },
		{ SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT },
		{ SOCK_STREAM, SOL_SOCKET, SO_OOBINLINE },
		{ SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE },
		{ SOCK_STREAM, SOL_SOCKET, SO_LINGER },
		{ SOCK_STREAM, SOL_SOCKET, SO_SNDBUF },
		{ SOCK_STREAM, SOL_SOCKET, SO_RCVBUF },
		{ SOCK_STREAM, IPPROTO_TCP, TCP_KEEPIDLE },
		{ SOCK_STREAM, IPPROTO_TCP, TCP_KEEPINTVL },
		{ SOCK_STREAM, IPPROTO_TCP, TCP_KEEPCNT },
		{ SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY },
		{ SOCK_STREAM, IPPROTO_TCP, TCP_NOTSENT_LOWAT },
		{ SOCK_STREAM, IPPROTO_TCP, TCP_WINDOW_CLAMP },
		{ SOCK_DGRAM, SOL_SOCKET, SO_TIMESTAMP },
		{ SOCK_DGRAM, SOL_SOCKET, SO_BROADCAST },
		{ SOCK_DGRAM, IPPROTO_IP, IP_PKTINFO },
	};

	for (size_t i = 0; i < COUNT(options); i++) {
		const int fd = socket(AF_INET, options[i].kind, 0), values[2] = { 1, 0 };

		if (setsockopt(fd, options[i].level, options[i].name, values, sizeof(values)) == -1)
			return -1;
	}
	return 0;
}

static long
read_file(void)
{
	char text[16];
	FILE *file = fopen("/etc/passwd", "re");

	return file != NULL && fgets(text, sizeof(text), file) != NULL ? 0 : -1;
}

static long
use_memory(void)
{
	char *memory = malloc((size_t)8 << 20);

	if (memory == NULL)
		return -1;
	memset(memory, 1, (size_t)8 << 20);
	memory = realloc(memory, (size_t)64 << 20);
	free(memory);
	return 0;
}

static long
read_limits(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -1;
}

static long (*const allowed[])(void) = {
	make_sockets, make_socket_with_more_in_the_registers, set_options, read_file, use_memory,
	read_limits,
};

START_TEST(what_is_needed_goes_on)
{
	const int status = end_of(allowed[_i]);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == ENTERED,
	    "call %d of the list: status %#x", _i, (unsigned)status);
}
END_TEST

static long
give_up(void)
{
	abort();
}

START_TEST(abort_is_what_it_was)
{
	const int status = end_of(give_up);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

/* --- all threads, and none ---------------------------------------------------------------- */

static int sandbox_is_there[2];

static void *
execute_once_told(void *arg)
{
	char byte;

	if (read(sandbox_is_there[0], &byte, 1) == 1)
		execute();
	return arg;
}

START_TEST(a_thread_that_ran_before_is_in_it)
{
	const pid_t child = fork();
	int status;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		const struct rlimit no_core = { 0, 0 };
		pthread_t thread;

		setrlimit(RLIMIT_CORE, &no_core);
		if (pipe2(sandbox_is_there, O_CLOEXEC) == -1 ||
		    pthread_create(&thread, NULL, execute_once_told, NULL) != 0 ||
		    sandbox_enter(SANDBOX_TRUE, false) == -1 || write(sandbox_is_there[1], "!", 1) != 1)
			_exit(1);
		pthread_join(thread, NULL);
		_exit(2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

START_TEST(without_a_sandbox_nothing_changes)
{
	ck_assert_int_eq(sandbox_enter(SANDBOX_FALSE, false), 0);
	ck_assert_int_eq(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}
END_TEST

/* As a kernel without seccomp(2) would: the call fails. */
static void
forbid_seccomp(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

START_TEST(where_there_is_none_auto_goes_on)
{
	forbid_seccomp();
	ck_assert_int_eq(sandbox_enter(SANDBOX_AUTO, false), 0);
	ck_assert_int_eq(sandbox_enter(SANDBOX_TRUE, false), -1);
	ck_assert_int_ne(open("/dev/null", O_WRONLY | O_CLOEXEC), -1);
}
END_TEST

int
main(void)
{
	Suite *suite;
	TCase *tests;

	if (!sandbox_built)
		return 77; /* skipped */
	suite = suite_create("sandbox");
	tests = tcase_create("sandbox");
	tcase_add_loop_test(tests, what_is_forbidden_ends_the_process, 0, COUNT(forbidden));
	tcase_add_loop_test(tests, code_is_refused, 0, COUNT(no_code));
	tcase_add_loop_test(tests, other_sockets_are_refused, 0, COUNT(no_sockets));
	tcase_add_loop_test(tests, other_options_of_sockets_are_refused, 0, COUNT(no_options));
	tcase_add_loop_test(tests, what_is_needed_goes_on, 0, COUNT(allowed));
	tcase_add_test(tests, abort_is_what_it_was);
	tcase_add_test(tests, a_thread_that_ran_before_is_in_it);
	tcase_add_test(tests, without_a_sandbox_nothing_changes);
	tcase_add_test(tests, where_there_is_none_auto_goes_on);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
