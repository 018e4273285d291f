"""Chrome trace JSON as VizTracer, Perfetto and Chrome write it: complete events, begin and end, counters, names.

Each X, and each B with its E, is a call on the track of its process and thread. Where the intervals of a thread overlap
without one being inside the other, the later ends with the earlier. C is a metric. The rest is counted and told.

Rate: Python loops over events, 200 000 a second; memory: 40 bytes an event, and each name once.
Source: "Trace Event Format", docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from capture.drain.ids import new_session_id
from capture.errors import SessionProblem
from capture.events.batch import EventBatch, Int64, make_batch
from capture.events.definitions import MetricRow, ProcessRow, SiteRow, TrackRow
from capture.events.kinds import Kind
from capture.importers.imported import BATCH_EVENTS, Imported
from capture.importers.json_stream import JsonStream
from capture.names import readable
from capture.session.format import About, clipped
from capture.unseen import UnseenRow, with_detail

MOST_CALLS = 200_000_000
MOST_TRACKS = 1 << 20
MOST_METRICS = 10_000_000
MOST_NAME = 4_096
MOST_US = 1 << 51  # microseconds: what doubles count exactly by quarters, 71 years
OPEN_NS = 1 << 62
_VIZTRACER = re.compile(r"(?s)(.+) \((.+):([0-9]{1,9})\)")
_LEFT_OUT = {
    "i": "instants", "I": "instants", "n": "instants", "s": "arrows", "t": "arrows", "f": "arrows",
    "b": "asynchronous events", "e": "asynchronous events", "S": "asynchronous events", "T": "asynchronous events",
    "F": "asynchronous events", "N": "objects", "O": "objects", "D": "objects", "P": "samples", "R": "marks",
    "c": "clock marks", "v": "memory dumps", "V": "memory dumps", "(": "contexts", ")": "contexts",
}  # fmt: skip


def sniff(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{"):
        return b'"traceEvents"' in head or b'"ph"' in head
    return start.startswith(b"[") and re.match(rb'\[\s*(\{[^{}]*"ph"|\]|$)', start) is not None


def read(path: Path) -> Imported:
    """The recording in a trace.

    Raises: SessionProblem with a sentence when it is none, or larger than what fits into memory here.
    """
    stream, trace = JsonStream(path), _Trace(path)
    try:
        if stream.starts_list():
            trace.take_all(stream)
        else:
            for key in stream.names():
                if key == "traceEvents" and stream.starts_list():
                    trace.take_all(stream)
                    continue
                value = stream.value()
                if key == "viztracer_metadata" and isinstance(value, dict):
                    trace.viztracer = value
        return trace.imported(is_cut=stream.is_cut)
    finally:
        stream.close()


@dataclass
class _Thread:
    """One track: the intervals in the order of the file, and what has begun and not ended."""

    track_id: int
    process_id: int
    start_us: array[float] = field(default_factory=lambda: array("d"))
    end_us: array[float] = field(default_factory=lambda: array("d"))
    site: array[int] = field(default_factory=lambda: array("i"))
    begun: list[tuple[float, int]] = field(default_factory=list)


class _Trace:
    """What has been read."""

    def __init__(self, path: Path) -> None:
        self.viztracer: dict[str, Any] = {}
        self._path, self._left_out, self._calls = path, Counter[str](), 0
        self._processes: dict[Any, ProcessRow] = {}
        self._threads: dict[tuple[Any, Any], _Thread] = {}
        self._tracks: list[TrackRow] = []
        self._names: dict[tuple[str, str], int] = {}
        self._sites: list[SiteRow] = []
        self._metrics: list[tuple[float, int, str, float]] = []

    def take_all(self, stream: JsonStream) -> None:
        """Every event of the list."""
        for event in stream.items():
            if isinstance(event, dict):
                self._take(event)
            else:
                self._left_out["values that are no events"] += 1

    def _take(self, event: dict[str, Any]) -> None:
        what = event.get("ph")
        if what == "M":
            self._name(event)
            return
        at_us = _number(event.get("ts"))
        if what not in ("X", "B", "E", "C"):
            known = _LEFT_OUT.get(what, "") if isinstance(what, str) else ""
            self._left_out[known or "events of an unknown kind"] += 1
        elif at_us is None:
            self._left_out["events without a time"] += 1
        elif what == "C":
            self._count(event, at_us)
        else:
            self._take_call(what, event, at_us)

    def _take_call(self, what: str, event: dict[str, Any], at_us: float) -> None:
        thread = self._thread(event)
        if event.get("args"):
            self._left_out["arguments of calls"] += what != "E"
        if what == "B":
            thread.begun.append((at_us, self._site(event)))
        elif what == "X":
            length_us = _number(event.get("dur", 0))
            if length_us is None or length_us < 0:
                self._left_out["events without a length"] += 1
            else:
                self._add(thread, at_us, at_us + length_us, self._site(event))
        elif not thread.begun or thread.begun[-1][0] > at_us:
            self._left_out["ends without a begin"] += 1
        else:
            start_us, site = thread.begun.pop()
            self._add(thread, start_us, at_us, site)

    def _add(self, thread: _Thread, start_us: float, end_us: float, site: int) -> None:
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise SessionProblem(f"{self._path} has more than {MOST_CALLS} calls, which is more than is read at once.")
        thread.start_us.append(start_us)
        thread.end_us.append(end_us)
        thread.site.append(site)

    def _count(self, event: dict[str, Any], at_us: float) -> None:
        """A counter: a metric for each of its series."""
        args, process = event.get("args"), self._process(event.get("pid"))
        series: dict[Any, Any] = args if isinstance(args, dict) else {}
        for name, value in series.items():
            figure = _number(value)
            if figure is None or len(self._metrics) >= MOST_METRICS:
                self._left_out["figures of counters"] += 1
                continue
            title = _text(event.get("name"))
            shown = title if len(series) == 1 and name in ("value", title) else f"{title}.{_text(name)}"
            self._metrics.append((at_us, process.process_id, shown, figure))

    def _name(self, event: dict[str, Any]) -> None:
        """A name for a process or a thread; other remarks order them on a screen and say nothing of the program."""
        args = event.get("args")
        name = _text(args.get("name")) if isinstance(args, dict) else ""
        if event.get("name") == "process_name":
            self._process(event.get("pid")).name = name
        elif event.get("name") == "thread_name":
            self._tracks[self._thread(event).track_id - 1].name = name

    def _process(self, pid: Any) -> ProcessRow:
        key = _key(pid)
        found = self._processes.get(key)
        if found is None:
            number, system_id = len(self._processes) + 1, _system_id(key)
            name = "" if system_id else _text(key)
            found = ProcessRow(process_id=number, pid=system_id or 0, name=name, start_ns=0)
            self._processes[key] = found
            self._track(TrackRow(track_id=0, process_id=number, kind="process", name=name, start_ns=0))
        return found

    def _thread(self, event: dict[str, Any]) -> _Thread:
        pid, tid = event.get("pid"), event.get("tid")
        key = (_key(pid), _key(tid))
        found = self._threads.get(key)
        if found is None:
            process, system_id = self._process(pid), _system_id(key[1])
            row = TrackRow(track_id=0, process_id=process.process_id, os_id=system_id, start_ns=0)
            row.name = "" if system_id else _text(key[1])
            found = self._threads[key] = _Thread(self._track(row), process.process_id)
        return found

    def _track(self, row: TrackRow) -> int:
        if len(self._tracks) + 1 >= MOST_TRACKS:
            raise SessionProblem(f"{self._path} has more than {MOST_TRACKS} threads and processes.")
        row.track_id = len(self._tracks) + 1
        self._tracks.append(row)
        return row.track_id

    def _site(self, event: dict[str, Any]) -> int:
        name, category = event.get("name"), event.get("cat")
        key = (name if isinstance(name, str) else "", category if isinstance(category, str) else "")
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = len(self._sites) + 1
            self._sites.append(_site_row(found, *key))
        return found

    def imported(self, *, is_cut: bool) -> Imported:
        """All of it as a session's parts. Raises: SessionProblem when there is nothing in it."""
        begun = [at for thread in self._threads.values() for at, _ in thread.begun]
        if not (self._calls or begun or self._metrics):
            raise SessionProblem(f"{self._path} is a trace without a call or a figure: there is nothing to show.")
        firsts = [min(thread.start_us) for thread in self._threads.values() if thread.start_us]
        zero_us = min([*firsts, *begun, *(at for at, *_ in self._metrics)])
        columns, cut = self._events(zero_us)
        metrics = [
            MetricRow(time_ns=round((at - zero_us) * 1000), process_id=process, name=name, value=value)
            for at, process, name, value in sorted(self._metrics, key=lambda row: row[0])
        ]
        times = columns[0]
        last_ns = max([int(times[-1]) if len(times) else 0, *(row.time_ns for row in metrics[-1:])])
        version = self.viztracer.get("version")
        writer = clipped(f"VizTracer {_text(version)}" if version else "a Chrome trace")
        about = About(
            session_id=new_session_id(),
            created_real_ns=0,
            target=clipped(next((row.name for row in self._processes.values() if row.name), self._path.name)),
            command=[clipped(readable(self._path.name))],
            mode="performance",
            capabilities=["calls"] if len(times) else ["metrics"],
            writer=writer,
        )
        return Imported(
            about=about,
            processes=list(self._processes.values()),
            tracks=self._tracks,
            sites=self._sites,
            batches=_batches(*columns),
            events=len(times),
            end_ns=last_ns,
            metrics=metrics,
            unseen=self._unseen(cut, is_cut=is_cut),
        )

    def _events(self, zero_us: float) -> tuple[tuple[Int64, Any, Any, Any], int]:
        """(time, kind, track, site) of all events in order, and how many calls were cut to fit into their callers."""
        parts, cut = [], 0
        for thread in self._threads.values():
            for start_us, site in thread.begun:
                thread.start_us.append(start_us)
                thread.end_us.append(math.inf)
                thread.site.append(site)
            times, kinds, sites, odd = _nested(thread, zero_us)
            parts.append((times, kinds, np.full(len(times), thread.track_id, np.int32), sites))
            cut += odd
            del thread.start_us[:], thread.end_us[:], thread.site[:]
        if not parts:
            empty = np.empty(0, np.int64)
            return (empty, empty.astype(np.uint8), empty.astype(np.int32), empty.astype(np.int32)), 0
        times, kinds, tracks, sites = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(times, kind="stable")  # so that those of a track keep their order
        return (times[order], kinds[order], tracks[order], sites[order]), cut

    def _unseen(self, cut: int, *, is_cut: bool) -> list[UnseenRow]:
        rows: list[UnseenRow] = []
        process = 1 if self._processes else 0
        if self._calls:
            rows = with_detail(rows, process, "import-outcomes", "")
        for what, count in sorted(self._left_out.items()):
            rows = with_detail(rows, process, "import-left-out", f"{count} {what}")
        if cut:
            rows = with_detail(rows, process, "import-overlap", str(cut))
        if self.viztracer.get("overflow"):
            rows = with_detail(rows, process, "import-overflow", "")
        return with_detail(rows, process, "import-cut", "") if is_cut else rows


