"""Every session that is not recorded any more is looked through once, and its findings lead to their proof."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from capture.errors import SessionProblem
from capture.session.session import Session
from dags.detectors import registry
from dags.detectors.finding import Finding
from dags.detectors.registry import Detector
from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.sessions import build_session
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns

PROOF = [30, 300]
asked: list[str] = []


def _finding(kind: str, score: float, event_ids: list[int]) -> Finding:
    sentence = f"{kind} is wrong."
    return Finding(kind=kind, sentence=sentence, score=score, function="f", file="", line=0, event_ids=event_ids)


class Mild:
    """A made-up detector: its finding is proved by two events."""

    @staticmethod
    def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
        asked.append(str(session.path))
        return [_finding("mild", 0.3, PROOF)]


class Bad:
    """One whose finding is proved by figures."""

    @staticmethod
    def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
        return [_finding("bad", 0.9, [])]


class Blind:
    """One that cannot read what it needs."""

    @staticmethod
    def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
        raise SessionProblem("A segment is damaged.")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made_up = {f"made-up.{kind.__name__}:find": kind.find for kind in (Mild, Bad, Blind)}
    rows = tuple(Detector(name, "", name.removesuffix(":find")) for name in made_up)
    monkeypatch.setattr(registry, "DETECTORS", rows)
    monkeypatch.setattr(registry, "named", made_up.__getitem__)
    asked.clear()
    made = Desk()
    yield made
    made.effects.stop()


def test_a_session_is_looked_through_once_and_what_cannot_be_read_takes_nothing_from_the_rest(
    desk: Desk, tmp_path: Path
) -> None:
    path = build_session(tmp_path / "orders.scope", events=400, segments=3).path
    shown = desk.do(r.OpenSession(path=str(path)), until=lambda now: has_frame(now) and now.findings is not None)
    assert [one.kind for one in shown.findings or ()] == ["bad", "mild"]
    assert not shown.looks_for_findings
    desk.do(e.SeekTo(time_ns=5_000), until=has_frame)
    assert asked == [str(path)]
    again = desk.do(r.OpenSession(path=str(path)), until=lambda now: has_frame(now) and now.session != shown.session)
    assert desk.do(until=lambda now: now.findings is not None).findings == shown.findings
    assert again.finding_at is None


def test_what_is_switched_off_is_not_looked_for_and_once_it_is_on_again_everything_is(
    desk: Desk, tmp_path: Path
) -> None:
    path = build_session(tmp_path / "orders.scope", events=400, segments=3).path
    desk.do(e.ChangeSetting(name="analyses.made-up.Mild:find", value=False))
    shown = desk.do(r.OpenSession(path=str(path)), until=lambda now: has_frame(now) and now.findings is not None)
    assert [one.kind for one in shown.findings or ()] == ["bad"]
    assert asked == []
    desk.do(e.ChangeSetting(name="analyses.made-up.Mild:find", value=None))
    again = desk.do(until=lambda now: now.findings is not None)
    assert [one.kind for one in again.findings or ()] == ["bad", "mild"]


def test_what_is_still_recorded_is_not_looked_through(desk: Desk, tmp_path: Path) -> None:
    path = build_session(tmp_path / "live.scope", events=400, segments=3, finish=False).path
    shown = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    assert shown.session is not None
    if shown.session.is_growing:
        assert not shown.looks_for_findings


def is_picked(event_id: int, now: Assigns) -> bool:
    return now.selection is not None and now.selection.id == event_id


def test_a_finding_leads_through_its_events_and_one_without_says_itself(desk: Desk, tmp_path: Path) -> None:
    path = build_session(tmp_path / "orders.scope", events=400, segments=3).path
    desk.do(r.OpenSession(path=str(path)), until=lambda now: has_frame(now) and now.findings is not None)
    said = desk.do(e.GoToFinding(at=0), until=lambda now: now.notice is not None)
    assert said.notice is not None
    assert said.notice.text == "bad is wrong."
    for event, expected in (
        (e.GoToFinding(at=1), PROOF[0]),
        (e.GoToOccurrence(by=1), PROOF[1]),
        (e.GoToOccurrence(by=1), PROOF[0]),
        (e.GoToOccurrence(by=-1), PROOF[1]),
    ):
        shown = desk.do(event, until=partial(is_picked, expected))
        assert shown.selection is not None
        assert shown.selection.kind == "event"
    none = desk.do(e.GoToFinding(at=3))
    assert none.notice is not None
    assert none.notice.text == "There is no such finding."
    assert desk.do(e.GoToOccurrence(by=1)).finding_at is None
