"""A flight recorder: only the last part of the past is kept, and saved as a session of its own when a trigger says so.

The sealer keeps it. A session that is being recorded is a row of segments, each with the state of everything at its
first instant; a flight recorder gives up the oldest ones as time goes on. So what it keeps needs nothing of what it
has forgotten, its size is bounded on the disk and not only in memory, and whoever is killed, program or recorder, the
last part is there: after a recorder's end `scope-gui recover` makes a session of it.

A trigger is a fact that the recorder journals (somebody asked, a signal came, the program was killed) or is seen here
in the rows that are sealed (an exception, a slow call): nothing of it runs in the program. The one that comes while
another waits for its tail is saved with it. What has triggered does not do so again before the past that was saved is
forgotten, unless a person asks: a storm of exceptions is one session, not a full disk.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from capture import flags
from capture.changes import recorded_at
from capture.decode.catalog import Catalog
from capture.decode.record_bytes import counts_of
from capture.drain.ids import new_session_id
from capture.errors import SessionProblem
from capture.events.batch import EventBatch, Int64
from capture.events.kinds import KIND_NAMES
from capture.flight_words import EXCEPTION, SLOW, Kept, Trigger, kept_of, trigger_of
from capture.session.format import Counts
from capture.session.notes import Note, read_notes, write_notes
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.tables import TABLE
from dags.base import Rows
from dags.correlate.correlator import Correlator
from dags.exceptions.dag import RAISED
from views.words.figures import duration_text

PARTS = 8  # of the past that is kept: it is forgotten in pieces, each an eighth at most
LEAST_PART_NS = 10**9
COOL_NS = 30 * 10**9  # of one that keeps so many bytes
MOST_SAVED, MOST_PULLED = 100, 1000
AUTHOR = "flight recorder"
QUIET = frozenset(
    {"StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit", "KeyboardInterrupt", "CancelledError"}
)  # by which programs end what they do, and no sign of trouble


class Triggered(NamedTuple):
    """A trigger that has come."""

    time_ns: int
    reason: str


class Saved(NamedTuple):
    """A session that was made of the last part, and what for."""

    path: Path
    pulled: Triggered


class _Sealed(NamedTuple):
    """What a segment has come with, whatever it is merged into later."""

    first_event_id: int
    kinds: Int64
    dropped: int


class Flight:
    """The last part of one recording."""

    def __init__(self, store: SegmentStore, catalog: Catalog, kept: Kept, most_bytes: int = 0) -> None:
        """`most_bytes`: of the disk, besides what `kept` says; 0 for no limit."""
        self.forgotten = Counts()
        self.forgotten_kinds = np.zeros(256, np.int64)
        self._store, self._catalog, self._kept = store, catalog, kept
        self._most_bytes = min((size for size in (kept.bytes, most_bytes) if size), default=0)
        self._ledger: deque[_Sealed] = deque()
        self._pulled: list[Triggered] = []
        self._last_ns: dict[str, int] = {}  # when it came last, by what it is about
        self._saved = 0
        self._is_over = False
        self._next_no = 1
        self._functions: dict[Trigger, list[bool]] = {}  # by site id: whether it is about that
        if kept.ns:
            store.longest_ns = max(LEAST_PART_NS, kept.ns // PARTS)

    @classmethod
    def of(cls, store: SegmentStore, catalog: Catalog) -> Flight | None:
        """That of a recording whose description says so. Raises: WrongUsage when the words make no sense."""
        words = store.head.about.flags.get("flight")
        if not isinstance(words, str) or not words:
            return None
        most = store.head.about.flags.get("max_size")
        return cls(store, catalog, kept_of(words), most // 2 if isinstance(most, int) else 0)

    # -- what is sealed

    def watch(self, batch: EventBatch, rows: Rows) -> None:
        """Looks at what is about to be sealed: at tables of it, in a few steps each, whatever they hold."""
        self._ledger.append(_Sealed(batch.first_event_id, counts_of(batch.kind), 0))
        for trigger in self._triggers():
            if trigger.kind == EXCEPTION:
                found = self._raised(trigger, rows) if trigger.of else self._left(rows)
            elif trigger.kind == SLOW:
                found = self._slow(trigger, rows)
            else:
                continue
            for about, pulled in found:
                self.pull_once(about, pulled)

    def note_dropped(self, count: int) -> None:
        """Of the segment that was sealed last."""
        self._ledger[-1] = self._ledger[-1]._replace(dropped=self._ledger[-1].dropped + count)

    def pull(self, pulled: Triggered) -> None:
        """A trigger has come from outside."""
        if len(self._pulled) < MOST_PULLED:
            self._pulled.append(pulled)

    def resumed(self, produced: Counts, kinds: Int64) -> None:
        """The recorder was killed: all that is there is kept. `produced`, `kinds`: of the recording, as of the last
        commit.
        """
        head = self._store.head
        kept = head.kinds
        self.forgotten = Counts(
            produced.produced - head.counts.produced,
            produced.recorded - head.counts.recorded,
            produced.dropped - head.counts.dropped,
        )
        self.forgotten_kinds = kinds - np.array([kept.get(KIND_NAMES.get(kind, ""), 0) for kind in range(256)])
        self._is_over = True

    def turn(self, correlator: Correlator, *, is_last: bool = False) -> Iterator[Saved]:
        """Saves what has waited for its tail, after a commit; forgets what is older than what is kept.

        `is_last`: all is sealed, with what is open still. Raises: ScopeError when a session cannot be written.
        """
        if self._is_over:
            return
        if self._pulled and (is_last or self._store.end_ns >= self._pulled[0].time_ns + self._tail_ns):
            pulled, self._pulled = self._pulled, []
            if self._saved < MOST_SAVED:
                self._saved += 1
                yield Saved(self._save(pulled, correlator, is_last=is_last), pulled[0])
        self._forget()

    # -- triggers

    def _flags(self) -> Mapping[str, object]:
        return recorded_at(self._store.head.about.flags, self._catalog.changes, self._store.end_ns)[0]

    def _triggers(self) -> Iterator[Trigger]:
        said = self._flags().get("trigger")
        for text in said if isinstance(said, list) else ():
            yield trigger_of(text)

    @property
    def _tail_ns(self) -> int:
        said = self._flags().get("tail", flags.BY_NAME["tail"].default)
        return int(said) * 10**9 if isinstance(said, int) else 0

    def pull_once(self, about: str, pulled: Triggered) -> None:
        """A trigger has come that is about this; not again before what was saved for it would be forgotten."""
        last_ns = self._last_ns.get(about)
        if last_ns is None or pulled.time_ns - last_ns >= (self._kept.ns or COOL_NS):
            self._last_ns[about] = pulled.time_ns
            self.pull(pulled)

    def _raised(self, trigger: Trigger, rows: Rows) -> Iterator[tuple[str, Triggered]]:
        """The first of each type that it is about."""
        raised = rows.get("exceptions") or {}
        if len(raised.get("exception_id", ())):
            for name, at in _first_of_each(raised["type"]):
                if name and trigger.is_of_type(name):
                    yield (
                        f"{EXCEPTION}:{name}",
                        Triggered(int(raised["time_ns"][at]), _told(name, raised["message"][at])),
                    )

    def _left(self, rows: Rows) -> Iterator[tuple[str, Triggered]]:
        """The first of each type that has left the outermost recorded function of its thread."""
        calls = rows["calls"]
        left = np.flatnonzero((calls["outcome"] == RAISED) & (calls["parent_call_id"] == 0))
        raised = rows.get("exceptions") or {}
        ids = raised.get("exception_id", np.zeros(0, np.int64))
        if not len(left) or not len(ids):
            return
        by_call = calls.get("exception_id", np.zeros(len(calls["outcome"]), np.int64))[left]
        places = np.minimum(np.searchsorted(ids, by_call), len(ids) - 1)
        known = ids[places] == by_call
        for name, at in _first_of_each(raised["type"].take(pa.array(places[known]))):
            if name and name.rpartition(".")[2] not in QUIET:
                place, row = places[known][at], left[known][at]
                told = _told(name, raised["message"][int(place)])
                yield (
                    f"left:{name}",
                    Triggered(int(raised["time_ns"][place]), f"{told}, which left {self._name(calls, row)}"),
                )

    def _slow(self, trigger: Trigger, rows: Rows) -> Iterator[tuple[str, Triggered]]:
        """The first of each function that it is about."""
        calls = rows["calls"]
        lasted = calls["end_ns"] - calls["start_ns"]
        slow = np.flatnonzero(lasted > trigger.longer_ns)
        if not len(slow):
            return
        sites = calls["site_id"][slow]
        about = np.array(self._about(trigger), bool)
        meant = (sites > 0) & (sites < len(about)) & about[np.clip(sites, 0, len(about) - 1)]
        for site, at in zip(*np.unique(sites[meant], return_index=True), strict=True):
            row = slow[meant][at]
            took = duration_text(int(lasted[row]))
            yield f"{SLOW}:{site}", Triggered(int(calls["end_ns"][row]), f"{self._name(calls, row)} took {took}")

    def _about(self, trigger: Trigger) -> list[bool]:
        """By site id, as far as sites are known; each is looked at once."""
        known = self._functions.setdefault(trigger, [False])
        for site in self._catalog.sites[len(known) - 1 :]:
            known.append(trigger.is_of_function(site.module, site.function))
        return known

    def _name(self, calls: Mapping[str, Any], row: int) -> str:
        site = int(calls["site_id"][row])
        known = self._catalog.sites[site - 1] if 0 < site <= len(self._catalog.sites) else None
        return known.function if known is not None else "a function"

    # -- what is forgotten, and what is saved

    def _forget(self) -> None:
        segments = self._store.segments
        count = 0
        if self._kept.ns:
            now_ns = min([self._store.end_ns, *(pulled.time_ns for pulled in self._pulled[:1])])
            while count < len(segments) and segments[count].end_ns <= now_ns - self._kept.ns:
                count += 1
        if self._most_bytes:
            sizes = self._store.bytes_of(segments)
            total = sum(sizes[count:])
            while count < len(segments) and total > self._most_bytes:
                total -= sizes[count]
                count += 1
        count = min(count, len(segments) - 1)
        if count > 0:
            self._store.forget(count)
            while self._ledger and self._ledger[0].first_event_id < segments[0].first_event_id:
                self._note_forgotten(self._ledger.popleft())

    def _note_forgotten(self, one: _Sealed) -> None:
        events, before = int(one.kinds.sum()), self.forgotten
        self.forgotten = Counts(
            before.produced + events + one.dropped, before.recorded + events, before.dropped + one.dropped
        )
        self.forgotten_kinds += one.kinds

    def _save(self, pulled: Sequence[Triggered], correlator: Correlator, *, is_last: bool) -> Path:
        """Makes a session of what is kept of the past before the first of these, up to now."""
        since_ns = pulled[0].time_ns - self._kept.ns if self._kept.ns else self._store.head.start_ns
        starts = [segment.start_ns for segment in self._store.segments]
        first = max(0, int(np.searchsorted(starts, since_ns, side="right")) - 1)
        path = self._free_path()
        cut = self._store.cut(path, first)
        try:
            if not is_last:
                still = {
                    name: some for name, some in correlator.open_rows().items() if TABLE[name].open_rows != "whole"
                }
                cut.seal(EventBatch.empty(cut.next_event_id), still, correlator.keyframe())
            left_out = self._store.segments[first].first_event_id if self._store.segments else 0
            kept = [one for one in self._ledger if one.first_event_id >= left_out]
            kinds = sum((one.kinds for one in kept), np.zeros(256, np.int64))
            recorded, dropped = int(kinds.sum()), sum(one.dropped for one in kept)
            words = {KIND_NAMES[kind]: int(count) for kind, count in enumerate(kinds) if count and kind in KIND_NAMES}
            cut.set_counts(recorded + dropped, recorded, dropped, 0, words)
            cut.set_about(session_id=new_session_id())
            notes = [Note(time_ns=one.time_ns, text=one.reason, author=AUTHOR) for one in pulled]
            notes += self._notes_of_a_person(cut.head.start_ns)
            write_notes(path, notes, {"cursor_ns": pulled[0].time_ns})
            cut.finish("complete")
        finally:
            cut.close()
        return path

    def _notes_of_a_person(self, since_ns: int) -> list[Note]:
        """Those on moments that are kept."""
        with contextlib.suppress(SessionProblem), Session.open(self._store.path) as session:
            return [note for note in read_notes(session) if note.time_ns >= since_ns]
        return []

    def _free_path(self) -> Path:
        session = self._store.path
        while True:
            path = session.with_name(f"{session.stem}-{self._next_no}{session.suffix}")
            self._next_no += 1
            if not path.exists():
                return path


def _first_of_each(names: pa.Array) -> Iterator[tuple[str | None, int]]:
    """Each text once, and where it is first; a step for each text, of which there are few."""
    encoded = names.dictionary_encode() if not pa.types.is_dictionary(names.type) else names
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, at in zip(*np.unique(codes, return_index=True), strict=True):
        yield (encoded.dictionary[int(code)].as_py() if code >= 0 else None), int(at)


def _told(name: str, message: pa.Scalar) -> str:
    said = message.as_py()
    return f"{name}: {said}" if said else name
