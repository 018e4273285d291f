"""The building drawn with OpenGL, in processes of their own: a missing driver would end this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QProcess, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.interpreters import ROOT
from tests.views.building.houses import plan_of
from views.building.gl_probe import GlProbe
from views.building.layout import one_room
from views.building.projection import Camera, camera_of, projection
from views.building.room_painter import Picture
from views.building.scene_qt3d import clip_matrix, instances, seen_faces


@pytest.fixture(scope="module")
def display() -> Iterator[dict[str, str]]:
    """The environment of a program that has a display with software OpenGL."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is missing: no display for OpenGL")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as ready:
        number = ready.readline().strip()
    assert number, "Xvfb did not start"
    yield {**os.environ, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
    server.terminate()
    server.wait()


def run(module: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def told(display: dict[str, str]) -> dict[str, Any]:
    """What the story told."""
    if run("views.building.gl_probe", display).returncode:
        pytest.skip("OpenGL 3.3 is missing on this display")
    done = run("tests.views.building.gl_story", display)
    assert done.returncode == 0, done.stderr
    assert "Critical" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_drawn_and_painted_rooms_look_alike_for_one_building_after_another(told: dict[str, Any]) -> None:
    assert len(told["agreements"]) == 3
    assert min(told["agreements"]) >= 0.9


def test_a_building_with_another_number_of_rooms_is_drawn_once(told: dict[str, Any]) -> None:
    """Each was drawn twice, as Qt does after an attribute has got another count."""
    assert told["times drawn"] == [1, 1]


def test_a_yes_that_comes_while_the_application_ends_is_not_heard(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine that it had made was closed by nobody, and Qt complained of its renderer at the exit."""
    monkeypatch.setattr("views.building.gl_probe.own_command", lambda module: [sys.executable, "-c", ""])
    probe = GlProbe()
    heard: list[bool] = []
    probe.answered.connect(heard.append)
    probe.ask()
    process = probe.findChild(QProcess)
    assert process is not None
    assert process.waitForStarted(30_000)
    os.waitid(os.P_PID, process.processId(), os.WEXITED | os.WNOWAIT)
    assert process.state() == QProcess.ProcessState.Running  # as far as Qt knows
    probe.end()
    assert process.exitCode() == 0
    assert heard == []


def test_without_opengl_the_probe_says_no(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    probe = GlProbe()
    with qtbot.waitSignal(probe.answered, timeout=30_000) as answer:
        probe.ask()
    assert answer.args == [False]


def test_asking_is_not_worth_it_without_a_display_or_when_switched_off(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = QWidget()
    assert not GlProbe.worth_asking(window)
    monkeypatch.setattr("views.building.gl_probe._WITHOUT_GL", ())
    assert GlProbe.worth_asking(window)
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    assert not GlProbe.worth_asking(window)
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, False)
    monkeypatch.setenv("SCOPE_3D", "off")
    assert not GlProbe.worth_asking(window)


def test_a_point_comes_to_the_same_place_through_the_matrix_as_through_the_projection() -> None:
    plan = one_room()
    for camera in (Camera(), Camera(turn=-0.7, tilt=0.4), camera_of("front")):
        view = projection(plan, camera, (0.0, 0.0, 640.0, 480.0))
        rows = np.array(clip_matrix(Picture(plan, view, "dark", 640, 480)).copyDataTo()).reshape(4, 4)
        depths = []
        for point in ((0.0, 0.0, 0.0), (1.0, 0.3, 0.0), (0.3, 0.9, 1.2)):
            clip = rows @ np.array([*point, 1.0])
            x, y = view.at(*point)
            assert [(clip[0] + 1) * 320, (1 - clip[1]) * 240] == pytest.approx([x, y], abs=0.01)
            assert -1 <= clip[2] <= 1
            depths.append(clip[2])
        assert depths == sorted(depths)  # what has the larger y is farther away


def test_boxes_are_floors_first_then_wings_then_rooms_and_only_faces_that_can_be_seen_are_drawn() -> None:
    plan = plan_of(2, 4)
    boxes = instances(plan, "dark", 0.1)
    assert boxes.shape == (2 + 2 * 2 + 8, 9)
    assert boxes[:2, 3:6].tolist() == pytest.approx(np.array([[plan.width, 1.0, 0.1]] * 2))
    assert boxes[2:6, 3].tolist() == [2, 2, 2, 2]
    assert boxes[6:, :6].tolist() == plan.box.tolist()
    faces = seen_faces()
    assert faces.shape == (18, 6)
    assert {tuple(normal) for normal in faces[:, 3:].tolist()} == {(0, 0, 1), (0, -1, 0), (-1, 0, 0)}
