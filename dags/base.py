"""What every DAG offers, and the few words that all of them share.

A DAG is fed batches in order and holds the state after the last event fed: enough for a keyframe, and for the
answer at that instant. History is not kept in memory; it is in the session's tables, which its rows fill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self, TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from capture.errors import FormatError
from capture.events.batch import EventBatch, Int32, Int64, UInt8, mask_of
from capture.events.definitions import StateKeyRow
from capture.typed import from_msgpack

if TYPE_CHECKING:
    from capture.session.session import Session

Ns: TypeAlias = int
NodeId: TypeAlias = int
Struct = TypeVar("Struct", bound=msgspec.Struct)

# What a keyframe may hold: hostile numbers must not leave int64 when something is added to them.
KeptId: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
KeptNs: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]


class Edge(msgspec.Struct, frozen=True):
    """One node made another possible; what the ids count is the DAG's (events, calls, versions, tracks)."""

    cause: NodeId
    effect: NodeId
    kind: str


Rows: TypeAlias = dict[str, Any]
"""Rows to store, by table: columns by name, or structs of what is seldom."""


class Callers(NamedTuple):
    """The events of a batch whose kind asks for it (`Kind.asks_call`), in order: their kinds and, 0 = none, the
    innermost open calls before them.
    """

    kinds: UInt8
    call_ids: Int64

    def at(self, *kinds: int) -> Int64:
        """The calls at events of these kinds."""
        of_these: Int64 = self.call_ids[mask_of(kinds)[self.kinds]]
        return of_these


class Paired(NamedTuple):
    """Rows of a batch that found a begin, ascending, and the begins that they found, of `dags.kernels.BEGUN_DTYPE`.

    A row that itself begins one stands for an end that was lost: it came in the place of that begin.
    """

    rows: Int64
    begun: npt.NDArray[Any]


@dataclass(slots=True)
class Context:
    """What is known beside a batch: by the definitions, and by the followers that were fed it before.

    Shape: `process_of` is each track's process by track id, 0 where nothing is known; `callers` is there once the code
    DAG has seen the batch, where anything asked; `open_calls` are then the ids of the calls that are open after it;
    `pairs` once the DAG of pairs has; `facts` are rows of the same stretch that no event tells, by table; `rows` what
    those before have made of it.
    """

    process_of: Int32 | None = None
    state_keys: Sequence[StateKeyRow] = ()
    callers: Callers | None = None
    pairs: Paired | None = None
    open_calls: Callable[[], Int64] = lambda: np.empty(0, np.int64)
    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)


class Dag:
    """One way to read a session; see the module for what its nodes are. A row of `dags.registry.FOLLOWERS` names it."""

    version: ClassVar[int] = 1  # of its part of a keyframe
    reads: ClassVar[tuple[int, ...]] = ()  # other versions that `restored` takes

    @classmethod
    def restored(cls, data: bytes) -> Self:
        """From its part of a keyframe. Raises: FormatError."""
        raise NotImplementedError

    def keyframe(self) -> bytes:
        """The full state after the last event; `restored` takes it back."""
        raise NotImplementedError

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events; the rows that they yield."""
        raise NotImplementedError

    @staticmethod
    def stored_facts(session: Session, index: int) -> Mapping[str, Any]:
        """What it was fed as `facts` with that segment, or as much of it as `feed` makes the same state of."""
        return {}

    def advance(self, batch: EventBatch, context: Context) -> None:
        """Takes in the next events for what a frame shows; makes no rows where that is cheaper."""
        self.feed(batch, context)

    def copy(self) -> Self:
        """One to advance on its own."""
        raise NotImplementedError

    def taken_back(self, earlier: Self, since: EventBatch) -> Self:
        """One of its own as `earlier`, made of this one where that is cheaper: this is that one after those events.

        They were fed by `advance`. This one is given up; `earlier` stays as it is.
        """
        return earlier.copy()

    def open_rows(self) -> Rows:
        """Rows of what has begun and not ended: live SQL shows them, and the last segment stores them."""
        return {}

    def part(self, time_ns: Ns) -> Any:
        """What a frame says of it under its name, ready for JSON; None: it has fields of its own there, or nothing."""
        return None

    def at(self, time_ns: Ns) -> Any:
        """The state at an instant that is not before the last event fed.

        Raises: ValueError for an earlier one: replay up to it instead.
        """
        raise NotImplementedError

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """Edges into a node, as far as the present state holds them."""
        return iter(())

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """Edges out of a node, as far as the present state holds them."""
        return iter(())

    def check(self) -> None:
        """Checks the invariants. Raises: ScopeBug."""


def require_not_before(time_ns: Ns, last_ns: Ns) -> None:
    """Refuses a question about the past of the state at hand."""
    if time_ns < last_ns:
        raise ValueError(f"this state is that of {last_ns} ns; {time_ns} ns lies before it")


def decoded(data: bytes, kind: type[Struct]) -> Struct:
    """A part of a keyframe.

    Raises: FormatError when the bytes are none.
    """
    try:
        return from_msgpack(data, kind)
    except msgspec.DecodeError as error:
        raise FormatError(f"a keyframe cannot be read: {error}") from error
