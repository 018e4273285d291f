"""The only reader of clocks: monotonic, wall, and the target's tick counter beside them.

Source: capture/native/host/clock.c. Ticks are the invariant TSC where the kernel itself trusts it, else
CLOCK_MONOTONIC nanoseconds; the pool header of each target says which (`clock_kind`).
"""

from __future__ import annotations

import ctypes
import struct
import time
from dataclasses import dataclass

from capture.hostlib import host_library

CLOCK_TSC = 1
CLOCK_MONOTONIC = 2

_PAIR = struct.Struct("<QQQQQ")


def monotonic_ns() -> int:
    """Now on CLOCK_MONOTONIC, the clock that session times count on."""
    return time.monotonic_ns()


def realtime_ns() -> int:
    """Now in nanoseconds since 1970; for people, never for order."""
    return time.time_ns()


def ticks_now(clock_kind: int) -> int:
    """Now on the tick counter of that kind."""
    function = host_library().scope_ticks
    function.restype = ctypes.c_uint64
    return int(function(ctypes.c_uint32(clock_kind)))


@dataclass(frozen=True, slots=True)
class ClockPair:
    """One instant on both clocks. Units: ticks; ns on CLOCK_MONOTONIC; ns since 1970; ns of doubt."""

    ticks: int
    mono_ns: int
    real_ns: int
    err_ns: int

    def payload(self, complete_ticks: int) -> bytes:
        """The bytes of a clock block: this pair, and up to which tick the journal is complete."""
        return _PAIR.pack(self.ticks, self.mono_ns, self.real_ns, self.err_ns, complete_ticks)


def clock_pair(clock_kind: int) -> ClockPair:
    """Now on both clocks, read as close together as the machine allows."""
    out = (ctypes.c_uint64 * 4)()
    host_library().scope_clock_pair(ctypes.c_uint32(clock_kind), out)
    return ClockPair(out[0], out[1], out[2], out[3])
