"""Rooms go from one moment's heights to the next one's, where that can be followed with the eye."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QAbstractAnimation
from pytestqt.qtbot import QtBot

from tests.views.building.houses import begun, module_sites, of_rows
from tests.views.frames import ALL, SECOND_NS, call, frame, showing, track
from tests.views.pictures import picture
from views.building import gliding
from views.building.gliding import Gliding, can_glide, follows_the_cursor, heights_before
from views.building.layout import FLAT
from views.building.state import BuildingState
from views.building.view import BuildingView
from views.loop.state import Assigns, SessionRef
from views.reading.source import Source

SITES = module_sites("orders", each=4)
FIRST = of_rows([*begun(30, 2, 1), *begun(60, 3, 2, 100)], SITES)
SECOND = of_rows([*begun(60, 2, 1), *begun(20, 2, 2, 100), *begun(30, 3, 2, 200)], SITES)


def test_a_room_begins_where_it_was_and_a_new_one_at_the_floor() -> None:
    assert can_glide(FIRST, SECOND)
    start = heights_before(FIRST, SECOND)
    rooms = list(zip(SECOND.track_id.tolist(), SECOND.site_id.tolist(), strict=True))
    was = {(2, 1): FIRST.box[FIRST.room(2, 1) or 0, 5], (3, 2): FIRST.box[FIRST.room(3, 2) or 0, 5], (2, 2): FLAT}
    assert start.tolist() == pytest.approx([was[room] for room in rooms])


def test_another_quantity_another_scale_or_a_crowd_does_not_glide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_glide(FIRST, of_rows(begun(60, 2, 1), SITES, measure="time"))
    assert not can_glide(FIRST, of_rows(begun(600, 2, 1), SITES))
    monkeypatch.setattr(gliding, "MOST_ROOMS", 2)
    assert not can_glide(FIRST, SECOND)


def test_only_the_last_of_several_moments_is_gone_to_slowly() -> None:
    before = showing(frame(SECOND_NS, tracks=[track(2)]))
    before = replace(before, session=SessionRef(key=1, path="p", name="p"), frame_wanted_ns=None)
    after = replace(before, frame=frame(2 * SECOND_NS, tracks=[track(2)]))
    assert follows_the_cursor(before, after)
    busy = (
        replace(after, frame_wanted_ns=5),
        replace(after, playing=True),
        replace(after, following=True),
        replace(after, steps=((1, "track"),)),
        replace(after, frame=None),
    )
    assert not any(follows_the_cursor(before, one) for one in busy)
    assert not follows_the_cursor(before, replace(before, theme="light"))
    assert not follows_the_cursor(Assigns(), after)


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_stage_shows_heights_between_and_then_those_of_the_moment(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, is_wanted: bool
) -> None:
    monkeypatch.setattr("views.building.gliding.wants_motion", lambda *_: is_wanted)
    session = SessionRef(key=1, path="p", name="p")
    shown = [
        replace(
            showing(frame(SECOND_NS, tracks=[track(2, stack=[call(1, "main", entered, site_id=1)])])),
            session=session,
            views=(BuildingState(measure="time"),),
        )
        for entered in (10, SECOND_NS // 100)
    ]
    view = BuildingView(lambda event: None, Source())
    qtbot.addWidget(view)
    picture(view, 700, 480)
    for assigns in shown:
        view.patch(assigns, ALL)
    [clock] = [part for part in view.stage.findChildren(QAbstractAnimation) if part is view.stage._gliding._clock]
    plan = view.stage.plan
    assert plan is not None
    assert view.stage._gliding.is_under_way is is_wanted
    assert view.stage.is_drawn is not is_wanted
    if is_wanted:
        clock.setCurrentTime(gliding.GLIDE_MS // 2)
        between = view.stage._gliding.now(plan)
        assert between is not plan
        assert np.all(np.abs(between.box[:, 5] - plan.box[:, 5]) > 0)
        assert view.stage.room_at(view.stage.place_of(2, 1) or view.stage.rect().center().toPointF()) is not None
        clock.setCurrentTime(gliding.GLIDE_MS)
    assert view.stage._gliding.now(plan) is plan
    assert view.stage.is_drawn


def test_a_glide_that_is_overtaken_goes_on_from_what_is_seen(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("views.building.gliding.wants_motion", lambda *_: True)
    view = BuildingView(lambda event: None, Source())
    qtbot.addWidget(view)
    moving = Gliding(view)
    moving.begin(FIRST, SECOND, "full")
    moving._clock.pause()
    moving._clock.setCurrentTime(gliding.GLIDE_MS // 3)
    seen = moving.now(SECOND)
    moving.begin(SECOND, FIRST, "full")
    moving._clock.pause()
    moving._clock.setCurrentTime(0)
    back = moving.now(FIRST)
    assert back.box[FIRST.room(2, 1) or 0, 5] == pytest.approx(float(seen.box[SECOND.room(2, 1) or 0, 5]))
