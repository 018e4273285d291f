"""Builds and updates a building of 10 000 rooms, painted and drawn, and prints how long each takes.

`python -m tests.bench.rooms_driver`, on a display. One JSON document on stdout: milliseconds by name.

Built: from a frame and the recent calls to the first picture of the rooms, with nothing there before. Updated: from the
next frame and its recent calls, with other heights and colours, to its picture. Both in layout and picture; the picture
is 1000 x 600, about the middle of a window of 1600 x 900.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import msgspec
import numpy as np
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from capture.events.definitions import SiteRow
from dags.analyses.recent_calls import BINS, RecentCalls
from dags.frame_parts import Frame, FrameConfidence, FrameMemory, FrameProcess, FrameTrack
from views.building.layout import House, house
from views.building.projection import Camera, Projection, projection
from views.building.room_painter import Picture
from views.building.scene_painted import paint_rooms
from views.building.scene_qt3d import Qt3DPictures
from views.building.state import BuildingState
from views.building.steady import Memory
from views.drawing.theme import colours

FLOORS, SITES = 40, 250
UPDATES = 60
WIDTH, HEIGHT = 1000, 600
SECOND_NS = 1_000_000_000


def frame(at: int) -> Frame:
    """A process with FLOORS threads."""
    tracks = [
        FrameTrack(
            track_id=n,
            process_id=1,
            kind="thread",
            name=f"worker-{n}",
            status="running",
            waiting_on=None,
            stack=[],
            confidence="exact",
        )
        for n in range(1, FLOORS + 1)
    ]
    process = FrameProcess(
        process_id=1, pid=1, name="busy", status="running", cpu_percent=None, rss_bytes=None, heat=0.5
    )
    return Frame(
        time_ns=SECOND_NS + at,
        event_id=at,
        complete=True,
        processes=[process],
        tracks=tracks,
        states=[],
        messages=[],
        locks=[],
        memory=FrameMemory(),
        metrics={},
        gaps=[],
        confidence=FrameConfidence(stacks="exact", states="exact", metrics="sampled"),
    )


def calls(at: int) -> RecentCalls:
    """Every function has run on every thread, each time as often as chance says."""
    choose = np.random.default_rng(at)
    track, site = np.repeat(np.arange(1, FLOORS + 1), SITES), np.tile(np.arange(1, SITES + 1), FLOORS)
    begun = choose.integers(0, 1_000, FLOORS * SITES)
    return RecentCalls(
        start_ns=at,
        end_ns=SECOND_NS + at,
        track_id=track,
        site_id=site,
        calls=begun,
        latest_calls=begun // 7,
        own_ns=begun * 1_000,
        waited_ns=begun * 400,
        cpu_ns=begun * 600,
        call_id=np.arange(len(track)),
        tracks=np.arange(1, FLOORS + 1),
        begun=np.ones((FLOORS, BINS), np.int64),
    )


SITE_ROWS = {
    n: SiteRow(site_id=n, function=f"Class{n // 9}.method_{n}", module=f"package.m{n // 25}", file="f.py", line=n)
    for n in range(1, SITES + 1)
}


def measured(draw: Callable[[House, Projection], None]) -> dict[str, list[float]]:
    """Milliseconds of each building: layout, picture and both."""
    taken: dict[str, list[float]] = {"layout": [], "picture": [], "both": []}
    memory = Memory()
    for at in range(UPDATES + 1):
        shown, recent = frame(at), calls(at)
        began = time.perf_counter()
        plan = house(shown, recent, SITE_ROWS, BuildingState(), memory)
        laid_out = time.perf_counter()
        draw(plan, projection(plan, Camera(), (0.0, 0.0, float(WIDTH), float(HEIGHT))))
        ended = time.perf_counter()
        for name, from_s, to_s in (
            ("layout", began, laid_out),
            ("picture", laid_out, ended),
            ("both", began, ended),
        ):
            taken[name].append((to_s - from_s) * 1000)
    return taken


def paint(plan: House, view: Projection) -> None:
    """With QPainter."""
    image = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
    image.fill(colours("dark").panel)
    painter = QPainter(image)
    paint_rooms(painter, plan, view, "dark")
    painter.end()


def main() -> int:
    """Prints the figures; those drawn are left out where the first argument says that there is no OpenGL."""
    _application = QGuiApplication([])
    found = {"painted": measured(paint)}
    if sys.argv[1:] != ["painted"]:
        made_s: list[float] = []

        def draw(plan: House, view: Projection) -> None:
            if not made_s:
                made_s.append(0.0)
                pictures.append(Qt3DPictures())
            pictures[0].draw(Picture(plan, view, "dark", WIDTH, HEIGHT))
            while (latest := pictures[0].latest) is None or latest.plan is not plan:
                QGuiApplication.processEvents()

        pictures: list[Qt3DPictures] = []
        found["drawn"] = measured(draw)
        pictures[0].close()
    sys.stdout.write(msgspec.json.encode(found).decode())
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
