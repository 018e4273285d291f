"""What each event changes of the box that finds anything. Pure, no Qt."""

from __future__ import annotations

from msgspec.structs import replace

from views.loop import events as e
from views.loop.state import Assigns, Box, BoxRow

MAX_RECENT = 6


def in_the_box(assigns: Assigns, event: e.Event) -> Assigns:
    """The state after one of the box's events."""
    box = assigns.box
    match event:
        case e.OpenBox(shows=shows):
            return replace(assigns, box=replace(box, is_open=True, text="", shows=shows, rows=(), answers=None))
        case e.CloseBox():
            return replace(assigns, box=Box(recent=box.recent, figures=box.figures))
        case e.LookFor(text=text, shows=shows) if (text, shows) != (box.text, box.shows):
            return replace(assigns, box=replace(box, text=text, shows=shows))
        case e.FiguresKnown(key=key) if _is_open(assigns, key):
            return replace(assigns, box=replace(box, figures=box.figures + 1))
        case e.BoxFound(key=key, text=text, shows=shows, rows=rows) if _is_open(assigns, key):
            if not box.is_open or (text, shows) != (box.text, box.shows):
                return assigns
            return replace(assigns, box=replace(box, rows=rows, answers=(text, shows)))
        case e.GoTo(row=row):
            return replace(assigns, box=replace(box, recent=_with(row, box.recent)))
        case _:
            return assigns


def _with(row: BoxRow, recent: tuple[BoxRow, ...]) -> tuple[BoxRow, ...]:
    plain = replace(row, marks=())
    others = (one for one in recent if (one.kind, one.id, one.title) != (row.kind, row.id, row.title))
    return (plain, *others)[:MAX_RECENT]


def _is_open(assigns: Assigns, key: int) -> bool:
    return assigns.session is not None and assigns.session.key == key
