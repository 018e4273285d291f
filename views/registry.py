"""The views: a row for each. Docks, the Window menu, `export --view`, pictures, the gallery and the layout come of it.

To add one: a folder `views/NAME/` with a view (`views.loop.store.View`, a QWidget that is made with `send` and a
`Source`) and a row here. No Qt here: a command line is checked before it is loaded.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from capture.named import named

Area = Literal["centre", "left", "right", "bottom"]
PLACED: tuple[Area, ...] = ("centre", "left", "right", "bottom")
"""The order in which views are made, in which Tab goes through them and the Window menu lists them."""


class ViewSpec(NamedTuple):
    """One view. `view` is "module:Class", imported when it is shown.

    Units: `share` is that of the window's width in its area, of its height at the bottom; 0: as much as it asks for.
    `least_size` is that of a picture, in pixels. `below` and `tabbed_with` name a view of the same area that was placed
    before; else one lies beside the other. `gets_keyboard`: where the keyboard is when a session opens. `state` is
    "module:Struct", what the view keeps of its own in the window's state; no Qt is imported with it. `parts` are those
    of a frame that it shows (`dags.frame.asked`): none is made that no view in sight has here. `ahead` is
    "module:function", given a Source and the Assigns: what the pool can begin to read before Qt is there; it gives what
    ends that.
    """

    name: str
    title: str
    view: str
    area: Area
    share: float = 0.0
    exports: bool = True
    least_size: tuple[int, int] = (320, 120)
    below: str = ""
    tabbed_with: str = ""
    gets_keyboard: bool = False
    state: str = ""
    parts: frozenset[str] = frozenset()
    ahead: str = ""

    def make(self, send: Any, source: Any) -> Any:
        """A fresh one; only its own modules are imported, because a picture should be there at once."""
        return named(self.view)(send, source)


_WHO_RUNS_WHAT = frozenset({"processes", "tracks", "stacks"})  # with recent calls, which want open stacks

VIEWS: tuple[ViewSpec, ...] = (
    ViewSpec(
        "timeline",
        "Timeline",
        "views.timeline.view:TimelineView",
        "bottom",
        0.6,
        gets_keyboard=True,
        state="views.timeline.state:TimelineState",
        parts=_WHO_RUNS_WHAT,
    ),
    ViewSpec(
        "building",
        "Building",
        "views.building.view:BuildingView",
        "centre",
        state="views.building.state:BuildingState",
        parts=_WHO_RUNS_WHAT,
        ahead="views.building.moments:look_ahead",
    ),
    ViewSpec(
        "supervision",
        "Supervision",
        "views.supervision.view:SupervisionView",
        "right",
        tabbed_with="inspector",
        state="views.supervision.state:SupervisionState",
        parts=_WHO_RUNS_WHAT,
    ),
    ViewSpec(
        "inspector",
        "Inspector",
        "views.inspector.view:InspectorView",
        "right",
        0.281,
        state="views.inspector.state:InspectorState",
        parts=_WHO_RUNS_WHAT | {"states"},
    ),
    ViewSpec("metrics", "Metrics", "views.metrics.view:MetricsView", "right", tabbed_with="inspector"),
)


def view_named(name: str) -> ViewSpec:
    """The row of that name. Raises: KeyError."""
    return {row.name: row for row in VIEWS}[name]


def states() -> dict[str, Any]:
    """The structs of the views' own states, by the name of the view."""
    return {row.name: named(row.state) for row in VIEWS if row.state}


def exported() -> tuple[str, ...]:
    """The views of which there are pictures."""
    return tuple(row.name for row in VIEWS if row.exports)


def placed() -> tuple[ViewSpec, ...]:
    """The views as a window makes them: by area, each after the one that it lies below or behind, tabs last: Qt puts
    what is to lie below a tab behind it.
    """
    waiting = sorted(VIEWS, key=lambda row: (PLACED.index(row.area), row.tabbed_with != ""))
    found: list[ViewSpec] = []
    while waiting:
        there = {row.name for row in found}
        area = [row for row in waiting if row.area == waiting[0].area]
        ready = [row for row in area if {row.below, row.tabbed_with} <= {"", *there}]
        found.append((ready or area)[0])
        waiting.remove(found[-1])
    return tuple(found)
