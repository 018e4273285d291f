"""A metric is one row: a made-up one is sampled, stored, in frames, in SQL and in the strip, without another edit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from capture import clock
from capture.drain.probe import Look, ProcessProbe
from capture.events import metrics
from capture.events.metrics import METRICS, OS_STATE, Metric, places_told
from capture.session.session import Session
from capture.session.table_doc import tables_section
from capture.settings import CaptureSettings
from dags.frame.reader import frame_at
from scope_gui.recording.os_watch import OsWatch
from tests.scope_command import query, scope
from tests.synthetic import PaperTarget
from tests.targets import Launcher
from views.loop.state import Assigns, SessionRef
from views.metrics.view import MetricsView
from views.reading.source import Source


def first_descriptors(look: Look) -> int:
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{look.process.pid}/fd"))  # noqa: PTH208 - only their number


OPEN_FILES = Metric(
    name="open_files", title="Open files", unit="count", says="descriptors that the process holds",
    together="max", source=f"{__name__}:first_descriptors", least_top=16,
)  # fmt: skip


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(metrics, "METRICS", (*METRICS, OPEN_FILES))
    yield


ABOUT = {"session_id": "5e55105e55105e55", "command": "files.py", **CaptureSettings.checked(mode="observe").values}
WITH_FILES = """
import subprocess, sys
held = [open("/dev/null") for _ in range(int(sys.argv[1]))]
if len(sys.argv) > 2:
    child = subprocess.Popen([sys.executable, __file__, sys.argv[2]], stdin=subprocess.PIPE)
    child.wait()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("made_up")
def test_a_made_up_metric_is_everywhere(tmp_path: Path, target: Launcher, qapp: QApplication) -> None:
    (tmp_path / "files.py").write_text(WITH_FILES)
    program = target([sys.executable, tmp_path / "files.py", "40", "90"], ready="ready")
    paper = PaperTarget()
    paper.fact("session", start_mono_ns=clock.monotonic_ns(), start_real_ns=time.time_ns(), **ABOUT)
    watch = OsWatch(program.pid, 1, paper.fact, observe_threads=True)
    watch.begin(tier="observe", python="", clock_kind=clock.CLOCK_MONOTONIC)
    watch.look()
    watch.look()
    watch.end("ended")
    paper.fact("end", mono_ns=clock.monotonic_ns())
    path = tmp_path / "s.scope"
    paper.write(path / "journal")
    scope("recover", path)

    rows = query(
        path, "SELECT time_ns, process_id, value FROM metrics WHERE name = 'open_files' ORDER BY time_ns, value"
    )
    own, childs = (row["value"] for row in rows[-2:])
    assert 40 <= own < 60 and 90 <= childs < 110
    with Session.open(path) as session:
        seen_ns = rows[-1]["time_ns"]
        frame = frame_at(session, seen_ns)
        assert frame.metrics["open_files"] == childs
        assert sorted(value for name, value in frame.metrics.items() if name.startswith("open_files.")) == [own, childs]
        view = MetricsView(lambda _: None, Source(session))
        whole = (0, session.end_ns)
        ref = SessionRef(key=1, path="s", name="s")
        shown = Assigns(session=ref, range_ns=whole, visible_ns=whole, cursor_ns=seen_ns)
        view.patch(shown, MetricsView.reads)
        view.wait_until_loaded()
        view.resize(800, 200)
        [place] = [at for at, line in enumerate(view.lines()) if line.name == "open_files"]
        told = view.told_at(QPointF(5, (place + 0.5) * view.height() / len(view.lines())))
        assert told.startswith(f"Open files: {childs:.0f} at")
        assert "descriptors that the process holds\nSampled from outside, the most" in told
        view.close()
        view.shut()


def test_every_metric_is_sampled_of_a_process_that_is_only_watched() -> None:
    sample = ProcessProbe(os.getpid()).sample(with_state=True)
    assert sample is not None
    assert set(sample.values) == {metric.name for metric in METRICS}
    less = ProcessProbe(os.getpid()).sample(with_children=False)
    assert less is not None
    assert {*sample.values} - {*less.values} == {"children", OS_STATE}


def test_what_a_stored_number_stands_for_is_in_the_format() -> None:
    assert places_told() == "`os_state`: 0 waiting, 1 running, 2 stopped"
    assert f"What was measured; {places_told()}." in tables_section()


def test_names_are_told_apart_and_say_their_unit() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert metric.unit == "count" or metric.name.endswith(f"_{metric.unit}")
        assert metric.title and metric.says and metric.source
        assert metric.together == "none" or not metric.places
