"""What a picture costs: `scope-gui export` of one moment, from the start of the process to the file."""

from __future__ import annotations

from pathlib import Path

from tests.bench.measure import SCOPE, median, run
from tests.bench.report import Row
from tests.bench.session_rows import recorded_session

MOMENTS = (13, 37, 50, 62, 87)
MAX_S = 1.0


def one_moment(folder: Path) -> list[Row]:
    """The whole window and single views at 1600x900, on the session of ten million calls."""
    session = recorded_session(folder)
    _seconds(session, folder, "window", 50)  # what is read for the first time is kept with the session
    return [_row(session, folder, view) for view in ("window", "timeline", "building")]


def _row(session: Path, folder: Path, view: str) -> Row:
    taken = [_seconds(session, folder, view, at) for at in MOMENTS]
    name = f"export a frame, {view}, 20 M events"
    return Row(name, f"{median(taken):.2f} s", "<= 1 s", "-", median(taken) <= MAX_S, note=f"worst {max(taken):.2f} s")


def _seconds(session: Path, folder: Path, view: str, at: int) -> float:
    words = ["export", session, "--at", f"{at}%", "--view", view, "-o", folder / "picture.png"]
    return run([*SCOPE, *words]).seconds
