"""From plan units to pixels, and back from a pixel to a room."""

from __future__ import annotations

import math

import numpy as np

from tests.views.frames import SECOND_NS, calls_of, ended_call, frame, sites, track
from views.building.layout import Building, building
from views.building.projection import MAX_YAW, Camera, painting_order, projection, room_under

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


def test_the_whole_building_fits_its_area_from_every_side() -> None:
    plan = plan_of(6, 30)
    for yaw in (-MAX_YAW, 0.0, MAX_YAW):
        faces = projection(plan, Camera(yaw=yaw), AREA).faces(plan)
        assert faces.shape == (180, 3, 4, 2)
        assert faces[..., 0].min() >= 100
        assert faces[..., 0].max() <= 900
        assert faces[..., 1].max() <= 650


def test_the_room_under_the_middle_of_a_front_is_that_room() -> None:
    plan = plan_of(3, 12)
    order = painting_order(plan)
    faces = projection(plan, Camera(), AREA).faces(plan)
    found = [room_under(faces[order], *faces[place, 2].mean(axis=0)) for place in range(len(plan))]
    assert [None if at is None else int(order[at]) for at in found] == list(range(len(plan)))
    assert room_under(faces[order], 1.0, 1.0) is None


def test_rooms_of_one_row_never_cover_each_other() -> None:
    plan = plan_of(1, 40)
    for yaw in (-MAX_YAW, MAX_YAW):
        faces = projection(plan, Camera(yaw=yaw), AREA).faces(plan)
        row = np.flatnonzero(plan.box[:, 1] == plan.box[0, 1])
        left, right = faces[row][..., 0].min(axis=(1, 2)), faces[row][..., 0].max(axis=(1, 2))
        order = np.argsort(left)
        assert (right[order][:-1] <= left[order][1:] + 0.01).all()


def test_a_camera_cannot_turn_farther_than_can_be_painted() -> None:
    assert Camera().turned(math.pi).yaw == MAX_YAW
    assert Camera().turned(-math.pi).yaw == -MAX_YAW
