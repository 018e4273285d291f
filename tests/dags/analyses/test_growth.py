"""What grew: the line through the samples, as numpy fits it to all of them at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses import growth as module
from dags.analyses.growth import Growth, growth
from dags.correlate.sealing import SessionWriter
from tests.scope_command import run_recorded
from tests.streams import Event, batch_of

SECOND = 10**9


def with_metrics(path: Path, series: dict[str, list[tuple[int, float]]], segments: int = 3) -> Path:
    """A session in which a process had these figures."""
    store = SegmentStore.create(path, {"session_id": "0" * 16, "created_real_ns": 0}, sync=False)
    store._may_merge = False
    rows = sorted(
        (
            {"time_ns": at, "process_id": 1, "name": name, "value": value}
            for name, some in series.items()
            for at, value in some
        ),
        key=lambda row: row["time_ns"],  # type: ignore[arg-type, return-value]
    )
    writer, end_ns = SessionWriter(store), 0
    for number, part in enumerate(np.array_split(np.array(rows, object), segments), 1):
        end_ns = part[-1]["time_ns"]
        writer.write(batch_of([Event(end_ns, 1, 1, 1)], number), facts={"metrics": list(part)}, end_ns=end_ns)
    store.commit()
    store.close()
    return path


def named(found: list[Growth]) -> dict[str, Growth]:
    return {one.name: one for one in found}


def test_the_line_is_that_of_all_samples_however_they_lie_in_segments(tmp_path: Path) -> None:
    dice = np.random.default_rng(3)
    times = np.sort(dice.integers(0, 90 * SECOND, 200))
    leak = 1e9 + 500_000 * times / SECOND + dice.normal(0, 3e6, 200)
    noise = dice.normal(50, 10, 200)
    series: dict[str, list[tuple[int, float]]] = {
        "rss_bytes": list(zip(times.tolist(), leak.tolist(), strict=True)),
        "cpu_percent": list(zip(times.tolist(), noise.tolist(), strict=True)),
        "threads": [(int(at), 4.0) for at in times],
        "os_state": [(int(at), float(at % 3)) for at in times],
        "children": [(0, 1.0), (5, 2.0)],
    }
    with Session.open(with_metrics(tmp_path / "s.scope", series)) as session:
        found = growth(session)
        slope, _ = np.polyfit(times / 60e9, leak, 1)
        steadiness = np.corrcoef(times, leak)[0, 1] ** 2
        late = times > 30 * SECOND
        half = named(growth(session, (30 * SECOND, 90 * SECOND)))["rss_bytes"]
    assert found[0].name == "rss_bytes"
    assert named(found).keys() == {"rss_bytes", "cpu_percent", "threads"}, "no states of a process, nor two samples"
    one = named(found)["rss_bytes"]
    assert one.per_minute == pytest.approx(slope, rel=1e-6)
    assert one.steadiness == pytest.approx(steadiness, rel=1e-6)
    assert (one.samples, one.first, one.last) == (200, leak[0], leak[-1])
    assert (one.lowest, one.highest) == (leak.min(), leak.max())
    assert named(found)["threads"].share == 0
    assert named(found)["cpu_percent"].steadiness < 0.1
    assert half.per_minute == pytest.approx(np.polyfit(times[late] / 60e9, leak[late], 1)[0], rel=1e-6)


PROGRAM = """
import time

class Store:
    def __init__(self):
        self.n, self.left, self.word, self.big = 0, 1.0, "", 10 ** 30

    def put(self):
        self.n += 3
        self.left *= 0.9
        self.word = str(self.n)
        self.big = -self.big

store = Store()
for _ in range(50):
    store.put()
    time.sleep(0.002)
"""


def test_watched_numbers_are_found_and_texts_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    run_recorded(tmp_path / "s.scope", [sys.executable, tmp_path / "program.py"], "--state", "__main__.Store")
    with Session.open(tmp_path / "s.scope") as session:
        found = {one.name: one for one in growth(session) if one.kind == "value"}
        seen: list[Any] = []
        growth(session, reads_on=lambda: seen.append(1))
        assert seen
        monkeypatch.setattr(module, "MOST_SERIES", 1)
        assert len([one for one in growth(session) if one.kind == "value"]) <= 1
    grown, shrunk = found["__main__.Store.n"], found["__main__.Store.left"]
    assert (grown.samples, grown.first, grown.last, grown.highest) == (51, 0, 150, 150)
    assert grown.per_minute > 0 > shrunk.per_minute
    assert grown.steadiness > 0.9
    assert "__main__.Store.word" not in found
