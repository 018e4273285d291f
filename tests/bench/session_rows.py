"""What reading costs: correlate, open to the first frame, a frame at any instant, and the memory for it."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.correlate.sealing import SessionWriter
from dags.frame.reader import FrameReader
from tests.bench import programs
from tests.bench.measure import SCOPE, median, percentile, run
from tests.bench.report import Row

LOOKS = 200
COPIES = 5


def large_session(folder: Path) -> list[Row]:
    """All rows about sessions of 20 M and 100 M events; the small one is recorded, the large one is five of it."""
    small = recorded_session(folder)
    large = folder / "hundred-million.scope"
    events, seconds = _repeat(small, large, COPIES)
    rate = events / seconds / 1e6
    rows = [
        Row("correlate and seal, one core", f"{rate:.1f} M events/s", ">= 3 M/s", "Palanteer claims 5 M/s", rate >= 3)
    ]
    for path, name in ((small, "20 M"), (large, f"{events / 1e6:.0f} M")):
        rows += _open_rows(path, name)
    rows += _frame_rows(large, f"{events / 1e6:.0f} M")
    return rows


def recorded_session(folder: Path) -> Path:
    """The session of ten million calls, twenty million events; recorded once per run, whoever asks first."""
    path = folder / "ten-million.scope"
    if not path.exists():
        program = folder / "mixed.py"
        program.write_text(programs.MIXED)
        run([*SCOPE, "run", "--no-window", "-o", path, "--", sys.executable, program, 10_000_000])
    return path


def _open_rows(path: Path, name: str) -> list[Row]:
    runs = [
        run([*SCOPE, "frame", path, "--at", f"{at}%", "--json"], counts=lambda process: True) for at in (13, 50, 87)
    ]
    seconds, peak = median(r.seconds for r in runs), max(r.peak_bytes for r in runs)
    return [
        Row(
            f"open {name} events to first frame", f"{seconds:.2f} s", "<= 1 s", "22 s (Perfetto UI, 20 M)", seconds <= 1
        ),
        Row(
            f"memory to open {name} events",
            f"{peak / (1 << 20):.0f} MiB",
            "<= 500 MiB",
            "file x 2-4",
            peak <= 500 << 20,
        ),
    ]


def _frame_rows(path: Path, name: str) -> list[Row]:
    with Session.open(path) as session:
        choose = random.Random(7)
        times = [choose.randrange(session.start_ns, session.end_ns) for _ in range(LOOKS)]
        cold_reader = FrameReader(session, cache_segments=1)
        cold_reader.at(times[0])
        cold = [_timed(cold_reader, at) for at in times]
        segment = session.segments[len(session.segments) // 2]
        warm_reader = FrameReader(session)
        near = [choose.randrange(segment.start_ns, segment.end_ns) for _ in range(LOOKS)]
        for at in near[:20]:
            warm_reader.at(at)
        warm = [_timed(warm_reader, at) for at in near]
    return [
        Row(
            f"frame_at, {name} events, cold, p95",
            f"{percentile(cold, 0.95):.1f} ms",
            "<= 16 ms",
            "-",
            percentile(cold, 0.95) <= 16,
            note=f"median {median(cold):.1f} ms",
        ),
        Row(
            f"frame_at, {name} events, warm, p95",
            f"{percentile(warm, 0.95):.2f} ms",
            "<= 2 ms",
            "-",
            percentile(warm, 0.95) <= 2,
            note=f"median {median(warm):.2f} ms",
        ),
    ]


def _timed(reader: FrameReader, at: int) -> float:
    began = time.perf_counter()
    reader.at(at)
    return (time.perf_counter() - began) * 1000


def _repeat(source: Path, target: Path, copies: int) -> tuple[int, float]:
    """Writes the source's events several times in a row through the correlator and the store.

    Units: events written; seconds of one core spent on correlating and sealing (not on reading the source).
    """
    spent = 0.0
    with Session.open(source) as session:
        tracks, keys = session.tracks(), session.state_keys()
        store = SegmentStore.create(target, session.manifest.about, sync=False)
        store.write_defs(session.processes(), tracks, session.sites(), keys)
        writer = SessionWriter(store)
        for copy in range(copies):
            for index in range(len(session.segments)):
                batch = session.events(index)
                if not len(batch):
                    continue
                shifted = replace(
                    batch,
                    first_event_id=store.next_event_id,
                    time_ns=batch.time_ns + copy * (session.end_ns - session.start_ns),
                )
                began = time.process_time()
                writer.write(shifted, tracks, keys)
                spent += time.process_time() - began
            store.commit()
        events = store.next_event_id - 1
        store.set_counts(events, events, 0)
        store.finish()
    return events, spent
