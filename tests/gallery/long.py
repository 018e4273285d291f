"""A session of ten million events made of paper: a service of twelve threads over an hour, busy and quiet in turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from capture.events.batch import make_batch
from capture.events.definitions import MetricRow, ProcessRow, TrackRow
from capture.events.kinds import KINDS, Kind
from capture.session.segment_store import SegmentStore
from dags.correlate.sealing import SessionWriter
from tests.gallery.crowd import FUNCTIONS, SECOND_NS, sites, within_a_second

THREADS, CALLS = 12, 5_000
APART_NS = 43 * SECOND_NS
ABOUT = {
    "session_id": "10110110110110aa",
    "created_real_ns": 1_790_000_000_000_000_000,
    "target": "warehouse",
    "python": "3.13.1",
}


def long_session(folder: Path, events: int = 10_000_000) -> Path:
    """At least that many events. Each stretch holds the same calls, of other functions and at another pace."""
    path = folder / "warehouse.scope"
    store = SegmentStore.create(path, ABOUT, sync=False)
    process = ProcessRow(process_id=1, pid=4100, name="warehouse", command="warehouse serve", python="3.13.1")
    tracks = [TrackRow(track_id=1, process_id=1, kind="process", name="warehouse", start_ns=0)]
    tracks += [
        TrackRow(track_id=n, process_id=1, name=f"picker-{n - 1}", os_id=4100 + n, start_ns=0)
        for n in range(2, THREADS + 2)
    ]
    store.write_defs([process], tracks, sites())
    random, writer = np.random.default_rng(11), SessionWriter(store)
    rows = [row for n in range(2, THREADS + 2) for row in within_a_second(random, n, CALLS, 0)]
    table = np.array(sorted(row for row in rows if row[1] != Kind.STATE), np.int64)
    stretches = -(-events // len(table))
    for at in range(stretches):
        pace, start_ns = 1 + at * 7 % 31, at * APART_NS
        batch = make_batch(
            store.next_event_id,
            start_ns + table[:, 0] * pace,
            table[:, 1].astype(np.uint8),
            table[:, 2].astype(np.int32),
            site_id=((table[:, 3] + at * 3) % FUNCTIONS + 1).astype(np.int32),
        )
        facts = {"metrics": _metrics(start_ns, int(batch.time_ns[-1]), pace)}
        writer.write(batch, tracks, facts=facts, is_last=at == stretches - 1)
    recorded = store.next_event_id - 1
    kinds = {kind.word: stretches * int(n) for kind in KINDS if (n := np.count_nonzero(table[:, 1] == kind))}
    store.set_counts(recorded, recorded, 0, 0, kinds)
    store.finish()
    return path


def _metrics(start_ns: int, end_ns: int, pace: int) -> list[MetricRow]:
    """A sample each second: the denser the calls are, the more CPU; memory grows with the session."""
    return [
        MetricRow(time_ns=time_ns, process_id=1, name=name, value=value)
        for time_ns in range(start_ns + SECOND_NS // 4, end_ns, SECOND_NS)
        for name, value in (("cpu_percent", 100.0 / pace), ("rss_bytes", 64e6 + time_ns / 1e5), ("threads", THREADS))
    ]
