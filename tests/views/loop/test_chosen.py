"""What follows for the window's state from what a person has settled, `views.loop.chosen`."""

from __future__ import annotations

import pytest

from tests.views.windows import after, opened
from views.loop import events as e
from views.loop.chosen import pictures_folder, sessions_folder, with_settings
from views.loop.state import SCALES, Assigns


def test_theme_scale_and_motion_follow_the_settings() -> None:
    settled = with_settings(Assigns(), {"theme": "contrast", "scale": 150, "motion": "reduced"})
    assert (settled.theme, settled.scale, settled.motion) == ("contrast", 150, "reduced")
    changed = after(settled, e.ChangeSetting(name="scale", value=None), e.ChangeSetting(name="theme", value=None))
    assert (changed.theme, changed.scale, changed.settings) == ("dark", 100, {"motion": "reduced"})


def test_where_no_theme_is_settled_the_one_seen_last_stays() -> None:
    assert with_settings(Assigns(theme="light"), {"scale": 125}).theme == "light"
    assert after(Assigns(theme="light"), e.ChangeSetting(name="scale", value=125)).theme == "light"


def test_the_desktops_theme_is_followed_only_when_that_is_settled() -> None:
    own = after(Assigns(), e.DesktopLooks(theme="light"))
    assert own.theme == "dark"
    followed = after(own, e.ChangeSetting(name="theme", value="system"))
    assert followed.theme == "light"
    assert after(followed, e.DesktopLooks(theme="contrast")).theme == "contrast"
    assert after(followed, e.SetTheme(theme="dark"), e.DesktopLooks(theme="light")).theme == "dark"


def test_the_scale_goes_by_steps_and_back_at_once() -> None:
    larger = after(Assigns(), e.Enlarge(steps=1), e.Enlarge(steps=1))
    assert larger.scale == 125
    assert after(larger, e.Enlarge(steps=-1)).scale == 110
    assert after(larger, *[e.Enlarge(steps=1)] * 20).scale == SCALES[-1]
    assert after(larger, *[e.Enlarge(steps=-1)] * 20).scale == SCALES[0]
    assert after(larger, e.Enlarge(steps=0)) == Assigns()


def test_what_is_settled_stays_whichever_session_is_open() -> None:
    settled = after(opened(), e.ChangeSetting(name="scale", value=125), e.ChangeSetting(name="motion", value="reduced"))
    closed = after(settled, e.DesktopLooks(theme="light"), e.SessionClosed())
    assert (closed.scale, closed.motion, closed.desktop_theme) == (125, "reduced", "light")
    assert closed.settings == settled.settings


@pytest.mark.parametrize("name", ["analyses.grows", "analyses.raises"])
def test_what_is_worth_a_look_is_looked_for_again_once_an_analysis_is_switched(name: str) -> None:
    found = after(opened(), e.FindingsKnown(key=7, findings=()))
    assert not found.looks_for_findings
    switched = after(found, e.ChangeSetting(name=name, value=False))
    assert switched.looks_for_findings
    assert after(found, e.ChangeSetting(name="scale", value=125)).findings == ()


def test_folders_are_those_that_are_settled_else_those_used_last() -> None:
    last = Assigns(recordings_folder="/rec", pictures_folder="/pic")
    assert (sessions_folder(last), pictures_folder(last)) == ("/rec", "/pic")
    settled = with_settings(last, {"folders.recordings": "/a", "folders.pictures": "/b"})
    assert (sessions_folder(settled), pictures_folder(settled)) == ("/a", "/b")
