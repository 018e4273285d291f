"""A session of a later minor version is read with a warning by every verb, and nothing in it is lost by one."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from capture.drain.blocks import BlockType
from capture.events.definitions import DefinitionKind
from capture.session.session import Session
from dags.correlate.correlator import Correlator
from dags.frame.reader import frame_at
from tests.damaged import flip_bit
from tests.newer import FLAG, KIND, METRIC, OUTCOME, TABLE, additions, make_newer
from tests.scope_command import query, scope, scope_here, scope_series
from tests.sessions import build_session
from tests.synthetic import PaperTarget, definition, record, seal_what_is_complete

ABOUT = {"session_id": "5e55105e55105e55", "command": "paper", "mode": "full", "include": [], "exclude": [],
         "state": [], "when_full": "drop"}  # fmt: skip
WARNING = "newer format 1.7"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = build_session(tmp_path_factory.mktemp("newer") / "s.scope", 300, segments=2).path
    assert scope_here(["index", str(path)]).returncode == 0
    make_newer(path)
    return path


@pytest.fixture
def newer(made: Path, tmp_path: Path) -> Path:
    """One that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "s.scope"))


def interrupted(path: Path, *more: tuple[int, bytes]) -> Path:
    """A newer recording that was killed: a sealed part, and as much again in the journal, with these blocks too."""
    target = PaperTarget()
    target.fact("session", start_mono_ns=1_000_000_000, start_real_ns=10**18, **ABOUT)
    target.begin()

    def calls(first: int) -> None:
        for ticks in range(first, first + 1000, 100):
            target.events(1, record(ticks, 1, 1), record(ticks + 50, 1, 4))

    calls(1000)
    target.clock(3000)
    target.write(path / "journal")
    seal_what_is_complete(path)
    make_newer(path)
    for file in (path / "journal").glob("*.jrn"):
        file.unlink()
    calls(100_000)
    for kind, payload in more:
        target._append(BlockType(kind) if kind in set(BlockType) else kind, payload)  # type: ignore[arg-type]
    target.fact("counters", process_serial=1, tracks={"1": 0})
    target.clock(1_000_000)
    target.write(path / "journal")
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["frame", "SESSION", "--at", "50%"],
        ["frame", "SESSION", "--at", "end", "--json"],
        ["events", "SESSION", "--kind", "call"],
        ["query", "SESSION", "SELECT * FROM calls"],
        ["index", "SESSION"],
        ["pack", "SESSION"],
        ["recover", "SESSION"],
    ],
    ids=lambda words: str(words[0]),
)
def test_every_verb_goes_on_and_says_what_it_passes_over(words: list[str], newer: Path) -> None:
    done = scope_here([str(newer) if word == "SESSION" else word for word in words])
    assert done.returncode == 0, done.stderr
    assert WARNING in done.stderr


def test_verify_and_info_say_it_in_their_answer(newer: Path) -> None:
    for verb in ("info", "verify"):
        assert WARNING in scope(verb, newer).stdout
    told = scope("verify", newer).stdout
    assert "nothing that was recorded is missing" in told
    assert f"{TABLE} 6" in told  # rows that are only counted
    assert "caches were not compared" in told


def test_a_keyframe_with_a_part_that_nobody_knows_is_used() -> None:
    """It was refused, and with it the point from which a recovery goes on."""
    kept = msgspec.msgpack.decode(Correlator().keyframe())
    kept["dags"]["dreams"] = b"\x80"
    assert Correlator.from_keyframe(msgspec.msgpack.encode(kept)).keyframe() == Correlator().keyframe()


def test_damage_in_a_table_that_nobody_knows_is_found(newer: Path) -> None:
    flip_bit(next((newer / "segments").glob(f"*.{TABLE}.parquet")))
    assert f"2 rows of {TABLE} are lost" in scope("verify", newer, expect=1).stdout


def test_pictures_of_every_view_are_painted(newer: Path, tmp_path: Path) -> None:
    views = ("window", "timeline", "building", "supervision", "inspector", "metrics")
    asked = [["export", newer, "--at", "60%", "--view", view, "-o", tmp_path / f"{view}.png"] for view in views]
    for done in scope_series(asked):
        assert done.returncode == 0, done.stderr
        assert WARNING in done.stderr


def test_words_and_bits_that_nobody_knows_stay_in_their_rows(newer: Path) -> None:
    assert query(newer, f"SELECT count(*) AS n FROM events WHERE kind = '{KIND}'") == [{"n": 2}]
    assert query(newer, f"SELECT count(*) AS n FROM events WHERE flags & {FLAG} <> 0") == [{"n": 300}]
    assert query(newer, f"SELECT count(*) AS n FROM calls WHERE outcome = '{OUTCOME}'") == [{"n": 2}]
    assert query(newer, "SELECT count(*) AS n FROM metrics WHERE value = 'inf'") == [{"n": 2}]


def test_a_figure_that_is_no_number_is_not_shown_in_a_frame(newer: Path) -> None:
    with Session.open(newer) as session:
        frame = frame_at(session, session.end_ns)
    assert frame.metrics[METRIC] == 7.0
    assert "threads" not in frame.metrics
    assert frame.processes[0].rss_bytes == 1_000_001
    assert frame.processes[0].cpu_percent is None


def test_a_pack_holds_it_all(newer: Path) -> None:
    before = additions(newer)
    scope_here(["pack", str(newer)])
    assert newer.is_file()
    assert additions(newer) == before


def test_a_recovery_keeps_it_all_and_goes_on(tmp_path: Path) -> None:
    session = interrupted(tmp_path / "s.scope")
    before = additions(session)
    done = scope_here(["recover", str(session)])
    assert done.returncode == 0, done.stderr
    assert WARNING in done.stderr
    assert before - additions(session) == set()
    assert query(session, "SELECT count(*) AS n FROM calls") == [{"n": 20}]
    assert "nothing is missing" in scope("verify", session).stdout


SITE = definition(DefinitionKind.SITE, 9, "g", "m", "m.py", "7", "g")


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ((BlockType.FACTS, b'{"fact":"dream","of":"sheep"}'), "facts"),
        ((BlockType.DEFS, SITE + SITE.replace(SITE[:3], b"\xe5\x5d\x77", 1)), "definitions"),
        ((77, b"a block"), "type 77"),
    ],
    ids=["fact", "definition", "block"],
)
def test_what_a_recovery_leaves_out_of_a_newer_journal_is_told(
    block: tuple[int, bytes], told: str, tmp_path: Path
) -> None:
    session = interrupted(tmp_path / "s.scope", block)
    assert scope_here(["recover", str(session)]).returncode == 0
    assert f"what only the newer Scope that wrote them knows ({told})" in scope("info", session).stdout
    assert query(session, "SELECT count(*) AS n FROM calls") == [{"n": 20}]
