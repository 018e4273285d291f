"""The host-side C library, loaded once: clock pairs, pool scan, ptrace injection.

ctypes releases the GIL around each call, and a plain C library needs no build per interpreter.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from capture.errors import ScopeBug


@functools.cache
def host_library() -> ctypes.CDLL:
    """The loaded library.

    Raises: ScopeBug when it was not built (`make setup` builds it).
    """
    for candidate in sorted(Path(__file__).parent.glob("_scope_host*.so")):
        return ctypes.CDLL(str(candidate), use_errno=True)
    raise ScopeBug("capture/_scope_host*.so is missing: run `make setup` to build the native parts")
