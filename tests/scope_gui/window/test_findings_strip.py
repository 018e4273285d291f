"""The strip says what is worth a look as far as there is room; its row is there as long as a session is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QApplication, QWidget

from dags.detectors.finding import Finding
from scope_gui.window.findings_strip import HEIGHT_PX, FindingsStrip
from tests.views.windows import opened
from views.loop.events import Event, GoToFinding
from views.loop.state import Assigns
from views.loop.view_states import all_fields

LONG = "restocker wrote Stock.units back from before worker-3 wrote it, and so took 14 updates back"


def finding(sentence: str, score: float = 0.9) -> Finding:
    return Finding(kind="k", sentence=sentence, score=score, function="", file="", line=0, event_ids=[1, 2])


class Shown:
    """A strip that has been patched."""

    def __init__(self, assigns: Assigns, width: int) -> None:
        self.sent, self.done = list[Event](), list[str]()
        self.window = QWidget()
        self.strip = FindingsStrip(self.sent.append, self.done.append, self.window)
        self.strip.resize(width, HEIGHT_PX)
        self.strip.patch(assigns, all_fields())

    def texts(self) -> list[str]:
        return [chip.text() for chip in self.strip.chips if not chip.isHidden()]


def test_its_row_is_there_as_long_as_a_session_is_so_that_nothing_moves_when_something_is_found(
    qapp: QApplication,
) -> None:
    assert Shown(Assigns(), 1600).strip.isHidden()
    for assigns, says in (
        (replace(opened(), findings=()), "Worth a look  —"),
        (opened(live=True), "What is worth a look is said when the recording has ended"),
    ):
        shown = Shown(assigns, 1600)
        assert not shown.strip.isHidden()
        assert (shown.strip.heading.text(), shown.texts()) == (says, [])


def test_it_says_that_it_is_being_looked(qapp: QApplication) -> None:
    shown = Shown(opened(), 1600)
    assert not shown.strip.isHidden()
    assert shown.strip.heading.text() == "Looking for what is worth a look …"
    assert shown.texts() == []


@pytest.mark.parametrize("width", [700, 1280, 1600])
def test_four_chips_share_the_room_and_the_rest_is_counted(qapp: QApplication, width: int) -> None:
    found = (finding("short"), *(finding(f"{LONG} {number}", 0.3) for number in range(5)))
    shown = Shown(replace(opened(), findings=found), width)
    assert len(shown.texts()) == 4
    assert shown.texts()[0] == " short   1"
    assert all(text.endswith(f"   {number}") for number, text in enumerate(shown.texts(), 1))
    taken = sum(chip.width() for chip in shown.strip.chips)
    assert taken + shown.strip.heading.sizeHint().width() + shown.strip.more.sizeHint().width() <= width
    assert shown.strip.more.text() == "2 more"
    assert shown.strip.chips[1].accessibleName() == f"{LONG} 0 (Alt+2)"
    assert LONG in shown.strip.chips[1].toolTip()
    shown.strip.chips[2].click()
    shown.strip.more.click()
    assert shown.sent == [GoToFinding(at=2)]
    assert shown.done == ["Findings: what is worth a look"]
