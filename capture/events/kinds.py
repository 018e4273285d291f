"""What a target can tell: one row of Kind a kind of events, and nothing else says what a kind is.

Words, codes, flags, masks, what decoding fills in, marks and tool tips, `scope-gui events`, the table in
`capture/FORMAT.md` and C's `scope_kinds.h` (`kinds_header`) derive from here. The rows are an enumeration, so that
`Kind.CALL` is both a name that mypy knows and the row itself. Codes and words are stored in sessions and in journals:
they never change meaning, and those of RETIRED are not given out again.

Standard library only: `setup.py` reads this file, and `drain/` starts in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Self

Group = Literal["call", "exception", "thread", "join", "stack", "gap", "state", "output", "line"]
A = Literal["site", "site, line", "own thread", "thread", "reason", "dropped", "state key", "line", "number"]
"""site, line: the site in the low SITE_BITS, above them the line of the caller that is at it; 0: not known."""
B = Literal["nothing", "exception type", "exception", "reason", "payload bytes", "line"]
"""exception: the number of its type in the low 11 bits, and in the others which of the track's raises it is, counted
back from 1, the latest; 0: none of the last 31. line: how many lines below the first one of its site."""
Payload = Literal[
    "none", "frames", "text", "object", "state", "exception", "arguments", "value", "output", "locals", "frame"
]
"""What the bytes are, little-endian. frames: u32 site, u32 line (0: not known) for each frame, outermost first. text:
UTF-8. object: u64 serial of an object (0: none), text. state: the same, and between them, if counted, a u64: how many
changes the value stands for. exception: u32 number of its type, u32 line (0: not known), text: its message; old ones
without one have no payload, and `b` is the type. output: u64 line (0: not known), text; of what is logged or warned of,
its level, ": " and logger stand before it, and a zero byte. arguments, value: words of 64 bits that are the values of
the site's parameters, or one value (native/scope_values.h); without them it has no payload, and nothing is known.
locals: changes of local variables, words as well; without any it has no payload. frame: u64 line (0: not known),
local variables as words."""
Rate = Literal["hot", "often", "rare"]
KeyColumn = Literal["track_id", "object_id", "ref", "call_id"]

EXCEPTION_TYPE_BITS = 11  # of `b`
SITE_BITS = 18  # of `a`, where a line stands above them
PAYLOAD_FLAG = 128
"""A bit of every kind: `b` bytes of payload follow the record, in (b + 15) // 16 slots as long as itself."""
RETIRED = {25: "a frame of a snapshot, in a slot of its own: pools of ABI 2"}
NO_TRACK_SLOT = "no track slot"  # a gap of threads for which there was no memory; on the track of their process


class Depth(IntEnum):
    """What an event does to the stack of open calls of its track."""

    STAYS = 0
    OPENS = 1
    RETURNS = 2
    YIELDS = 3
    RAISES = 4
    BEGINS = 5  # what is open is known, unless its flags say that it ran before
    ENDS = 6  # nothing is open any more
    TOLD = 7  # the payload says what is open
    LOST = 8  # what is open is not known until it is told

    @property
    def step(self) -> int:
        """How many calls more are open."""
        return 1 if self is Depth.OPENS else -1 if self in (Depth.RETURNS, Depth.YIELDS, Depth.RAISES) else 0


class Coded(IntEnum):
    """A number of a record that has a word: `GapReason.POOL_FULL.word` is 'pool full'."""

    _value_: int
    says: str

    def __new__(cls, code: int, says: str) -> Self:
        """What the code is and what it says, in a clause."""
        member = int.__new__(cls, code)
        member._value_, member.says = code, says
        return member

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", " ")


class ThreadBeginFlag(Coded):
    """Bits of a thread_begin."""

    WAS_RUNNING = 1, "it ran before the recording"
    LEFT_OUT = 2, "a thread filter keeps its calls out"


class JoinEndFlag(Coded):
    """Bits of a join_end."""

    ENDED = 1, "that thread has ended; else the wait has timed out"


class SnapshotFlag(Coded):
    """Bits of a snapshot: a deep stack is told in several."""

    FIRST_PART = 1, "outermost part of the stack"
    LAST_PART = 2, "innermost part of the stack"


class StateFlag(Coded):
    """Bits of a state."""

    DELETED = 1, "the name is gone"
    TRUNCATED = 2, "the text was cut"
    REDACTED = 4, "a secret was left out"
    FIRST_KNOWN = 8, "the first value that is known"
    SAMPLED = 16, "found by looking, or the last value of a time slice"
    COUNTED = 32, "it stands for several changes"
    MUTABLE = 64, "it shows what a container held, which may change unseen"


class RaiseFlag(Coded):
    """Bits of a raise."""

    TRUNCATED = 1, "the message was cut"
    REDACTED = 2, "a secret was left out of the message"


