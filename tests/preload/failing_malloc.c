/*
 * Allocations that fail at random, for LD_PRELOAD: see tests/harness/memory.py.  The test
 * writes its orders into a file that is mapped here, and reads there what came of them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The file. */
struct orders {
	_Atomic uint64_t per_mille; /* of the allocations fail; 0: none */
	uint64_t seed;
	_Atomic uint64_t calls, failed; /* while some are to fail */
};

static struct orders *orders;

__attribute__((constructor)) static void
map_orders(void)
{
	const char *path = getenv("FAILING_MALLOC");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd == -1)
		return;
	map = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		orders = map;
}

/* splitmix64: the same seed has the same calls fail. */
static uint64_t
noise(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static int
fails(void)
{
	const uint64_t share = orders != NULL ? atomic_load(&orders->per_mille) : 0;

	if (share == 0 || noise(orders->seed + atomic_fetch_add(&orders->calls, 1)) % 1000 >= share)
		return 0;
	atomic_fetch_add(&orders->failed, 1);
	errno = ENOMEM;
	return 1;
}

/* The functions that would have been called without this library. */
static __typeof__(&malloc) malloc_next;
static __typeof__(&calloc) calloc_next;
static __typeof__(&realloc) realloc_next;
static __typeof__(&aligned_alloc) aligned_alloc_next;
static __typeof__(&posix_memalign) posix_memalign_next;

#define NEXT(name) (name##_next == NULL ? find(&name##_next, #name) : (void)0, name##_next)

/* ISO C has no conversion of dlsym()'s result to a function. */
static void
find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof(found));
}

/* strdup(), reallocarray(), asprintf() and the like call these. */

void *
malloc(size_t size)
{
	return fails() ? NULL : NEXT(malloc)(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : NEXT(calloc)(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : NEXT(realloc)(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : NEXT(aligned_alloc)(alignment, size);
}

int
posix_memalign(void **result, size_t alignment, size_t size)
{
	return fails() ? ENOMEM : NEXT(posix_memalign)(result, alignment, size);
}
