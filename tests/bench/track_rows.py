"""What a frame of a program of ten thousand threads costs whoever asks for those in sight."""

from __future__ import annotations

import random
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np

from capture.events.batch import EventBatch, make_batch
from capture.events.definitions import ProcessRow, SiteRow, TrackRow
from capture.events.kinds import Kind
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.correlate.sealing import SessionWriter
from dags.frame.reader import FrameReader
from tests.bench.measure import median, percentile
from tests.bench.report import Row

TRACKS, IN_SIGHT, DEPTH = 10_000, 50, 4
EVENTS, SEGMENTS, EVERY_NS = 1_000_000, 8, 1_000
LOOKS, STEPS = 100, 200


def many_tracks(folder: Path) -> list[Row]:
    """A frame anywhere by a reader that has nothing in memory of it, and steps to the event after and before."""
    path = folder / "ten-thousand-threads.scope"
    _build(path)
    choose = random.Random(7)
    with Session.open(path) as session:
        times = [choose.randrange(session.start_ns, session.end_ns) for _ in range(LOOKS)]
        middle_ns = session.segments[SEGMENTS // 2].start_ns + EVENTS // SEGMENTS // 2 * EVERY_NS
    sight = range(TRACKS // 2, TRACKS // 2 + IN_SIGHT)
    cold, whole = _frames(path, times, sight, cache=1), _frames(path, times, None, cache=1)
    on = _frames(path, [middle_ns + n * EVERY_NS for n in range(STEPS)], sight)
    back = _frames(path, [middle_ns - n * EVERY_NS for n in range(STEPS)], sight)
    return [
        _row(
            "frame of 10 000 tracks, 50 in sight, cold, p95", cold, 16, f"all tracks: {percentile(whole, 0.95):.1f} ms"
        ),
        _row("the same, one event on, p95", on, 0.7),
        _row("the same, one event back, p95", back, 0.7),
    ]


def _row(name: str, took_ms: list[float], bar_ms: float, more: str = "") -> Row:
    p95_ms = percentile(took_ms, 0.95)
    note = ", ".join(part for part in (f"median {median(took_ms):.2f} ms", more) if part)
    return Row(name, f"{p95_ms:.2f} ms", f"<= {bar_ms} ms", "-", p95_ms <= bar_ms, note=note)


def _frames(path: Path, times_ns: list[int], tracks: Collection[int] | None, cache: int = 8) -> list[float]:
    """Milliseconds of each but the first."""
    with Session.open(path) as session:
        reader, took_ms = FrameReader(session, cache_segments=cache), []
        for time_ns in times_ns:
            began = time.perf_counter()
            reader.at(time_ns, tracks=tracks)
            took_ms.append((time.perf_counter() - began) * 1000)
    return took_ms[1:]


def _build(path: Path) -> None:
    about = {"session_id": "7ead57ead57ead57", "created_real_ns": 1, "target": "server.py", "python": "3.13.0"}
    store = SegmentStore.create(path, about, sync=False)
    store._may_merge = False
    tracks = [TrackRow(track_id=1, process_id=1, kind="process", name="server.py", start_ns=0)]
    tracks += [TrackRow(track_id=n, process_id=1, name=f"w{n}", os_id=n, start_ns=0) for n in range(2, TRACKS + 2)]
    sites = [SiteRow(site_id=n, function=f"f{n}", module="m", file="/m.py", line=n) for n in range(1, DEPTH + 1)]
    store.write_defs([ProcessRow(process_id=1, pid=7, python="3.13.0", start_ns=0)], tracks, sites)
    batch, writer = _events(), SessionWriter(store)
    cuts = [EVENTS * part // SEGMENTS for part in range(SEGMENTS + 1)]
    for part in range(SEGMENTS):
        writer.write(batch.slice(cuts[part], cuts[part + 1]), tracks, is_last=part == SEGMENTS - 1)
    store.set_counts(EVENTS, EVENTS, 0)
    store.finish()


def _events() -> EventBatch:
    """Calls of any thread: each goes to its depth, and then leaves and enters the innermost function."""
    track = np.random.default_rng(1).integers(2, TRACKS + 2, EVENTS).astype(np.int32)
    order = np.argsort(track, kind="stable")
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(track[order])) + 1])
    number = np.empty(EVENTS, np.int64)
    number[order] = np.arange(EVENTS) - np.repeat(firsts, np.diff([*firsts, EVENTS]))
    leaves = (number >= DEPTH) & ((number - DEPTH) % 2 == 0)
    kind = np.where(leaves, Kind.RETURN, Kind.CALL).astype(np.uint8)
    site = np.minimum(number + 1, DEPTH).astype(np.int32)
    return make_batch(1, np.arange(1, EVENTS + 1, dtype=np.int64) * EVERY_NS, kind, track, site_id=site)
