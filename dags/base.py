"""What every DAG offers, and the few words that all of them share.

A DAG is fed batches in order and holds the state after the last event fed: enough for a keyframe, and for the
answer at that instant. History is not kept in memory; it is in the session's tables, which the deltas fill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, TypeAlias, TypeVar

import msgspec

from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.typed import from_msgpack

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


@dataclass(frozen=True, slots=True)
class Delta:
    """The nodes that one batch added: ids first..stop, dense; `columns` are the rows to store, by column name."""

    first: NodeId
    stop: NodeId
    columns: dict[str, Any]


class Dag(Protocol):
    """One way to read a session; see the module for what its nodes are."""

    name: ClassVar[str]

    def feed(self, batch: EventBatch) -> Delta:
        """Takes in the next events."""
        ...

    def keyframe(self) -> bytes:
        """The full state after the last event; `restored` of the class takes it back."""
        ...

    def at(self, time_ns: Ns) -> Any:
        """The state at an instant that is not before the last event fed.

        Raises: ValueError for an earlier one: replay up to it instead.
        """
        ...

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """Edges into a node, as far as the present state holds them."""
        ...

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """Edges out of a node, as far as the present state holds them."""
        ...

    def check(self) -> None:
        """Checks the invariants. Raises: ScopeBug."""
        ...


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
