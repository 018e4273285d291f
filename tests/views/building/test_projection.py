"""From units to pixels, and back from a pixel to a room."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.views.building.houses import begun, module_sites, of_rows, plan_of
from views.building.layout import ROOM_DEPTH
from views.building.projection import (
    HIT_PX,
    MOST_TURN,
    Camera,
    camera_of,
    painting_order,
    projection,
    room_under,
)

AREA = (100.0, 50.0, 800.0, 600.0)
CAMERAS = [Camera(turn=turn, tilt=tilt) for turn, tilt in itertools.product((-2.5, -1, 0, 0.5, 1, 2.5), (0, 1, 2))]


@pytest.mark.parametrize("camera", CAMERAS, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (6, 30), (20, 200)])
def test_the_whole_building_fits_its_area_from_every_side(camera: Camera, size: tuple[int, int]) -> None:
    plan = plan_of(*size)
    view = projection(plan, camera, AREA)
    corners = np.concatenate([view.level((0.0, plan.width), z) for z in (0.0, float(len(plan.floors)))])
    assert corners[:, 0].min() >= 99.9
    assert corners[:, 0].max() <= 900.1
    assert corners[:, 1].min() >= 49.9
    assert corners[:, 1].max() <= 650.1


def test_floors_are_level_from_every_side() -> None:
    plan = plan_of(3, 12)
    for camera in CAMERAS:
        floor = projection(plan, camera, AREA).level((0.0, plan.width), 1.0)
        assert floor[0, 1] == floor[1, 1]
        assert floor[2, 1] == floor[3, 1]


def test_from_the_front_rooms_are_bars_of_their_height() -> None:
    plan = of_rows([*begun(30, 2, 1, 100), *begun(60, 2, 2, 200)], module_sites("one"))
    faces = projection(plan, camera_of("front"), AREA).faces(plan)
    assert np.ptp(faces[:, 0, :, 0], axis=1).tolist() == pytest.approx([0, 0])
    assert np.ptp(faces[:, 1, :, 1], axis=1).tolist() == pytest.approx([0, 0])
    heights = np.ptp(faces[:, 2, :, 1], axis=1)
    assert heights[1] == pytest.approx(2 * heights[0])


@pytest.mark.parametrize("camera", CAMERAS, ids=str)
def test_the_room_under_the_middle_of_a_front_is_that_room_from_every_side(camera: Camera) -> None:
    plan = plan_of(4, 24)
    view = projection(plan, camera, AREA)
    order, faces = painting_order(plan, view), view.faces(plan)
    found = [room_under(faces[order], *faces[place, 2].mean(axis=0)) for place in range(len(plan))]
    assert [None if at is None else int(order[at]) for at in found] == list(range(len(plan)))
    assert room_under(faces[order], 1.0, 1.0) is None


@pytest.mark.parametrize("camera", CAMERAS, ids=str)
def test_a_rooms_side_ends_before_the_next_room_but_one_begins(camera: Camera) -> None:
    """Sides, then roofs, then fronts of a floor can be painted together only then."""
    for size in ((3, 5), (3, 200)):
        plan = plan_of(*size)
        view = projection(plan, camera, AREA)
        assert abs(view.sideways) * ROOM_DEPTH <= view.slot + 1e-6


def test_a_small_room_is_hit_within_twelve_pixels() -> None:
    plan = of_rows([*begun(1, 2, 1, 100), *begun(3_000, 2, 9, 9_000)], module_sites("one", each=120))
    view = projection(plan, camera_of("front"), (0.0, 0.0, 60.0, 200.0))
    faces = view.faces(plan)
    small = plan.room(2, 1)
    assert small is not None
    low, high = faces[small].min(axis=(0, 1)), faces[small].max(axis=(0, 1))
    assert (high - low)[1] < HIT_PX
    middle = (low + high) / 2
    assert room_under(faces, middle[0], middle[1] - HIT_PX / 2 + 0.5) == small
    assert room_under(faces, middle[0], middle[1] + HIT_PX / 2 - 0.5) == small
    assert room_under(faces, middle[0], middle[1] + HIT_PX) is None


def test_a_camera_turns_to_both_sides_and_always_looks_from_above() -> None:
    camera = Camera()
    for _ in range(50):
        camera = camera.looking("turn right").looking("tilt down")
    assert (camera.turn, camera.tilt) == (-MOST_TURN, 0.0)
    assert camera.looking("closer").zoom > 1 > camera.looking("farther").zoom
    assert camera.looking("tilt up").looking("turn left").looking("whole") == Camera()
    assert camera.looking("whole", "front") == camera_of("front") != Camera()


def test_coming_closer_keeps_the_point_under_the_mouse() -> None:
    plan = plan_of(2, 8)
    before, after = (projection(plan, camera, AREA) for camera in (Camera(), Camera().closer(2.0, 120.0, -40.0)))
    x, y = 100 + 400 + 120.0, 50 + 300 - 40.0
    assert (x - before.origin_x) / before.slot == pytest.approx((x - after.origin_x) / after.slot)
    assert (y - before.origin_y) / before.storey == pytest.approx((y - after.origin_y) / after.storey)
