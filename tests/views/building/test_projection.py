"""From plan units to pixels, and back from a pixel to a room."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.views.frames import SECOND_NS, calls_of, ended_call, frame, sites, track
from views.building.layout import Building, building
from views.building.projection import LEAST_PITCH, MOST_PITCH, Camera, nearness, painting_order, projection, room_under

AREA = (100.0, 50.0, 800.0, 600.0)


def plan_of(threads: int, functions: int) -> Building:
    at = frame(SECOND_NS, tracks=[track(n) for n in range(2, threads + 2)])
    rows = [
        ended_call(n * 1000 + m, (m, m + 5), n, m, None)
        for n in range(2, threads + 2)
        for m in range(1, functions + 1)
        for _ in range(1)
    ]
    return building(at, calls_of(rows, at, 0, SECOND_NS), sites(*map(str, range(functions))), "calls")


YAWS = [math.radians(degrees) for degrees in (-170, -135, -90, -50, -14, 0, 14, 30, 45, 60, 89, 100, 180)]


@pytest.mark.parametrize("yaw", YAWS)
def test_the_whole_building_fits_its_area_from_every_side(yaw: float) -> None:
    plan = plan_of(6, 30)
    for pitch in (LEAST_PITCH, 0.5, MOST_PITCH):
        faces = projection(plan, Camera(yaw=yaw, pitch=pitch), AREA).faces(plan)
        assert faces.shape == (180, 3, 4, 2)
        assert faces[..., 0].min() >= 100
        assert faces[..., 0].max() <= 900
        assert faces[..., 1].max() <= 650


@pytest.mark.parametrize("yaw", YAWS)
def test_the_room_under_the_middle_of_a_roof_is_that_room_from_every_side(yaw: float) -> None:
    plan = plan_of(3 if abs(yaw) < 0.3 else 1, 12)  # seen from the side, floors cover those below
    order = painting_order(plan, yaw)
    faces = projection(plan, Camera(yaw=yaw), AREA).faces(plan)
    found = [room_under(faces[order], *faces[place, 2].mean(axis=0)) for place in range(len(plan))]
    assert [None if at is None else int(order[at]) for at in found] == list(range(len(plan)))
    assert room_under(faces[order], 1.0, 1.0) is None


@pytest.mark.parametrize("yaw", YAWS)
def test_rooms_of_one_group_never_cover_each_other(yaw: float) -> None:
    plan = plan_of(1, 40)
    shown = projection(plan, Camera(yaw=yaw), AREA)
    faces, near = shown.faces(plan), nearness(plan, yaw)
    for group in np.unique(near):
        at = np.flatnonzero(near == group)
        left, right = faces[at][..., 0].min(axis=(1, 2)), faces[at][..., 0].max(axis=(1, 2))
        order = np.argsort(left)
        assert (right[order][:-1] <= left[order][1:] + 0.01).all()


@pytest.mark.parametrize("yaw", YAWS)
def test_what_is_painted_later_is_never_behind(yaw: float) -> None:
    """Source: the middle of a room on the line of sight, by the depth of the docstring's formula."""
    plan = plan_of(1, 40)
    faces, order = projection(plan, Camera(yaw=yaw), AREA).faces(plan), painting_order(plan, yaw)
    middle = plan.box[:, :2] + np.array([plan.room_width, 0.7]) / 2
    depth = middle[:, 0] * math.sin(yaw) + middle[:, 1] * math.cos(yaw)
    low, high = faces.min(axis=(1, 2)), faces.max(axis=(1, 2))
    for at, first in enumerate(order):
        later = order[at + 1 :]
        overlap = np.minimum(high[first], high[later]) - np.maximum(low[first], low[later])
        covering = later[(overlap > 1.0).all(axis=1)]
        assert (depth[covering] < depth[first] + 1e-6).all()


def test_a_camera_turns_all_around_and_always_looks_from_above() -> None:
    camera = Camera()
    for _ in range(36):
        camera = camera.looking("turn left")
    assert camera.yaw == pytest.approx(Camera().yaw)
    assert Camera().turned(0.0, 9.0).pitch == MOST_PITCH
    assert Camera().turned(0.0, -9.0).pitch == LEAST_PITCH
    assert camera.looking("closer").zoom > 1 > camera.looking("farther").zoom
    assert camera.looking("tilt up").looking("turn right").looking("whole") == Camera()


def test_coming_closer_keeps_the_point_under_the_mouse() -> None:
    plan = plan_of(2, 8)
    before, after = (projection(plan, camera, AREA) for camera in (Camera(), Camera().closer(2.0, 120.0, -40.0)))
    x, y = 100 + 400 + 120.0, 50 + 300 - 40.0
    assert (x - before.origin_x) / before.scale == pytest.approx((x - after.origin_x) / after.scale)
    assert (y - before.origin_y) / before.scale == pytest.approx((y - after.origin_y) / after.scale)
