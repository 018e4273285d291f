"""The DAG of pairs: which event ends what another has begun. Nodes are event ids.

Which kinds begin and end a pair, and by what the two find one another, says the table of kinds
(`capture.events.kinds.Pair`); this names none. The rules (dags/native/pairs.c; tests hold a second reading of them):

- An end takes the newest begin of its key. Without one its begin was lost: it is counted and otherwise passed over.
- A begin whose key has an open one lies within that, where the pair nests; else it comes in its place, whose end was
  lost.
- An event without the object or number that is part of its key is of no pair.
- Only so much may be open at a time (`dags.kernels.MAX_BEGUN`); what begins beyond it is counted, not kept.

It stores no rows: followers behind it make theirs of `Context.pairs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, mask_of, of_kinds
from capture.events.kinds import KINDS, KindRow, Pair
from dags.base import Context, Dag, KeptId, KeptNs, Ns, Paired, Rows, decoded, require_not_before
from dags.columns import Packed, packed, unpacked
from dags.kernels import ASKS_CALL, BEGUN_DTYPE, MAX_BEGUN, PAIR_COUNT_FIELDS, RULE_DTYPE, Array, Pairs

_BY = {"track_id": 1, "object_id": 2, "ref": 4, "call_id": 8}  # as dags/native/pairs.h has it
_NOTHING = np.empty(0, BEGUN_DTYPE)


class PairsKeyframe(msgspec.Struct, frozen=True):
    """What has begun, as items of BEGUN_DTYPE in the order in which it began."""

    last_ns: KeptNs
    counts: dict[str, KeptId]
    begun: Packed


def rules_of(kinds: Mapping[int, KindRow]) -> npt.NDArray[np.void]:
    """What the kernel is to do with each kind. Pairs are the same where they are equal. Shape: (256,) of RULE_DTYPE."""
    rules = np.zeros(256, RULE_DTYPE)
    numbers: dict[Pair, int] = {}
    for code, row in kinds.items():
        pair = row.begins or row.ends
        if row.begins is not None and row.ends is not None:
            raise ScopeBug(f"kind {code} both begins and ends a pair")
        if pair is not None:
            number = numbers.setdefault(pair, len(numbers) + 1)
            rules[code] = (number, row.ends is not None, sum(_BY[name] for name in set(pair.by)), pair.nests)
    return rules


class PairsDag(Dag):
    """Keeps what has begun and not ended."""

    kinds: ClassVar[Mapping[int, KindRow]] = {int(kind): kind.row for kind in KINDS}

    def __init__(self) -> None:
        rules = rules_of(self.kinds)
        self._is_of_a_pair = rules["pair"] > 0
        self.pairs = Pairs(rules, ASKS_CALL | self._is_of_a_pair)
        self.last_ns = self._last_event_id = 0

    @classmethod
    def restored(cls, data: bytes) -> Self:
        """Raises: FormatError."""
        kept = decoded(data, PairsKeyframe)
        if set(kept.counts) != set(PAIR_COUNT_FIELDS) or not 0 <= kept.begun.length <= MAX_BEGUN:
            raise FormatError("the pairs of a keyframe lack their counts, or are more than there can be")
        self = cls()
        self.pairs.restore(unpacked(kept.begun, BEGUN_DTYPE), kept.counts)
        self.last_ns = kept.last_ns
        return self

    def keyframe(self) -> bytes:
        """What has begun."""
        return msgspec.msgpack.encode(PairsKeyframe(self.last_ns, self.pairs.counts(), packed(self.pairs.begun())))

    def copy(self) -> Self:
        """One of its own in which the same has begun."""
        other = type(self)()
        other.pairs.restore(self.pairs.begun(), self.pairs.counts())
        other.last_ns, other._last_event_id = self.last_ns, self._last_event_id
        return other

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events. Sets the context's `pairs`; without `callers` in it, calls are unknown."""
        concerned = int(np.count_nonzero(of_kinds(batch.kind, self._is_of_a_pair)))
        context.pairs = Paired(np.empty(0, np.int64), _NOTHING)
        if concerned:
            callers = None if context.callers is None else context.callers.call_ids
            context.pairs = Paired(*self.pairs.run(batch, callers, concerned))
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
            self._last_event_id = batch.first_event_id + len(batch) - 1
        return {}

    def at(self, time_ns: Ns) -> Array:
        """What has begun and not ended, in the order in which it began. Shape: (n,) of BEGUN_DTYPE."""
        require_not_before(time_ns, self.last_ns)
        return self.pairs.begun()

    def check(self) -> None:
        """Nothing is open twice, nor does it lie in the future."""
        begun = self.pairs.begun()["event_id"]
        if (begun[1:] == begun[:-1]).any():
            raise ScopeBug("an event has begun twice")
        if self._last_event_id and len(begun) and int(begun[-1]) > self._last_event_id:
            raise ScopeBug("something begins in the future")


def edges_of_pairs(batch: EventBatch, found: Paired, kinds: Mapping[int, KindRow]) -> list[tuple[str, Array, Array]]:
    """(word, causes, effects) of the pairs whose begin makes an end on another track possible."""
    ending, edges = batch.kind[found.rows], []
    elsewhere = batch.track_id[found.rows] != found.begun["track_id"]
    words: dict[str, list[int]] = {}
    for code, row in kinds.items():
        if row.ends is not None and row.ends.edge:
            words.setdefault(row.ends.edge, []).append(code)
    for word, codes in words.items():
        these = np.flatnonzero(elsewhere & mask_of(codes)[ending])
        if len(these):
            edges.append((word, found.begun["event_id"][these], batch.first_event_id + found.rows[these]))
    return edges
