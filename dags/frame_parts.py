"""What a frame is made of, field for field as `scope-gui frame --json` prints it.

Fields may be added, never taken away: scripts and views read them by name. None means "not known".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

Confidence = Literal["exact", "sampled", "interpolated", "not captured"]
Status = Literal["running", "waiting", "stopped", "ended"]
LineIs = Literal["current", "called_from", "defined"]
LINE_WORDS: dict[LineIs, str] = {"current": "at", "called_from": "next called from", "defined": "defined at"}

WAIT_WORDS = {
    "lock": "for a lock",
    "gil": "for the GIL",
    "queue": "for a queue",
    "io": "for I/O",
    "sleep": "in a sleep",
    "join": "for another to end",
}


class FrameProcess(msgspec.Struct, frozen=True, kw_only=True):
    """One process. heat: 0 idle, 1 as busy as any process had been until then (dags.process.activity).

    status: what its threads do together; of one that is only watched what it did at the last look from outside: a
    signal may have `stopped` it. status_confidence: `not captured` where "running" only means that it has not ended.
    settings: what it is recorded by where that is not what the frame's `settings` say.
    """

    process_id: int
    pid: int
    name: str
    status: Status
    cpu_percent: float | None
    rss_bytes: int | None
    heat: float
    command: str = ""
    parent_id: int | None = None
    python: str = ""
    tier: str = "python"
    status_confidence: Confidence = "not captured"
    settings: FrameSettings | None = None


class FrameArgument(msgspec.Struct, frozen=True, kw_only=True):
    """What one parameter of a call was given, as text; `*args` and `**kwargs` have their stars.

    An empty name is that of what stands for others, which are left out.
    """

    name: str
    value: str


class FrameLocal(msgspec.Struct, frozen=True, kw_only=True):
    """What a local variable holds, as text; changed: by the line before the current one. since_ns: of the value."""

    name: str
    value: str
    since_ns: int
    changed: bool


class StackFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One open call, and what is known of its place in `file`, as `line_is` says.

    current: the line that is being executed at this very moment, at the end of a recording the one that its last look
    found. called_from: the line that made the call which is next on the stack. defined: where the function begins,
    because nothing more is known.
    With entered_earlier the call was found already running at entered_ns. arguments: None where they are not known.
    locals: in the order in which they were first bound; None where its lines are not recorded.
    """

    function: str
    file: str
    line: int
    call_id: int
    entered_ns: int
    line_is: LineIs
    entered_earlier: bool
    module: str = ""
    site_id: int = 0
    arguments: tuple[FrameArgument, ...] | None = None
    locals: tuple[FrameLocal, ...] | None = None


class FrameException(msgspec.Struct, frozen=True, kw_only=True):
    """An exception on its way; message: its argument as text, bounded. None: not known, or nothing."""

    exception_id: int
    type: str | None
    message: str | None


class FrameTrack(msgspec.Struct, frozen=True, kw_only=True):
    """One track; its stack outermost first, as sure as `confidence`.

    waiting_on: the track it waits for, if that is known. wait_kind: what it waits for, '' where the system does not say
    and while it runs. status_confidence: `sampled` where looks at the thread from outside say whether it waits; `not
    captured` where nobody looked: "running" then means that it has not ended and joins no other thread. exception: the
    one that it has just raised, or that has just left a call of it.
    """

    track_id: int
    process_id: int
    kind: str
    name: str
    status: Status
    waiting_on: int | None
    stack: list[StackFrame]
    confidence: Confidence
    wait_kind: str = ""
    waiting_since_ns: int | None = None
    status_confidence: Confidence = "not captured"
    os_id: int | None = None
    parent_track_id: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    exception: FrameException | None = None


def status_text(track: FrameTrack) -> str:
    """What the track does, in a few words: 'running', 'waiting for a lock'."""
    if track.status != "waiting":
        return track.status
    return f"waiting {WAIT_WORDS.get(track.wait_kind, '')}".rstrip()


def process_status_text(process: FrameProcess) -> str:
    """What the process does; of one that is only watched, how that is known as well.

    >>> process = FrameProcess(
    ...     process_id=1, pid=7, name="x", status="running", cpu_percent=None, rss_bytes=None, heat=0.0
    ... )
    >>> process_status_text(process)
    'running'
    >>> process_status_text(msgspec.structs.replace(process, tier="observe"))
    'status not captured'
    >>> process_status_text(msgspec.structs.replace(process, tier="observe", status_confidence="sampled"))
    'running (sampled)'
    """
    if process.tier != "observe" or process.status_confidence == "exact":
        return process.status
    if process.status_confidence == "not captured":
        return "status not captured"
    return f"{process.status} ({process.status_confidence})"


class FrameState(msgspec.Struct, frozen=True, kw_only=True):
    """One state cell and the version in force."""

    object_id: int
    owner: str
    key: str
    value: str
    version_id: int
    since_ns: int
    writer_track_id: int
    writer_call_id: int | None
    confidence: Confidence
    changes: int = 1  # of a name that changes all the time only the last value of a slice is kept, and their number


class FrameGap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch around the instant in which events are missing; track_id None: of every track."""

    start_ns: int
    end_ns: int | None
    track_id: int | None
    dropped: int
    reason: str


class FrameMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The heap, one floor per track; None and empty while allocations are not captured."""

    total_bytes: int | None = None
    floors: list[Any] = []


class FrameConfidence(msgspec.Struct, frozen=True, kw_only=True):
    """How sure each part of a frame is; the least sure of its rows counts."""

    stacks: Confidence
    states: Confidence
    metrics: Confidence
    status: Confidence = "not captured"
    memory: Confidence = "not captured"
    messages: Confidence = "not captured"
    locks: Confidence = "not captured"


class FrameSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded at that moment: the capture flags that may change while something is recorded.

    since_ns: when they were last changed; None: never until then. Of several processes those of the last change.
    """

    mode: str
    include: list[str]
    exclude: list[str]
    state: list[str]
    when_full: str
    since_ns: int | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The whole program at one instant. event_id: the last event at or before it, 0 before the first.

    parts: what DAGs say that have no field of their own here, by name (`dags.registry`). unknown: those that know
    nothing of what was before this segment, because the session was sealed by a Scope that did not have them. left_out:
    what the frame was not asked for and therefore lacks, `tracks` also where it has only some (`FrameReader.at`).
    """

    time_ns: int
    event_id: int
    complete: bool
    processes: list[FrameProcess]
    tracks: list[FrameTrack]
    states: list[FrameState]
    messages: list[Any]
    locks: list[Any]
    memory: FrameMemory
    metrics: dict[str, float]
    gaps: list[FrameGap]
    confidence: FrameConfidence
    settings: FrameSettings | None = None
    parts: dict[str, Any] = {}
    unknown: list[str] = []
    left_out: list[str] = []

    def lacks(self, parts: Iterable[str]) -> bool:
        """Whether it was not asked for one of these parts, or not for all of it."""
        return bool(self.left_out) and not set(self.left_out).isdisjoint(parts)
