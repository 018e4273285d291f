"""What the window says of a session that is damaged, and that it says it once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.session.pack import pack
from capture.session.session import Session
from scope_gui.window.header import status_parts
from tests.damaged import cut, files_of, flip_bit
from tests.sessions import build_session
from tests.views.windows import opened
from views.words.damage import damage_sentence, known_damage
from views.words.figures import duration_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return build_session(tmp_path / "orders.scope", events=600, tracks=2, segments=6).path


def test_a_whole_session_is_not_talked_about(path: Path) -> None:
    with Session.open(path) as session:
        for index in range(len(session.segments)):
            session.events(index)
        assert damage_sentence(session) == ""


@pytest.mark.parametrize("damage", [flip_bit, cut, Path.unlink])
def test_a_damaged_segment_is_named_by_its_time_and_once_for_all_its_files(
    path: Path, damage: Callable[[Path], None]
) -> None:
    for file in files_of(path, 3):
        damage(file)
    with Session.open(path) as session:
        third = session.segments[2]
        session.events(2)
        first = known_damage(session)
        session.calls(2)
        session.segment_table(2, "states")
        assert known_damage(session) == first
        sentence = damage_sentence(session)
        assert "100 events" in sentence
        assert f"from {duration_text(third.start_ns)} to " in sentence
        assert "scope-gui verify" in sentence


def test_damage_in_several_places_is_counted_and_lost_names_are_said(path: Path) -> None:
    for number in (2, 3, 5):
        for file in files_of(path, number, "events"):
            flip_bit(file)
    for file in sorted((path / "defs").glob("*.sites.parquet")):
        flip_bit(file)
    with Session.open(path) as session:
        for index in range(len(session.segments)):
            session.events(index)
        session.sites()
        sentence = damage_sentence(session)
    assert "in 2 stretches" in sentence
    assert "300 events in all" in sentence
    assert "names of functions are lost" in sentence


def test_a_packed_session_that_was_cut_says_what_is_missing(path: Path) -> None:
    packed = pack(path, path.with_name("packed.scope"))
    cut(packed, 0.5)
    with Session.open(packed) as session:
        assert "packed.scope is damaged: what was recorded from" in damage_sentence(session)


def test_a_session_that_is_gone_is_said_to_be_gone(path: Path) -> None:
    with Session.open(path) as session:
        session.events(0)
        shutil.rmtree(path)
        session.events(1)
        assert "is not there any more" in damage_sentence(session)


def test_the_header_never_calls_a_damaged_session_whole() -> None:
    assert ("⚠ damaged", False) in status_parts(opened(), 0, damaged=True)
    assert all(good for _, good in status_parts(opened(), 0))
