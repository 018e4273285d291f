"""What the recorder knows besides the target's own events, as JSON objects in the journal.

Facts are rare (a few per second) and meant to be readable in a hex dump after a crash, hence JSON.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from capture.changes import Flags
from capture.errors import FormatError
from capture.measured_cost import Overhead

MAX_CLOCK_NS = 1 << 61  # on the monotonic clock; with what ticks may add (timebase.MAX_NS) it fits what is stored
_MAX_REAL_NS = 1 << 62

Serial = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]  # of a process: a block of the journal has 16 bits for it
SystemId = Annotated[int, msgspec.Meta(ge=0, le=(1 << 31) - 1)]  # of a process or a thread


class _Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    pass


class SessionFact(_Fact, frozen=True, kw_only=True, tag="session"):
    """The session's zero on both clocks."""

    start_mono_ns: int
    start_real_ns: int = 0


class ProcessFact(_Fact, frozen=True, kw_only=True, tag="process"):
    """A process that is recorded or watched."""

    process_serial: Serial
    pid: SystemId
    parent_pid: SystemId | None = None
    name: str = ""
    command: str = ""
    start_real_ns: int = 0
    python: str | None = None
    tier: str = "python"


class ProcessEndFact(_Fact, frozen=True, kw_only=True, tag="process_end"):
    """A process was found to have ended."""

    process_serial: Serial
    mono_ns: int


class ThreadFact(_Fact, frozen=True, kw_only=True, tag="thread"):
    """A thread seen from outside."""

    process_serial: Serial
    tid: SystemId
    mono_ns: int
    name: str = ""


class ThreadEndFact(_Fact, frozen=True, kw_only=True, tag="thread_end"):
    """A thread seen from outside is gone."""

    process_serial: Serial
    tid: SystemId
    mono_ns: int


class MetricFact(_Fact, frozen=True, kw_only=True, tag="metric"):
    """Figures of one process at one instant."""

    process_serial: Serial
    mono_ns: int
    values: dict[str, float] = {}


class SleepersFact(_Fact, frozen=True, kw_only=True, tag="sleepers"):
    """Threads of a process that fell asleep or woke, as looked at from outside.

    `slept`: (tid, asleep at least since, what for); `woke`: (tid, has slept at least until). With the last fact of the
    same `known_ns` all is told that happened up to then; `more`: this is not the last.
    """

    process_serial: Serial
    known_ns: int
    more: bool = False
    slept: list[tuple[SystemId, int, str]] = []
    woke: list[tuple[SystemId, int]] = []


class CountersFact(_Fact, frozen=True, kw_only=True, tag="counters"):
    """The target's own count of what it dropped, at the end; in parts, of which each but the last says `more`."""

    process_serial: Serial
    part: Serial = 0
    more: bool = False
    tracks: dict[str, int] = {}
    dropped_unattributed: int = 0
    ended_dropped: int = 0


class OverheadFact(_Fact, frozen=True, kw_only=True, tag="overhead"):
    """What the recording of a process has cost it, at the end."""

    process_serial: Serial
    overhead: Overhead


class UnseenFact(_Fact, frozen=True, kw_only=True, tag="unseen"):
    """Something that this recording cannot see, noticed from outside; `code` is a row of capture/unseen.py."""

    process_serial: Serial
    code: str
    detail: str = ""


class ConfiguredFact(_Fact, frozen=True, kw_only=True, tag="configured"):
    """A process is recorded by other settings from `mono_ns` on; until `since_ns` it certainly was by those before."""

    process_serial: Serial
    since_ns: int
    mono_ns: int
    flags: Flags = {}


class LossFact(_Fact, frozen=True, kw_only=True, tag="loss"):
    """Something of a process is lost; `code` is a row of capture/losses.py."""

    process_serial: Serial
    code: str
    detail: str = ""


class TriggerFact(_Fact, frozen=True, kw_only=True, tag="trigger"):
    """A flight recorder is to save what it has; `reason` says why, in a few words."""

    mono_ns: int
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class EndFact(_Fact, frozen=True, kw_only=True, tag="end"):
    """The recording ended."""

    mono_ns: int = 0
    reason: str = ""


Fact = (
    SessionFact
    | ProcessFact
    | ProcessEndFact
    | ThreadFact
    | ThreadEndFact
    | MetricFact
    | SleepersFact
    | CountersFact
    | OverheadFact
    | UnseenFact
    | ConfiguredFact
    | LossFact
    | TriggerFact
    | EndFact
)

_KNOWN = msgspec.json.Decoder(Fact)
_ANY = msgspec.json.Decoder(dict[str, Any])
_TAGS = frozenset(str(fact.__struct_config__.tag) for fact in Fact.__args__)


def parse_fact(payload: bytes | memoryview) -> Fact | None:
    """The fact in a block; None for one that a newer recorder wrote and we do not know.

    Raises: FormatError when the bytes are no fact.
    """
    try:
        tag = _ANY.decode(payload).get("fact")
        if isinstance(tag, str) and tag not in _TAGS:
            return None
        fact: Fact = _KNOWN.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise FormatError(f"a fact in the journal cannot be read: {error}") from error
    for name in ("mono_ns", "start_mono_ns", "start_real_ns", "known_ns", "since_ns"):
        if not 0 <= getattr(fact, name, 0) <= (_MAX_REAL_NS if name == "start_real_ns" else MAX_CLOCK_NS):
            raise FormatError(f"a fact in the journal claims {name} {getattr(fact, name)}")
    if isinstance(fact, SleepersFact):
        for at_ns in [*(at_ns for _, at_ns, _ in fact.slept), *(at_ns for _, at_ns in fact.woke)]:
            if not 0 <= at_ns <= MAX_CLOCK_NS:
                raise FormatError(f"a fact in the journal claims {at_ns}")
    return fact
