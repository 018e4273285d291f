"""What looking costs: the real window on a display of its own, driven with keys; and buildings of 10 000 rooms.

The display has no graphics card: pictures are painted by the processor, OpenGL is llvmpipe. That is the floor, not what
a desktop gives. What "painted" means is said in `window_driver`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.measure import median, percentile
from tests.bench.report import Row
from tests.bench.session_rows import recorded_session
from tests.interpreters import ROOT
from tests.virtual_display import XVFB_IS_HERE, virtual_display

GLANCES = 5
LIMIT_S = 300
_TITLES = {"none": "without the building", "painted": "building painted", "drawn": "building in OpenGL"}


def real_window(folder: Path) -> list[Row]:
    """All rows about the window, on the session of ten million calls."""
    if not XVFB_IS_HERE:
        return [Row("the window", "not measured", "", "", True, note="Xvfb is missing")]
    session = recorded_session(folder)
    with virtual_display() as display:
        environment = {**os.environ, **display, "XDG_CONFIG_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
        has_gl = _has_gl(environment)
        buildings = ["none", "painted", *(["drawn"] if has_gl else [])]
        rows = [_open_row(session, environment, buildings[-1])]
        for building in buildings:
            rows += _scrub_rows(_driven(environment, building, "scrub", session), building)
        rows += _rooms_rows(environment, has_gl=has_gl)
    if not has_gl:
        rows.append(Row("the building in OpenGL", "not measured", "", "", True, note="no OpenGL 3.3 on this display"))
    return rows


def _open_row(session: Path, environment: dict[str, str], building: str) -> Row:
    seen = [_driven(environment, building, "glance", session) for _ in range(GLANCES)]
    runs, spent = ([one[what]["open"][0] / 1000 for one in seen] for what in ("taken", "spent"))
    return Row(
        "open 20 M events to first painted window",
        f"{median(runs):.2f} s",
        "<= 1 s",
        "22 s (Perfetto UI)",
        median(runs) <= 1,
        note=f"from process start; slowest of {GLANCES} {max(runs):.2f} s; processor time {median(spent):.2f} s",
    )


def _scrub_rows(seen: dict[str, Any], building: str) -> list[Row]:
    """The bars of the design are for steps; a jump into what nobody has read has none, and is shown all the same."""
    bar_ms = 16 if building == "none" else 50
    where = _TITLES[building]
    rows = []
    for what, bar in (("step, warm", bar_ms), ("step, cold", bar_ms), ("jump, cold", None), ("jump, complete", None)):
        taken = seen["taken"][what]
        p95 = percentile(taken, 0.95)
        rows.append(
            Row(
                f"{what}, to painted, p95, {where}",
                f"{p95:.1f} ms",
                f"<= {bar} ms" if bar else "none",
                "-",
                bar is None or p95 <= bar,
                note=f"median {median(taken):.1f} ms, worst of {len(taken)} {max(taken):.1f} ms,"
                f" processor time {median(seen['spent'][what]):.1f} ms",
            )
        )
    idle = seen["idle"]
    note = f"{seen['renderer']}, {os.cpu_count()} cores"
    rows.append(Row(f"idle window, {where}", f"{idle:.2%} of a core", "< 1 %", "-", idle < 0.01, note=note))
    return rows


def _rooms_rows(environment: dict[str, str], *, has_gl: bool) -> list[Row]:
    found = _json(["tests.bench.rooms_driver", *([] if has_gl else ["painted"])], environment)
    rows = []
    for how, taken in found.items():
        built, updates = taken["both"][0], taken["both"][1:]
        layout = median(taken["layout"][1:])
        is_the_bar = how == "drawn" or not has_gl
        rows += [
            Row(
                f"10 000 rooms built, {how}",
                f"{built:.0f} ms",
                "<= 500 ms",
                "-",
                built <= 500,
                note="layout and picture" + (", and the engine" if how == "drawn" else ""),
            ),
            Row(
                f"10 000 rooms updated, {how}",
                f"{median(updates):.1f} ms",
                "<= 16 ms" if is_the_bar else "none",
                "-",
                not is_the_bar or median(updates) <= 16,
                note=f"layout {layout:.1f} ms of it; p95 {percentile(updates, 0.95):.1f} ms",
            ),
        ]
    return rows


def _has_gl(environment: dict[str, str]) -> bool:
    probe = [sys.executable, "-m", "views.building.gl_probe"]
    return subprocess.run(probe, cwd=ROOT, env=environment, capture_output=True, check=False).returncode == 0


def _driven(environment: dict[str, str], building: str, story: str, session: Path) -> dict[str, Any]:
    own = environment if building == "drawn" else {**environment, "SCOPE_3D": "off"}
    return _json(["tests.bench.window_driver", str(time.monotonic_ns()), building, story, str(session)], own)


def _json(module: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a program of ours prints; anything it says on stderr (Qt's warnings too) is a failure."""
    command = [sys.executable, "-m", *module]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode or done.stderr:
        raise AssertionError(f"{module[0]} failed with {done.returncode}: {done.stderr[-2000:]}")
    return msgspec.json.decode(done.stdout, type=dict[str, Any])
