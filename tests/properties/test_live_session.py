"""A session that is being written shows a consistent prefix to everyone, whenever its writer is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session

EVENTS_EACH = 37
pytestmark = pytest.mark.soak
ROUNDS = 8
DEADLINE_S = 30.0

# Event number n happens at time 10 n on track n % 5 + 1, and call number n ends with it.
WRITER = f"""
import sys
from pathlib import Path
import numpy as np
from capture.session import folder
from capture.events.batch import make_batch
from capture.session.segment_store import SegmentStore
folder.GRACE_NS = int(sys.argv[2])
path = Path(sys.argv[1])
about = {{"session_id": "0" * 16, "created_real_ns": 1}}
store = SegmentStore.reopen(path) if path.exists() else SegmentStore.create(path, about)
print("ready", flush=True)
while True:
    first = store.next_event_id
    ids = np.arange(first, first + {EVENTS_EACH})
    tracks = (ids % 5 + 1).astype(np.int32)
    calls = {{"call_id": ids, "start_ns": ids * 10 - 5, "end_ns": ids * 10, "track_id": tracks, "depth": ids % 3,
             "site_id": tracks, "parent_call_id": ids - 1, "outcome": np.zeros(len(ids), np.uint8)}}
    batch = make_batch(first, ids * 10, np.full(len(ids), 4, np.uint8), tracks)
    store.seal(batch, {{"calls": calls}}, b"before %d" % first, int(ids[-1]) * 10)
    store.set_counts(int(ids[-1]), int(ids[-1]), 0)
    store.set_resume(b"after %d" % ids[-1], (1, int(ids[-1])))
    store.commit()
"""


def start_writer(path: Path, grace_ns: int) -> subprocess.Popen[str]:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path, str(grace_ns)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def kill(writer: subprocess.Popen[str]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert writer.stdout is not None
    writer.stdout.close()


def check_prefix(session: Session) -> int:
    """How many events it shows, after a look at all of them."""
    ids = [np.arange(0)]
    for index, segment in enumerate(session.segments):
        batch = session.events(index)
        assert len(batch) == segment.events, session.problems
        ids.append(batch.time_ns // 10)
        assert session.calls(index)["call_id"].to_pylist() == (batch.time_ns // 10).tolist()
    shown = np.concatenate(ids)
    assert (shown == np.arange(1, len(shown) + 1)).all()
    assert session.problems == []
    return len(shown)


@pytest.mark.parametrize("grace_ns", [0, 10**10])
def test_a_reader_beside_the_writer_sees_a_prefix_at_every_instant(tmp_path: Path, grace_ns: int) -> None:
    writer = start_writer(tmp_path / "a.scope", grace_ns)
    try:
        deadline = time.monotonic() + DEADLINE_S
        seen, asked = [0], 0
        with Session.open(tmp_path / "a.scope") as session:
            while len(set(seen)) < 12 and time.monotonic() < deadline:
                session.refresh()
                seen.append(check_prefix(session))
                count = query(session, "SELECT count(*) n, max(event_id) m FROM events").to_pylist()[0]
                assert count["n"] == (count["m"] or 0)
                asked += 1
        assert seen == sorted(seen)
        assert len(set(seen)) >= 12
        assert asked
    finally:
        kill(writer)


def test_a_writer_killed_at_any_moment_leaves_a_session_that_continues(tmp_path: Path) -> None:
    path, shown = tmp_path / "a.scope", 0
    for seed in range(ROUNDS):
        writer = start_writer(path, 10**10)
        time.sleep(random.Random(seed).uniform(0.0, 0.3))  # the moment of the kill, not a wait for anything
        kill(writer)
        with Session.open(path) as session:
            now = check_prefix(session)
            assert now >= shown
            assert session.live
            shown = now
        store = SegmentStore.reopen(path)
        assert store.next_event_id == shown + 1
        assert store.resume_bytes() == (b"after %d" % shown if shown else None)
        assert store.head.journal.offset == shown
        store.close()
