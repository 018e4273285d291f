"""Picking a stretch of time, by its ends, from the mark, or as it is visible; Escape lets go of it and says so."""

from __future__ import annotations

from tests.views.windows import END_NS, after, opened
from views.loop import events as e
from views.loop.state import Assigns, Selection
from views.loop.stretch import PickStretch, PickStretchTo


def said(assigns: Assigns) -> str:
    return "" if assigns.notice is None else assigns.notice.text


def test_its_ends_are_put_in_order_and_into_what_is_recorded() -> None:
    shown = after(opened(), e.Select(selection=Selection("track", 2, 2)), PickStretch(range_ns=(END_NS * 2, 500)))
    assert shown.stretch_ns == (500, END_NS)
    assert shown.selection is None
    assert said(shown).startswith("A stretch of ")


def test_from_the_mark_to_the_cursor_and_the_same_once_more_lets_go() -> None:
    without = after(opened(), PickStretchTo(ends="mark"))
    assert (without.stretch_ns, said(without)) == (None, "No moment is marked.")
    marked = after(opened(), e.SeekTo(time_ns=900), e.Mark(), e.SeekTo(time_ns=100))
    shown = after(marked, PickStretchTo(ends="mark"))
    assert shown.stretch_ns == (100, 900)
    again = after(shown, PickStretchTo(ends="mark"))
    assert (again.stretch_ns, said(again)) == (None, "No stretch is picked.")
    moved = after(shown, e.SeekTo(time_ns=200), PickStretchTo(ends="mark"))
    assert moved.stretch_ns == (200, 900)


def test_a_mark_at_the_cursor_has_no_stretch() -> None:
    shown = after(opened(), e.SeekTo(time_ns=900), e.Mark(), PickStretchTo(ends="mark"))
    assert shown.stretch_ns is None
    assert "no length" in said(shown)


def test_what_is_visible_is_a_stretch() -> None:
    shown = after(opened(), e.Show(range_ns=(10_000, 90_000)), PickStretchTo(ends="visible"))
    assert shown.stretch_ns == shown.visible_ns != shown.range_ns


def test_escape_lets_go_of_what_is_picked_first_and_then_of_the_stretch() -> None:
    picked = after(opened(), PickStretch(range_ns=(0, 700)), e.Select(selection=Selection("site", 3)))
    first = after(picked, e.PickNothing())
    assert (first.selection, first.stretch_ns, said(first)) == (None, (0, 700), "Only the stretch is picked.")
    second = after(first, e.PickNothing())
    assert (second.stretch_ns, said(second)) == (None, "No stretch is picked.")
    assert after(second, e.PickNothing()) is second


def test_without_a_session_nothing_is_picked() -> None:
    for event in (PickStretch(range_ns=(0, 5)), PickStretchTo(ends="visible"), PickStretchTo(ends="mark")):
        assert after(Assigns(), event) == Assigns()
