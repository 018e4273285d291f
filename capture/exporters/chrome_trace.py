"""A session as Chrome trace JSON: a complete event for each call, a begin for one that is open, counters for metrics.

Each event is on a line of its own. Functions are called as VizTracer calls them, `Store.put (/srv/shop.py:12)`.

Rate: a Python loop over calls, 300 000 a second; memory: one segment.
Source: "Trace Event Format", docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from capture.events.definitions import SiteRow
from capture.events.kinds import KINDS, Depth
from capture.events.track_kinds import HEADS
from capture.session.session import Session

ROWS_AT_ONCE = 65_536
_NO_SYSTEM_ID = 1 << 31  # above all that the system gives
_LEFT_OUT = ("states", "edges", "waits")


def write(session: Session, file: IO[bytes]) -> list[str]:
    """Writes all of it; tells what such a file does not hold. Raises: OSError of the file."""
    names = _Names(session)
    file.write(b'{"displayTimeUnit":"ns","otherData":{"writer":"Scope"},"traceEvents":[\n')
    first = True
    for lines in (names.lines(), *(_segment(session, index, names) for index in session.with_rows)):
        for piece in _pieces(lines):
            file.write(piece if first else b",\n" + piece)
            first = False
    file.write(b"\n]}\n")
    held = Counter({entry.table: 0 for segment in session.segments for entry in segment.files})
    for segment in session.segments:
        for entry in segment.files:
            held[entry.table] += entry.rows
    left_out = [f"{held[table]} rows of {table}" for table in _LEFT_OUT if held[table]]
    return [*left_out, "the calls that are open now"] if session.live else left_out


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    """Some thousands of lines at once."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == ROWS_AT_ONCE:
            yield ",\n".join(held).encode()
            held.clear()
    if held:
        yield ",\n".join(held).encode()


class _Names:
    """What stands for a track or a function in each line."""

    def __init__(self, session: Session) -> None:
        self._processes, self._tracks = session.processes(), session.tracks()
        pids = Counter(row.pid for row in self._processes)
        self.pid = {
            row.process_id: row.pid if row.pid > 0 and pids[row.pid] == 1 else _NO_SYSTEM_ID + row.process_id
            for row in self._processes
        }
        tids = Counter((row.process_id, row.os_id) for row in self._tracks if row.kind not in HEADS)
        self.place: dict[int, str] = {}
        for row in self._tracks:
            pid, tid = self.pid.get(row.process_id, _NO_SYSTEM_ID), row.os_id
            if row.kind in HEADS:
                tid = 0
            elif tid is None or tid <= 0 or tids[row.process_id, tid] > 1:  # the system gives a number again
                tid = _NO_SYSTEM_ID + row.track_id
            self.place[row.track_id] = f'"pid":{pid},"tid":{tid}'
        self.sites = {row.site_id: _json(_function(row)) for row in session.sites()}

    def lines(self) -> Iterator[str]:
        """The names of processes and threads."""
        for process in self._processes:
            yield _name("process_name", f'"pid":{self.pid[process.process_id]},"tid":0', process.name)
        for track in self._tracks:
            if track.kind not in HEADS:
                yield _name("thread_name", self.place[track.track_id], track.name or f"track {track.track_id}")


def _name(what: str, place: str, name: str) -> str:
    return f'{{"ph":"M",{place},"name":"{what}","args":{{"name":{_json(name)}}}}}'


def _function(row: SiteRow) -> str:
    return f"{row.function} ({row.file}:{row.line})" if row.file else row.function


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _us(ns: int) -> str:
    """Microseconds, to the nanosecond.

    >>> _us(1_234_567), _us(5), _us(-1500)
    ('1234.567', '0.005', '-1.500')
    """
    return f"{'-' * (ns < 0)}{abs(ns) // 1000}.{abs(ns) % 1000:03d}"


def _segment(session: Session, index: int, names: _Names) -> Iterator[str]:
    yield from _calls(session, index, names)
    yield from _instants(session, index, names)
    for row in _rows(session, index, "metrics", ("time_ns", "process_id", "name", "value")):
        if None not in row and isfinite(row[3]) and row[1] in names.pid:
            time_ns, process, name, value = row
            yield (
                f'{{"ph":"C","pid":{names.pid[process]},"tid":0,"ts":{_us(time_ns)},"name":{_json(name)},'
                f'"args":{{"value":{value}}}}}'
            )
    for start_ns, end_ns, track, reason in _rows(session, index, "gaps", ("start_ns", "end_ns", "track_id", "reason")):
        if start_ns is not None and track in names.place:
            length_ns = 0 if end_ns is None else end_ns - start_ns
            yield (
                f'{{"ph":"X","cat":"gap",{names.place[track]},"ts":{_us(start_ns)},"dur":{_us(length_ns)},'
                f'"name":{_json(f"events are missing: {reason}")}}}'
            )


def _calls(session: Session, index: int, names: _Names) -> Iterator[str]:
    columns = ("call_id", "start_ns", "end_ns", "track_id", "site_id", "outcome", "arguments", "result")
    for call_id, start_ns, end_ns, track, site, outcome, *values in _rows(session, index, "calls", columns):
        place, name = names.place.get(track), names.sites.get(site, '"?"')
        if place is None or start_ns is None:
            continue
        said = f'"name":{name},"cat":"call",{place},"ts":{_us(start_ns)}'
        said += f',"args":{{"call_id":{call_id},"outcome":"{outcome}"'
        known = zip(columns[-2:], values, strict=True)
        said += "".join(f',"{what}":{_json(text)}' for what, text in known if text is not None) + "}"
        if end_ns is None:
            yield f'{{"ph":"B",{said}}}'
        else:
            yield f'{{"ph":"X","dur":{_us(end_ns - start_ns)},{said}}}'


def _instants(session: Session, index: int, names: _Names) -> Iterator[str]:
    """What was raised; what a call ended with is said by the call."""
    told = [kind.word for kind in KINDS if kind.row.group == "exception" and kind.row.depth is Depth.STAYS]
    if not any(session.manifest.kinds.get(word) for word in told):
        return
    table = session.segment_table(index, "events", ("time_ns", "kind", "track_id", "value"))
    chosen = pc.is_in(table["kind"].cast(pa.string()), value_set=pa.array(told, pa.string()))
    for time_ns, kind, track, value in _in_pieces(table.filter(chosen)):
        if track in names.place and time_ns is not None:
            name = _json(f"{kind} {value or ''}".rstrip())
            yield f'{{"ph":"i","s":"t","cat":"exception",{names.place[track]},"ts":{_us(time_ns)},"name":{name}}}'


def _rows(session: Session, index: int, table: str, columns: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
    """The rows of a table of a segment."""
    if session.segments[index].file(table) is None:
        return ()
    return _in_pieces(session.segment_table(index, table, columns))


def _in_pieces(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows, some thousands in memory at once."""
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
