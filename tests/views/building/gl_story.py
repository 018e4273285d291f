"""Run as a program on a display: draws buildings with Qt3D, paints the same without, and prints how they compare, and
how often Qt has drawn each of some more that have other numbers of rooms.
"""

from __future__ import annotations

import gc
import json
import sys

import numpy as np
from PySide6.QtCore import QEventLoop, QLoggingCategory, QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from tests.views.frames import SECOND_NS, calls_of, ended_call, frame, sites, track
from tests.views.pictures import pixels
from views.building.layout import House, house
from views.building.projection import Camera, projection
from views.building.room_painter import Picture
from views.building.scene_painted import paint_rooms
from views.building.scene_qt3d import Qt3DPictures
from views.building.state import BuildingState
from views.building.steady import Memory
from views.drawing.theme import colours
from views.loop.state import Theme

WIDTH, HEIGHT = 640, 480


def plan_of(threads: int, loud: int) -> House:
    at = frame(SECOND_NS, tracks=[track(n) for n in range(2, threads + 2)])
    rows = [
        ended_call(n * 10_000 + m * 500 + k, (SECOND_NS - 9_000 + k, SECOND_NS - 8_900 + k), n, m, None)
        for n in range(2, threads + 2)
        for m in range(1, 9)
        for k in range(300 if m == loud else 2)
    ]
    return house(at, calls_of(rows, at, 0, SECOND_NS), sites(*(f"f{m}" for m in range(8))), BuildingState(), Memory())


def painted(wanted: Picture) -> QImage:
    image = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
    image.fill(colours(wanted.theme).panel)
    painter = QPainter(image)
    paint_rooms(painter, wanted.plan, wanted.view, wanted.theme)
    painter.end()
    return image


def agreement(wanted: Picture, drawn: QImage) -> float:
    """The share of roofs and walls whose middle has the same colour in both pictures."""
    tops = wanted.view.faces(wanted.plan).mean(axis=2).reshape(-1, 2).astype(int)
    one = pixels(painted(wanted))[tops[:, 1], tops[:, 0]].astype(int)
    other = pixels(drawn.convertToFormat(QImage.Format.Format_RGB32))[tops[:, 1], tops[:, 0]].astype(int)
    return float((np.abs(one - other).max(axis=1) < 16).mean())


def drawn_wholly(pictures: Qt3DPictures, wanted: Picture) -> bool:
    loop = QEventLoop()
    pictures.ready.connect(loop.quit)
    QTimer.singleShot(10_000, loop.quit)
    pictures.draw(wanted)
    if pictures.latest is None or pictures.latest.plan is not wanted.plan:
        loop.exec()
    pictures.ready.disconnect(loop.quit)
    return pictures.latest is not None and pictures.latest.plan is wanted.plan


def times_drawn(pictures: Qt3DPictures) -> list[int]:
    """How often each of two pictures is drawn after a first one from the same side, as Qt tells of it in its log."""
    times: list[int] = []
    view = projection(plan_of(4, 1), Camera(), (0.0, 0.0, float(WIDTH), float(HEIGHT)))
    drawn_wholly(pictures, Picture(plan_of(4, 1), view, "dark", WIDTH, HEIGHT))

    def listen(_: QtMsgType, context: QMessageLogContext, message: str) -> None:
        if "rendering frame" in message:
            times[-1] += 1

    before = qInstallMessageHandler(listen)
    QLoggingCategory.setFilterRules("Qt3D.Renderer.OpenGL.Memory.debug=true")
    for threads in (5, 7):
        times.append(0)
        drawn_wholly(pictures, Picture(plan_of(threads, 1), view, "dark", WIDTH, HEIGHT))
    QLoggingCategory.setFilterRules("")
    qInstallMessageHandler(before)
    return times


def story() -> dict[str, object]:
    pictures = Qt3DPictures()
    agreements = []
    themes: tuple[Theme, ...] = ("dark", "light", "dark")
    for at, theme in enumerate(themes):
        gc.collect()
        plan = plan_of(2 + at, 1 + 3 * at)
        view = projection(
            plan, Camera(turn=1.2 - 0.9 * at, tilt=0.5 + 0.4 * at), (0.0, 0.0, float(WIDTH), float(HEIGHT))
        )
        wanted = Picture(plan, view, theme, WIDTH, HEIGHT)
        latest = pictures.latest if drawn_wholly(pictures, wanted) else None
        if latest is not None and latest.image is not None:
            agreements.append(agreement(wanted, latest.image))
    times = times_drawn(pictures)
    pictures.close()
    pictures.close()
    return {"agreements": agreements, "times drawn": times}


if __name__ == "__main__":
    application = QGuiApplication([])
    print(json.dumps(story()))
    sys.exit(0)
