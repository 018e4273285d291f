"""Journal to segments: decode, correlate, seal. A process of its own, at a lower priority than the recorder.

It may lag behind a burst; it never loses anything, because the journal is deleted only behind a durable commit.
Each commit carries the point to resume from, so whatever is committed is consistent and `recover` goes on from
there with the same code.

`python -m scope_gui.recording.sealer SESSION FD` follows a growing journal until its end block; FD is a descriptor of
the session's folder, with the lock that recorder and sealer hold together. While there is no end block the pools hold
more than the journal, so it dies with its recorder, at once: whoever recovers the session waits for the lock. With the
end block it has all there is, and finishes whatever becomes of the recorder.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import signal
import sys
import time
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from capture import flags
from capture.capabilities import capabilities
from capture.changes import modes_of
from capture.decode import resume
from capture.decode.decoder import Decoder
from capture.decode.site_lines import SiteLines
from capture.drain.blocks import Block, BlockType, JournalPosition
from capture.drain.journal import JournalReader, delete_before, journal_files
from capture.errors import FormatError, ResumeLost, ScopeError, SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import GapRow, MetricRow
from capture.events.kinds import KIND_CODES, KIND_NAMES
from capture.flags import MODES, USER_CLASSES
from capture.folder_names import JOURNAL
from capture.losses import with_loss
from capture.own_folder import OwnFolder, remove_folder
from capture.session.format import MANIFEST, MANIFEST_COPY, About, Counts, clipped
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.shown_text import one_line
from capture.typed import converted, from_json, from_msgpack
from dags.base import Rows
from dags.correlate.correlator import Correlator
from dags.correlate.sealing import SessionWriter
from scope_gui.logs import log
from scope_gui.recording.flight import Flight, Saved, Triggered
from scope_gui.reused_memory import give_back_unused, reuse_memory

SEGMENT_EVENTS = 262_144
TEXT_BYTES_AN_EVENT = 8
READ_BYTES = 16 << 20
KEPT_BYTES = 256 << 20
"""Of freed memory, as long as it has more to seal: what it takes to seal READ_BYTES."""
SEAL_INTERVAL_S = 0.15
IDLE_WAIT_S = 0.03
CALL_MODES = tuple(mode.name for mode in MODES if "c" in mode.features)
STATE_MODES = tuple(mode.name for mode in MODES if "g" in mode.features)
USED_IN = {"--state": STATE_MODES, "--lines": CALL_MODES}
REFUSED: dict[int, str] = {
    BlockType.OLD_RECORDS: "records-refused",
    BlockType.RECORDS: "records-refused",
    BlockType.DEFS: "definitions-refused",
}
_log = logging.getLogger(__name__)
_PDEATHSIG = 1  # of linux/prctl.h
MOST_JUDGED = 64  # as many patterns as the recorder keeps a bit for


class ResumePoint(msgspec.Struct, frozen=True):
    """Where decoding and correlating stand, as of a commit; `metrics` are read but lie after its end.

    `is_last`: all is sealed, with the calls that never ended, which must not be sealed once more.
    """

    decoder: bytes
    correlator: bytes
    metrics: list[MetricRow]
    is_last: bool = False


class Sealer:
    """One session's way from journal to segments."""

    def __init__(self, folder: OwnFolder, store: SegmentStore, decoder: Decoder, correlator: Correlator) -> None:
        mark = store.head.journal
        self.decoder = decoder
        self._most_waiting = 0
        self._journal_path = folder.here / JOURNAL
        self._journal = folder.inside(JOURNAL)
        self._store = store
        self._folder = folder
        self.saved: list[Saved] = []  # by a flight recorder, since somebody has looked
        self._flight = Flight.of(store, decoder.catalog)
        self._writer = SessionWriter(store, correlator, self._watch)
        self._reader = JournalReader(self._journal_path, (mark.file_no, mark.offset))
        self._read_from: deque[tuple[int, JournalPosition]] = deque()
        self._batches: list[EventBatch] = []
        self._metrics: list[MetricRow] = []
        self._gaps: list[GapRow] = []
        self._has_sealed_all = False

    @classmethod
    def start(cls, folder: OwnFolder, *, reads_back: bool = False) -> Sealer:
        """A sealer for a new session, described by the first facts of its journal. `folder` has the session's lock.

        Raises: SessionProblem when the journal says nothing about the session.
        """
        about = _about(folder)
        store = SegmentStore.create(folder, about, reads_back=reads_back)
        return cls(folder, store, Decoder(derive_names=True), Correlator())

    @classmethod
    def resumed(cls, folder: OwnFolder) -> Sealer:
        """A sealer that goes on from the last commit of a session whose recorder died. `folder` has its lock.

        Raises: ResumeLost when only what is sealed is left, see `finish_sealed`; SessionProblem, FormatError.
        """
        path = folder.path
        if not folder.has(MANIFEST) and not folder.has(MANIFEST_COPY):
            return cls.start(folder, reads_back=True)
        store = SegmentStore.reopen(folder)
        with Session.open(path) as session:
            names = (session.processes(), session.tracks(), session.sites(), session.state_keys())
            site_lines = SiteLines(session.site_lines())
        data = store.resume_bytes()
        try:
            point = None if data is None else from_msgpack(data, ResumePoint)
            decoder = resume.resumed(point.decoder, *names, derive_names=True) if point else Decoder(derive_names=True)
            correlator = Correlator.from_keyframe(point.correlator) if point else Correlator()
        except resume.OtherVersion:
            store.close()
            raise
        except (msgspec.DecodeError, FormatError):  # its checksum is right, and yet it was not written by a sealer
            point, decoder, correlator = None, Decoder(derive_names=True), Correlator()
        if point is None and store.segments:
            store.close()
            raise ResumeLost(f"{path} has lost its resume point; what is sealed can still be opened.")
        sealer = cls(folder, store, decoder, correlator)
        if point is None:
            return sealer
        decoder.catalog.unseen, decoder.catalog.overhead = list(store.head.unseen), store.head.overhead
        decoder.catalog.losses, decoder.catalog.changes = list(store.head.losses), list(store.head.changes)
        decoder.catalog.site_lines = site_lines
        sealer._metrics = point.metrics
        sealer._has_sealed_all = point.is_last
        if sealer._flight is not None:
            totals = decoder.totals()
            counts = Counts(totals.produced, totals.recorded, totals.dropped)
            sealer._flight.resumed(counts, decoder.kinds.copy())
        return sealer

    @property
    def position(self) -> JournalPosition:
        """How far the journal has been read."""
        return self._reader.position

    def turn(self) -> bool:
        """Reads what the journal has, seals and commits it; True when there may be more at once."""
        first = self._reader.position
        blocks = self._reader.read(READ_BYTES)
        if blocks:
            self._read_from.append((blocks[0].block_no, first))
        for block in blocks:
            self._feed(block)
        for problem in self._reader.take_problems():
            place = problem.file_no << 40 | problem.offset
            if problem.lost_bytes:
                self.decoder.note_loss("journal-damaged", "", count=problem.lost_bytes, at=place)
            else:
                self.decoder.note_loss("journal-missing", "", count=max(1, problem.lost_blocks), at=place)
        if not self.decoder.has_ended:  # else what is left goes out in one piece: `finish` knows that nothing follows
            self._take(everything=False)
            self._seal(final=False)
            self._keep_flight()
        return len(blocks) > 0 and sum(len(block.payload) for block in blocks) >= READ_BYTES // 2

    def finish(self, state: Literal["complete", "recovered"]) -> None:
        """Seals what is left, with the calls that are still open, and closes the session."""
        if not self._has_sealed_all:
            while self.turn():
                pass
            if state == "complete":  # else what was matched before the recorder was killed is not known
                self._judge_patterns()
            else:
                self._judge_pools()
            self._take(everything=True)
            self._seal(final=True)
        if self._flight is not None and state == "complete":
            self._keep_flight(is_last=True)
            self.close()
            self._folder.clear()
            remove_folder(self._folder.path)
            return
        self._store.finish(state, read_again=state == "recovered")
        self._reader.close()
        delete_before(self._journal, sys.maxsize)

    def _keep_flight(self, *, is_last: bool = False) -> None:
        """Saves and forgets, where this is a flight recorder."""
        triggers = self.decoder.take_triggers()
        if self._flight is not None:
            for time_ns, reason in triggers:
                self._flight.pull(Triggered(time_ns, reason))
            self.saved += self._flight.turn(self._writer.correlator, is_last=is_last)

    def _watch(self, batch: EventBatch, rows: Rows) -> None:
        if self._flight is not None:
            self._flight.watch(batch, rows)

    def _judge_patterns(self) -> None:
        """Says of patterns that did nothing why, and which have left nothing to record: they may be mistyped."""
        about, catalog = self._store.head.about, self.decoder.catalog
        modes = {about.mode, *modes_of(catalog.changes)}
        recorded = [target for target in catalog.targets.values() if target.row.tier == "python"]
        lines = about.flags.get("lines", [])
        given = {"--include": about.include, "--exclude": about.exclude, "--state": about.state}
        given["--lines"] = lines if isinstance(lines, list) else []
        for change in catalog.changes:
            for flag, patterns in given.items():
                later = change.flags.get(flag.removeprefix("--"), [])
                given[flag] = list(dict.fromkeys([*patterns, *(later if isinstance(later, list) else [])]))
        for flag, patterns in given.items():
            is_used = not modes.isdisjoint(USED_IN.get(flag, (*CALL_MODES, *STATE_MODES)))
            for pattern in patterns[:MOST_JUDGED]:
                if flag == "--state" and pattern == USER_CLASSES:  # nobody has typed it, and a program may have none
                    continue
                if not is_used:
                    for target in list(catalog.targets.values())[:1]:
                        catalog.note_unseen(target, "pattern-unused", f"{flag} {pattern}")
                elif flag == "--lines" and self._lines_are_unknown():
                    continue
                elif recorded and not any(f"{flag} {pattern}" in target.matched for target in recorded):
                    catalog.note_unseen(recorded[0], "pattern-unmatched", f"{flag} {pattern}")
        nothing = not (catalog.state_keys if modes.isdisjoint(CALL_MODES) else catalog.sites)
        if recorded and nothing and not modes.isdisjoint((*CALL_MODES, *STATE_MODES)):
            for pattern in given["--exclude"][:MOST_JUDGED]:
                if any(f"--exclude {pattern}" in target.matched for target in recorded):
                    catalog.note_unseen(recorded[0], "all-left-out", f"--exclude {pattern}")

    def _lines_are_unknown(self) -> bool:
        """Whether it is said already that the interpreters of this recording tell no lines."""
        return any(row.code == "steps-unknown" for row in self.decoder.catalog.unseen)

    def _judge_pools(self) -> None:
        """Says of each recorded program whose books were never closed that its memory was not there any more."""
        damaged = {row.detail for row in self.decoder.catalog.losses if row.code == "pool-damaged"}
        for target in self.decoder.catalog.targets.values():
            row = target.row
            told = any(detail.startswith(f"{target.serial}: ") for detail in damaged)
            if row.tier == "python" and not target.has_counters and not told:
                self.decoder.note_loss("pool-gone", f"{row.name or 'a program'} (process {row.pid})")

    def close(self) -> None:
        """Lets go of the session; the next run resumes from the last commit."""
        self._store.close()
        self._reader.close()

    def percent(self) -> int:
        """How much has been sealed of what waited when this was first asked."""
        position = self._reader.position
        files = journal_files(self._journal_path)
        waiting = sum(file.stat().st_size for number, file in files.items() if number >= position.file_no)
        waiting -= position.offset
        self._most_waiting = max(self._most_waiting, waiting)
        return 100 - 100 * waiting // self._most_waiting if self._most_waiting else 100

    def _feed(self, block: Block) -> None:
        try:
            self.decoder.feed(block)
        except FormatError as error:
            code = REFUSED.get(block.type, "facts-refused")
            self.decoder.note_loss(code, error.message, at=block.block_no)

    def _take(self, *, everything: bool) -> None:
        batch = self.decoder.take(everything)
        if batch is not None:
            self._batches.append(batch)
        self._metrics += self.decoder.take_metrics()
        self._gaps += self.decoder.take_gaps()

    def _seal(self, *, final: bool) -> None:
        if not (self._batches or self._metrics or self._gaps or final):
            return
        end_ns = self.decoder.settle()
        pieces = [piece for batch in self._batches for piece in even_pieces(batch)]
        self._batches.clear()
        for piece in pieces[:-1]:
            self._seal_one(piece, None, final=False)
        last = pieces[-1] if pieces else EventBatch.empty(self._store.next_event_id)
        self._seal_one(last, end_ns, final=final)
        self._has_sealed_all = final
        self._commit()

    def _seal_one(self, batch: EventBatch, end_ns: int | None, *, final: bool) -> None:
        facts: dict[str, Any] = {}
        dropped = 0
        if end_ns is not None:  # the last piece of this turn carries what has no event of its own
            metrics = [row for row in self._metrics if final or row.time_ns <= end_ns]
            self._metrics = self._metrics[len(metrics) :]
            facts |= {"metrics": metrics, "gaps": self._gaps}
            dropped = sum(gap.dropped for gap in self._gaps)
            self._gaps = []
        start_ns = self._store.end_ns
        until_ns = max(start_ns, int(batch.time_ns[-1]) if len(batch) else 0, end_ns or 0)
        facts["waits"] = self.decoder.take_waits(start_ns, until_ns, final=final)
        catalog = self.decoder.catalog
        self._writer.write(batch, catalog.tracks, catalog.state_keys, facts=facts, end_ns=end_ns, is_last=final)
        if self._flight is not None:
            self._flight.note_dropped(dropped)

    def _commit(self) -> None:
        catalog, totals = self.decoder.catalog, self.decoder.totals()
        names = (catalog.processes, catalog.tracks, catalog.sites, catalog.state_keys)
        self._store.write_defs(*names, catalog.site_lines.rows)
        newer = {word: count for word, count in self._store.head.kinds.items() if word not in KIND_CODES}
        gone, gone_of = Counts(), np.zeros(256, np.int64)
        if self._flight is not None:
            gone, gone_of = self._flight.forgotten, self._flight.forgotten_kinds
        here = {kind: count - int(gone_of[kind]) for kind, count in totals.kinds.items()}
        kinds = {KIND_NAMES[kind]: count for kind, count in here.items() if kind in KIND_NAMES and count} | newer
        books = (totals.produced - gone.produced, totals.recorded - gone.recorded, totals.dropped - gone.dropped)
        self._store.set_counts(*books, totals.late, kinds)
        self._store.set_unseen(catalog.unseen)
        self._store.set_overhead(catalog.overhead)
        self._store.set_losses(catalog.losses)
        self._store.set_changes(catalog.changes)
        if catalog.processes:
            main = catalog.processes[0]
            recorded = next(
                (row for row in catalog.processes if row.tier == "python"), main
            )  # of `sh -c`: what it runs
            about = self._store.head.about
            sees = capabilities(
                [about.mode, *modes_of(catalog.changes)],
                recorded.tier,
                waits=self.decoder.sees_waits,
                lines=bool(catalog.site_lines.rows),
            )
            target, python = clipped(main.name), clipped(recorded.python or "")
            if (about.target, about.python, about.capabilities) != (target, python, sees):
                self._store.set_about(target=target, python=python, capabilities=sees)
        point = ResumePoint(
            resume.resume_point(self.decoder), self._writer.correlator.keyframe(), self._metrics, self._has_sealed_all
        )
        self._store.set_resume(msgspec.msgpack.encode(point), self._position_of(self.decoder.oldest_block))
        self._store.commit()
        delete_before(self._journal, self._store.durable_journal.file_no)

    def _position_of(self, block_no: int) -> JournalPosition:
        """Where to read again to get that block; the read that brought it began there."""
        while len(self._read_from) > 1 and self._read_from[1][0] <= block_no:
            self._read_from.popleft()
        if not self._read_from or block_no >= self.decoder.next_block:
            return self._reader.position
        return self._read_from[0][1]