def _nested(thread: _Thread, zero_us: float) -> tuple[Int64, Any, Any, int]:
    """(times, kinds, sites) of a track's calls and returns in order, and how many calls were cut.

    Of intervals that begin together the longest is the caller; of equal ones the one that the file has last, as
    whatever writes an interval when it ends does. One that begins when another ends comes after it.
    """
    starts = np.rint((np.frombuffer(thread.start_us, np.float64) - zero_us) * 1000).astype(np.int64)
    lasting = np.frombuffer(thread.end_us, np.float64)
    is_open = ~np.isfinite(lasting)
    ends = np.where(is_open, OPEN_NS, np.rint((np.where(is_open, zero_us, lasting) - zero_us) * 1000)).astype(np.int64)
    order = np.lexsort((-np.arange(len(starts)), -ends, starts))
    times, kinds, sites, cut = array("q"), array("B"), array("i"), 0
    stack: list[tuple[int, int]] = []
    call, leave = int(Kind.CALL), int(Kind.RETURN)
    for start, end, site in zip(
        starts[order].tolist(), ends[order].tolist(), np.array(thread.site)[order].tolist(), strict=True
    ):
        while stack and stack[-1][0] <= start:
            left_ns, left = stack.pop()
            times.append(left_ns)
            kinds.append(leave)
            sites.append(left)
        if stack and end > stack[-1][0]:
            cut += end != OPEN_NS
            end = stack[-1][0]  # noqa: PLW2901
        times.append(start)
        kinds.append(call)
        sites.append(site)
        stack.append((end, site))
    for left_ns, left in reversed(stack):
        if left_ns != OPEN_NS:
            times.append(left_ns)
            kinds.append(leave)
            sites.append(left)
    return (np.array(times, np.int64), np.array(kinds, np.uint8), np.array(sites, np.int32), cut)


