"""A metric's highest sample is found in the whole session, and it is said where there is none."""

from __future__ import annotations

from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.sessions import Truth
from views.loop import events as e
from views.loop.state import Assigns
from views.metrics.peak import GoToPeak


def is_told(assigns: Assigns) -> bool:
    return assigns.notice is not None and has_frame(assigns)


def test_a_peak_is_gone_to_and_said(desk: Desk, truth: Truth) -> None:
    rows = truth.tables["metrics"].to_pylist()
    highest = max(rows, key=lambda row: (float(row["value"]), -int(row["time_ns"])))
    desk.do(e.Show(range_ns=(0, 1_000)))  # it is not only looked for in what is visible
    gone = desk.do(GoToPeak(metric="rss_bytes"), until=is_told)
    assert gone.cursor_ns == highest["time_ns"]
    assert gone.visible_ns[0] <= gone.cursor_ns <= gone.visible_ns[1]
    assert gone.notice is not None
    assert gone.notice.text.startswith("Memory is at its highest here: ")
    assert desk.do(e.GoThroughTrail(by=-1), until=has_frame).cursor_ns < gone.cursor_ns


def test_a_metric_that_was_not_sampled_leads_nowhere(desk: Desk) -> None:
    before_ns = desk.store.assigns.cursor_ns
    said = desk.do(GoToPeak(metric="threads"), until=is_told)
    assert said.notice is not None
    assert (said.notice.text, said.cursor_ns) == ("Threads: not sampled in this session.", before_ns)