def finish_sealed(folder: OwnFolder, code: str) -> None:
    """Finishes a session that cannot be continued with what is sealed, and says why. Raises: SessionProblem."""
    store = SegmentStore.reopen(folder)
    store.set_losses(with_loss(store.head.losses, code, "", store.end_ns))
    store.finish("recovered", read_again=True)


def even_pieces(batch: EventBatch) -> list[EventBatch]:
    """The batch in equal pieces of at most a segment: no small rest that would have to be merged again.

    What its texts say makes them smaller, as it does segments that are merged (`capture.session.compaction`).
    """
    count = -(-(len(batch) + batch.values.text_bytes // TEXT_BYTES_AN_EVENT) // SEGMENT_EVENTS)
    bounds = [len(batch) * i // count for i in range(count + 1)]
    return [batch.slice(start, stop) for start, stop in pairwise(bounds)]


def _about(folder: OwnFolder) -> dict[str, Any]:
    """The session's description, out of the first fact of its journal."""
    reader, path = JournalReader(folder.here / JOURNAL), folder.path
    try:
        for block in reader.read(1 << 20):
            if block.type == BlockType.FACTS:
                fact = from_json(bytes(block.payload), dict[str, Any])
                if fact.get("fact") == "session":
                    return {
                        "session_id": fact["session_id"],
                        "created_real_ns": fact["start_real_ns"],
                        "start_mono_ns": fact["start_mono_ns"],
                        "command": [clipped(converted(fact["command"], str))],
                        **_about_flags(fact),
                    }
    except (msgspec.DecodeError, KeyError) as error:
        raise FormatError(f"The journal of {path} does not begin as a session's does: {error}.") from error
    finally:
        reader.close()
    raise SessionProblem(f"{path} is not a recording: its journal is empty.")


def _about_flags(fact: dict[str, Any]) -> dict[str, Any]:
    """The capture flags of a session's first fact, as the description of the session has them."""
    told = {flag.name: fact[flag.name] for flag in flags.FLAGS if flag.name in fact}
    own = {name: value for name, value in told.items() if name in About.__struct_fields__}
    return {**own, "flags": {name: value for name, value in told.items() if name not in own}}


def main() -> int:
    """Follows the journal of one session to its end."""
    _die_with_recorder(signal.SIGKILL)  # one that has died before has closed our stdin
    reuse_memory(KEPT_BYTES)
    folder = OwnFolder.adopt(int(sys.argv[2]), Path(sys.argv[1]))
    asked_to_end = is_behind = False
    try:
        sealer = Sealer.start(folder)
        while not sealer.decoder.has_ended:
            began = time.monotonic()
            position = sealer.position
            more = sealer.turn()
            _tell_saved(sealer)
            if is_behind and not more:
                give_back_unused()
            is_behind = more
            if asked_to_end:
                _tell(percent=sealer.percent())
                if sealer.position == position and not sealer.decoder.has_ended:  # the end was journaled before
                    raise SessionProblem(f"The journal of {folder.path} was deleted or cut off while it was sealed.")
            spent_s = time.monotonic() - began
            # Big states make big keyframes; a quarter of a core is the most that keeping up with nothing may cost.
            wait_s = 0.0 if more or asked_to_end else max(IDLE_WAIT_S, SEAL_INTERVAL_S - spent_s, 3 * spent_s)
            readable, _, _ = select.select([sys.stdin], [], [], wait_s)
            if readable:
                if not os.read(sys.stdin.fileno(), 64):
                    sealer.close()
                    return 1
                asked_to_end = True
        _die_with_recorder(0)
        sealer.finish("complete")
        _tell_saved(sealer)
    except ScopeError as problem:
        _log.warning("%s", one_line(str(problem)))
        _tell(trouble=str(problem))
        return 1
    except Exception as error:
        log.failed(error)
        return 1
    return 0


def _die_with_recorder(number: int) -> None:
    """The signal that we get when our recorder dies: in a turn, which may take seconds, nobody looks at stdin."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, number)


def _tell_saved(sealer: Sealer) -> None:
    saved, sealer.saved = sealer.saved, []
    for path, (_, reason) in saved:
        _tell(saved=str(path), reason=reason)


def _tell(**message: object) -> None:
    """One line for the recorder, where it still is; past `sys.stdout`, which complains at the end of what it kept."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, msgspec.json.encode(message) + b"\n")


if __name__ == "__main__":
    log.begin_log("sealer")
    sys.exit(main())
