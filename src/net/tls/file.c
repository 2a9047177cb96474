/* Files of certificates and keys: see file.h. */
#include "net/tls/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MOST (8 << 20)

/* The library tells it as such in some places alone; the others leave errno as malloc(3) set it. */
bool
file_lacked_memory(const char *path, char text[TLS_TEXT_SIZE])
{
	bool lacked = errno == ENOMEM;
	unsigned long each;

	while ((each = ERR_get_error()) != 0)
		lacked = lacked || ERR_GET_REASON(each) == ERR_R_MALLOC_FAILURE;
	errno = lacked ? ENOMEM : 0;
	if (lacked)
		snprintf(text, TLS_TEXT_SIZE, "%s: %s", path, strerror(ENOMEM));
	return lacked;
}

void
file_blame(const char *path, const char *fault, char text[TLS_TEXT_SIZE])
{
	const unsigned long error = ERR_peek_last_error();
	const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

	if (!file_lacked_memory(path, text))
		snprintf(text, TLS_TEXT_SIZE, reason != NULL ? "%s: %s (%s)" : "%s: %s", path, fault,
		    reason);
}

static BIO *
give_up(const char *path, const char *fault, int error, char text[TLS_TEXT_SIZE])
{
	snprintf(text, TLS_TEXT_SIZE, "%s: %s", path, fault);
	errno = error;
	return NULL;
}

/* Returns all of it, or NULL with errno. */
static BIO *
read_all(int fd)
{
	BIO *memory = BIO_new(BIO_s_secmem());
	char piece[4096];
	ssize_t n;

	if (memory == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n > 0 && BIO_write(memory, piece, (int)n) == n)
			continue;
		if (n == -1 && errno == EINTR)
			continue;
		if (n > 0)
			errno = ENOMEM;
		BIO_free(memory);
		memory = NULL;
		break;
	}
	explicit_bzero(piece, sizeof(piece));
	return memory;
}

BIO *
file_read(const char *path, bool *is_open, char text[TLS_TEXT_SIZE])
{
	/* Without O_NONBLOCK a fifo would block here until someone writes to it. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat status;
	BIO *memory;
	int error;

	if (fd == -1 || fstat(fd, &status) == -1) {
		error = errno;
		if (fd != -1)
			close(fd);
		return give_up(path, strerror(error), error, text);
	}
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_SIZE_MOST) {
		close(fd);
		return give_up(path, "give a file, of at most 8 MiB", 0, text);
	}
	memory = read_all(fd);
	error = errno;
	close(fd);
	if (memory == NULL)
		return give_up(path, strerror(error), error, text);
	if (is_open != NULL)
		*is_open = (status.st_mode & S_IROTH) != 0;
	return memory;
}
