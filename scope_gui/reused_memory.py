"""Memory that has been given back stays with the process, for the next frame or segment to be made in.

A stroke of a held key makes some 25 MB of arrays: numpy's, for a moment, and Arrow's, kept while their segment is. Both
allocators ask the kernel for them, and what a new page costs is more than what is done in it.

- glibc takes an array of more than 128 KiB from the kernel and gives it back as soon as it is freed: of the 10 ms in
  which 126 000 calls were counted, 7 went into pages. It comes to the figures below by itself, but only once it has
  freed a chunk of 32 MB; and it has memory for each thread, though any thread of the pool may make the next frame.
- A sealer makes arrays of up to 32 MiB for each million events that it decodes: in memory that is kept they take a
  quarter as many new pages, and sealing a tenth less time.
- Arrow's mimalloc takes 2 MiB at once, which the kernel clears whole: 35 ms of system time for a segment of 240 000
  events and its calls, until the first ones are forgotten and their memory is used again; 7 with memory of glibc's.
"""

from __future__ import annotations

import ctypes

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
MMAP_FROM_BYTES = 32 << 20  # glibc refuses more
KEPT_BYTES = 64 << 20


def reuse_memory(kept_bytes: int = KEPT_BYTES) -> bool:
    """Has freed memory kept from now on, by numpy and Arrow alike; False where the C library is none that can.

    As much as that is kept, until `give_back_unused`.

    To be called before there are threads.
    """
    libc = ctypes.CDLL(None)
    try:
        mallopt = libc.mallopt
    except AttributeError:
        return False
    for what, value in ((_M_MMAP_THRESHOLD, MMAP_FROM_BYTES), (_M_TRIM_THRESHOLD, kept_bytes), (_M_ARENA_MAX, 1)):
        if not mallopt(what, value):
            return False
    pa.set_memory_pool(pa.system_memory_pool())
    return True


def give_back_unused() -> None:
    """Gives free memory back to the kernel: what has been closed needs none."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