def _batches(times: Int64, kinds: Any, tracks: Any, sites: Any) -> Iterator[EventBatch]:
    for first in range(0, len(times), BATCH_EVENTS):
        piece = slice(first, first + BATCH_EVENTS)
        yield make_batch(first + 1, times[piece], kinds[piece], tracks[piece], site_id=sites[piece])


def _site_row(site_id: int, name: str, category: str) -> SiteRow:
    """A function: VizTracer's `Store.put (/srv/shop.py:12)`, else the name as it is, in a module that is its category.

    >>> _site_row(1, "Store.put (/srv/shop.py:12)", "fee")
    SiteRow(site_id=1, function='Store.put', module='', file='/srv/shop.py', line=12)
    >>> _site_row(2, "dict.get", "fee")
    SiteRow(site_id=2, function='dict.get', module='fee', file='', line=0)
    """
    placed = _VIZTRACER.fullmatch(name[: 2 * MOST_NAME])
    if placed:
        function, file, line = placed.groups()
        return SiteRow(site_id=site_id, function=_text(function), module="", file=_text(file), line=int(line))
    return SiteRow(site_id=site_id, function=_text(name), module=_text(category), file="", line=0)


def _text(value: object) -> str:
    """A text as it can be stored; what is too long ends in a mark."""
    text = readable(value) if isinstance(value, str) else "" if value is None else readable(str(value)[:MOST_NAME])
    return text if len(text) <= MOST_NAME else f"{text[: MOST_NAME - 1]}…"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -MOST_US < value < MOST_US else None


def _key(value: object) -> int | str:
    """What tells processes and threads apart; true is not the number 1."""
    return value if type(value) is int or isinstance(value, str) else ""


def _system_id(value: object) -> int | None:
    """What the system calls a process or a thread; None for what is only a name."""
    return value if type(value) is int and 0 < value < 1 << 31 else None
