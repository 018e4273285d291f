"""Opening and closing again and again leaves nothing behind: no thread, file, widget, timer, engine, memory, nor pool.

Once in one window, whose sessions come and go, and once with whole applications that come and go; painted and drawn.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec
import pytest

from tests.conftest import in_soak_only
from tests.interpreters import ROOT
from tests.sessions import build_session
from tests.virtual_display import XVFB_IS_HERE, virtual_display

WARM_UP = 2  # rounds in which modules are imported, fonts read, shaders compiled, thread pools filled
SLACK_BYTES = 6 << 20
BYTES_PER_ROUND = 50 << 10
SLACK = 4  # of anything: a list of names read, a wrapper made when a thing is first looked at
COUNTED = (
    *("threads", "files", "widgets", "objects", "timers", "wrappers", "pictures"),
    *("shared memory", "files left"),
)


@pytest.fixture
def environment(building: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A display, with the building painted or drawn with OpenGL."""
    if not XVFB_IS_HERE:
        pytest.skip("Xvfb is missing: no display for a real window")
    with virtual_display() as display:
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        own = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        own |= {"TMPDIR": str(temporary), "HOME": str(tmp_path)}
        whole = {**os.environ, **display, **own}
        if building == "painted":
            whole["SCOPE_3D"] = "off"
        else:
            probe = [sys.executable, "-m", "views.building.gl_probe"]
            if subprocess.run(probe, cwd=ROOT, env=whole, capture_output=True, timeout=60, check=False).returncode:
                pytest.skip("OpenGL 3.3 is missing on this display")
        yield whole


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("story", "short", "building"),
    [
        ("sessions", 5, "painted"),
        ("windows", 4, "drawn"),  # the engine comes and goes with a window
        pytest.param("sessions", 5, "drawn", marks=in_soak_only),
        pytest.param("windows", 4, "painted", marks=in_soak_only),
    ],
)
def test_a_hundred_openings_and_closings_leave_nothing_behind(
    story: str, short: int, environment: dict[str, str], tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    small = build_session(tmp_path / "small.scope", events=800, tracks=3).path
    other = build_session(tmp_path / "other.scope", events=1_500, tracks=5, segments=4).path
    count = rounds(short, 100)
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.closing_story", story, str(count), str(small), str(other)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")  # nor a word from Qt
    seen = msgspec.json.decode(done.stdout, type=list[dict[str, int]])
    assert len(seen) == count
    warm, last = seen[WARM_UP], seen[-1]
    assert {name: last[name] for name in COUNTED if last[name] > warm[name] + SLACK} == {}
    later = [one["rss_bytes"] for one in seen[WARM_UP:]]
    part = max(len(later) // 4, 1)
    assert median(later[-part:]) - median(later[:part]) <= SLACK_BYTES + BYTES_PER_ROUND * len(later)
