"""Allocations of a daemon that fail at random, on order: tests/preload/failing_malloc.c."""

import mmap
import os
import struct
import tempfile

import patience

LIBRARY = os.environ.get("FAILING_MALLOC_LIBRARY", "")
SIZE = 4096  # of the file; the library uses the first four numbers


def preloading(library, **variables):
    """The environment of a daemon with `library` before all others."""
    if patience.SLOWNESS > 1:
        # AddressSanitizer's own functions come behind the library's
        options = os.environ.get("ASAN_OPTIONS", "")
        variables["ASAN_OPTIONS"] = f"{options}:verify_asan_link_order=0"
    return {"LD_PRELOAD": library, **variables}


class Orders:
    """The file that the library reads, for one daemon at a time.

    environment     what the daemon needs to be under orders
    """

    def __init__(self, workdir, seed):
        # Its own: another daemon may still have its own mapped, and would meet the end of it.
        descriptor, path = tempfile.mkstemp(prefix="orders-", dir=workdir)
        os.truncate(descriptor, SIZE)
        self._map = mmap.mmap(descriptor, SIZE)
        os.close(descriptor)
        self._put(1, seed)
        self.environment = preloading(LIBRARY, FAILING_MALLOC=path)

    def _put(self, index, value):
        struct.pack_into("@Q", self._map, 8 * index, value)

    def fail(self, per_mille):
        """From now on so many of the allocations fail; 0: none."""
        self._put(0, per_mille)

    @property
    def failed(self):
        """How many have failed."""
        return struct.unpack_from("@Q", self._map, 8 * 3)[0]