class DeadFrameFlag(Coded):
    """Bits of a dead_frame."""

    PASSED = 1, "the exception was raised in it, or has come to it; else it is further out"
    CUT = 2, "it has more local variables than an event has room for"


class ResultFlag(Coded):
    """Bits of a return and a yield."""

    IS_NONE = 1, "the value is None, and nothing follows"


class LineFlag(Coded):
    """Bits of a line and of locals."""

    FIRST_KNOWN = 1, "what it tells was so before; no line that is known did it"


class OutputFlag(Coded):
    """Bits of an output; without one of the first three it went to stdout."""

    STDERR = 1, "it went to stderr"
    LOG = 2, "it was logged"
    WARNING = 4, "it is a warning"
    CONTINUES = 8, "the next output of the thread goes on with the same write"
    ESCAPED = 16, "it has bytes that are no UTF-8: those as `\\udcXX`, a backslash twice"
    REDACTED = 32, "a secret was left out"
    REDIRECTED = 64, "the program has put a stream of its own there"


class SnapshotReason(Coded):
    """Why a stack was told."""

    BEGIN = 1, "recording began"
    GAP = 2, "events were missing before it"
    END = 3, "recording ended"
    SETTINGS = 4, "what is recorded has changed"


class GapReason(Coded):
    """Why events or stacks are missing; the words are those of the table `gaps`."""

    POOL_FULL = 1, "no chunk was free"
    SITE_TABLE_FULL = 2, "too many functions"
    PAUSED = 3, "calls were not followed"
    ANOTHER_PROFILER = 4, "calls were not followed: it has the thread"
    GREENLETS_NOT_FOLLOWED = 5, "calls were not followed: greenlets may switch unseen"
    HOOKS_TAKEN_OUT = 6, "calls were not followed: somebody took the hooks out"
    LEFT_OUT = 7, "calls were not followed: the settings leave them out"

    @property
    def is_blind(self) -> bool:
        """Whether nothing was dropped, but calls were not followed; told again while it lasts."""
        return self >= GapReason.PAUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What an event of one kind begins and one of another ends, which `dags/pairs` brings together.

    by: what the two have in common: the track, the object, the number (a thread, a message, a wait), the call that is
    innermost then. An event without the object or number is of no pair. nests: a second begin before the end lies
    within the first, and the end is that of the inner one; else the end of the first was lost. edge: the word of the
    edge of causality from a begin to an end on another track; '' where the one does not make the other possible.
    """

    name: str
    by: tuple[KeyColumn, ...]
    nests: bool = False
    edge: str = ""


JOIN = Pair(name="join", by=("track_id", "ref"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """One kind. `says`: one sentence, and what of it stands in `value` where that is not plain from the rest.

    depth: what it does to the stack of its track. a, b: what these numbers of its record are. payload: what follows the
    record. flags, reasons: what its bits and its reason mean. begins, ends: the pair that it begins or ends. rate: hot,
    millions a second of one program; often, hundreds of thousands; rare: as seldom as threads, the only ones that
    Python may look at one by one.
    """

    code: int
    group: Group
    says: str
    a: A
    b: B = "nothing"
    depth: Depth = Depth.STAYS
    payload: Payload = "none"
    flags: type[Coded] | None = None
    reasons: type[Coded] | None = None
    begins: Pair | None = None
    ends: Pair | None = None
    rate: Rate = "hot"


class Kind(IntEnum):
    """The kinds of events, by their codes."""

    _value_: int
    row: KindRow

    def __new__(cls, row: KindRow) -> Self:
        """The code is the number; the rest is told by `row`."""
        member = int.__new__(cls, row.code)
        member._value_, member.row = row.code, row
        return member

    CALL = KindRow(
        code=1, group="call", depth=Depth.OPENS, a="site, line", b="payload bytes", payload="arguments",
        says="A function is called; the value is its arguments, `x=1, *args=(2, 3)`; null: not known, or it has none.",
    )  # fmt: skip
    RESUME = KindRow(code=2, group="call", depth=Depth.OPENS, a="site, line", says="A suspended function goes on.")
    THROW = KindRow(
        code=3, group="call", depth=Depth.OPENS, a="site, line", b="exception type", rate="often",
        says="A suspended function goes on with an exception (generator.throw, close); its type is the value.",
    )  # fmt: skip
    RETURN = KindRow(
        code=4, group="call", depth=Depth.RETURNS, a="site", b="payload bytes", payload="value", flags=ResultFlag,
        says="A function returns; the value is what it returns; null: not known.",
    )  # fmt: skip
    YIELD = KindRow(
        code=5, group="call", depth=Depth.YIELDS, a="site", b="payload bytes", payload="value", flags=ResultFlag,
        says="A function is suspended; the value is what it yields; null: not known.",
    )  # fmt: skip
    UNWIND = KindRow(
        code=6, group="call", depth=Depth.RAISES, a="site", b="exception", rate="often",
        says="An exception leaves a function; its type is the value.",
    )  # fmt: skip
    RAISE = KindRow(
        code=7, group="exception", a="site", b="exception type", payload="exception", flags=RaiseFlag, rate="often",
        says="An exception is raised, once for each and thread; its type is the value, `message` what it says.",
    )  # fmt: skip
    DEAD_FRAME = KindRow(
        code=52, group="line", a="site", b="payload bytes", payload="frame", flags=DeadFrameFlag, rate="often",
        says="A frame of the exception just raised on its track, innermost first, at line `ref`; the value is its "
        "local variables, one a row.",
    )  # fmt: skip
    THREAD_BEGIN = KindRow(
        code=16, group="thread", depth=Depth.BEGINS, a="own thread", flags=ThreadBeginFlag, rate="rare",
        says="The first event of a thread.",
    )  # fmt: skip
    THREAD_END = KindRow(
        code=17, group="thread", depth=Depth.ENDS, a="own thread", rate="rare", says="The last event of a thread."
    )
    THREAD_START = KindRow(code=18, group="thread", a="thread", rate="rare", says="It starts another thread.")
    JOIN_BEGIN = KindRow(
        code=19, group="join", a="thread", begins=JOIN, rate="often",
        says="It begins to wait for another thread to end.",
    )  # fmt: skip
    JOIN_END = KindRow(
        code=20, group="join", a="thread", flags=JoinEndFlag, ends=JOIN, rate="often",
        says="It waits no more; the value is `ended` where that thread has ended.",
    )  # fmt: skip
    SNAPSHOT = KindRow(
        code=24, group="stack", depth=Depth.TOLD, a="reason", b="payload bytes", payload="frames",
        flags=SnapshotFlag, reasons=SnapshotReason, rate="rare",
        says='The stack; the value is JSON `{"reason", "part", "frames": [[site_id, line], ...]}`, outermost first.',
    )  # fmt: skip
    GAP = KindRow(
        code=26, group="gap", depth=Depth.LOST, a="dropped", b="reason", reasons=GapReason, rate="rare",
        says="Events are missing, up to here; the value is the reason.",
    )  # fmt: skip
    STATE = KindRow(
        code=32, group="state", a="state key", b="payload bytes", payload="state", flags=StateFlag,
        says="A name has a value, which is the text; `object_id` is whose it is (null: a module's).",
    )  # fmt: skip
    OUTPUT = KindRow(
        code=48, group="output", a="site", b="payload bytes", payload="output", flags=OutputFlag, rate="often",
        says="Something is printed, logged or warned of; the value is its text, `message` level: logger.",
    )  # fmt: skip
    LINE_FIRST = KindRow(
        code=49, group="line", a="site", b="line", rate="often",
        says="A line of a function runs for the first time, whose number is `ref`.",
    )  # fmt: skip
    LINE = KindRow(
        code=50, group="line", a="line", b="payload bytes", payload="locals", flags=LineFlag,
        says="A line is about to run, `ref`; the value is what the line before it did to local variables, one a row.",
    )  # fmt: skip
    LOCALS = KindRow(
        code=51, group="line", a="line", b="payload bytes", payload="locals", flags=LineFlag,
        says="What a line did to local variables, `ref`, where no line of its call runs after it; as that of a line.",
    )  # fmt: skip

    @property
    def word(self) -> str:
        """How sessions and SQL call it."""
        return self.name.lower()

    @property
    def title(self) -> str:
        """How a person calls it."""
        return self.word.replace("_", " ")

    @property
    def is_mark(self) -> bool:
        """Whether a timeline marks it: calls and gaps are drawn anyway, and lines begin wherever calls do."""
        return self.row.group not in ("call", "gap", "line")

    @property
    def asks_call(self) -> bool:
        """Whether those that follow it want to know the innermost call that is open before it."""
        fails = self.row.b.startswith("exception") and self.row.depth is not Depth.OPENS
        has_writer = self.row.a == "state key" or self.row.payload in ("output", "locals")
        return fails or has_writer or bool(self.row.begins or self.row.ends)


KINDS: tuple[Kind, ...] = tuple(Kind)
KIND: dict[int, Kind] = {int(kind): kind for kind in KINDS}
KIND_NAMES: dict[int, str] = {int(kind): kind.word for kind in KINDS}
KIND_CODES: dict[str, int] = {word: code for code, word in KIND_NAMES.items()}
GAP_REASONS: dict[int, str] = {int(reason): reason.word for reason in GapReason}
SNAPSHOT_REASONS: dict[int, str] = {int(reason): reason.word for reason in SnapshotReason}
BLIND_REASONS = frozenset(reason.word for reason in GapReason if reason.is_blind)


def kinds_of(*groups: Group) -> tuple[Kind, ...]:
    """The kinds of these groups.

    >>> [kind.word for kind in kinds_of("join")]
    ['join_begin', 'join_end']
    """
    return tuple(kind for kind in KINDS if kind.row.group in groups)
