"""What is lost between a program and its session is told, by every verb (capture/losses.py)."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from capture.drain.blocks import HEADER_BYTES, MAGIC, Block, BlockType, file_name, pack_header
from capture.drain.journal import JournalWriter
from capture.losses import LOSSES, MOST_ROWS, LossRow, told_losses, with_loss
from capture.own_folder import OwnFolder
from capture.session import segment_store
from capture.session.pack import pack
from capture.session.session import Session
from scope_gui.recording.recovery import recover
from tests.leftovers import wait_for
from tests.recordings import Killed
from tests.scope_command import query, scope, scope_here, scope_json
from tests.sessions import build_session
from tests.synthetic import PaperTarget, record, seal_what_is_complete

ABOUT = {"session_id": "5e55105e55105e55", "command": "paper", "mode": "full", "include": [], "exclude": [],
         "state": [], "when_full": "drop"}  # fmt: skip
TOLD_GONE = ("journal are missing", "the note of where sealing had come to is damaged")
KINDS = {"call": 1, "return": 4, "of a newer Scope": 200}


def left(
    path: Path, *, ends: bool = True, last_kind: str = "return", known_ns: int = 1_000_000, dropped: int = 0
) -> Path:
    """What a killed recorder has left: a journal, and no pool. Two threads call f1 three times each."""
    target = PaperTarget()
    target.fact("session", start_mono_ns=1_000_000_000, start_real_ns=10**18, **ABOUT)
    target.begin()
    for track in (1, 2):
        for call in range(3):
            ticks = 1000 * track + 100 * call
            target.events(track, record(ticks, 1, KINDS["call"]))
            last = last_kind if (track, call) == (2, 2) else "return"
            target.events(track, record(ticks + 50, 1, KINDS[last]))
    if ends:
        target.fact("counters", process_serial=1, tracks={"1": 0, "2": dropped})
    target.clock(known_ns)
    target.write(path / "journal")
    return path


def recovered(path: Path) -> dict[str, Any]:
    """`info --json` of the session after its recovery."""
    recover(path, lambda said: None)
    info: dict[str, Any] = scope_json("info", path, "--json")
    return info


def names_in(path: Path) -> list[str]:
    with Session.open(path) as session:
        return sorted(site.function for site in session.sites() if site.file)


def assert_told(path: Path, words: str) -> None:
    info = scope_json("info", path, "--json")
    assert not info["complete"]
    assert any(words in problem["what"] and problem["lost"] for problem in info["problems"]), info["problems"]
    assert words in scope("info", path).stdout
    verified = scope("verify", path, expect=1).stdout
    assert words in verified
    assert "nothing is missing" not in verified


def test_a_journal_that_came_to_its_books_end_is_whole(tmp_path: Path) -> None:
    info = recovered(left(tmp_path / "a.scope"))
    assert (info["recorded"], info["produced"], info["complete"], info["problems"]) == (12, 12, True, [])


def test_records_of_an_unknown_kind_at_a_tracks_end_are_lost_and_told(tmp_path: Path) -> None:
    info = recovered(left(tmp_path / "a.scope", last_kind="of a newer Scope"))
    assert (info["recorded"], info["produced"], info["dropped"]) == (11, 12, 0)
    assert_told(tmp_path / "a.scope", "unknown kind 200")
    assert {"reason": "records refused"} in query(tmp_path / "a.scope", "SELECT reason FROM gaps")


def test_a_program_whose_memory_is_gone_has_lost_something(tmp_path: Path) -> None:
    """As after a restart of the machine: the journal is whole, and what was not in it nobody has."""
    recovered(left(tmp_path / "a.scope", ends=False))
    assert_told(tmp_path / "a.scope", "the memory that it shared with its recorder was gone")


def test_a_folder_that_no_recorder_makes_is_no_pool_and_stays(tmp_path: Path) -> None:
    """A journal counts to 65 535. What lay under a greater number was passed over, and then deleted."""
    session = left(tmp_path / "a.scope", ends=False)
    stranger = session / "pool" / "65536"
    stranger.mkdir(parents=True, mode=0o700)
    (stranger / "pool.bin").write_bytes(b"somebody's")
    said = scope("recover", session).stderr
    assert f"{stranger} is no pool that a recorder makes; it is left where it is" in said
    assert (stranger / "pool.bin").read_bytes() == b"somebody's"


def test_verify_tells_of_what_never_came_into_the_session(tmp_path: Path) -> None:
    """It is no damage; but "nothing is missing" was said of it."""
    session = left(tmp_path / "a.scope", dropped=3)
    recovered(session)
    said = scope("verify", session).stdout
    assert "note: 3 of 15 events were dropped.\n" in said
    assert "note: 1 gap: " in said
    assert said.endswith("\nnothing that was recorded is missing\n")
    report = scope_json("verify", session, "--json")
    assert (report["ok"], report["dropped"]) == (True, 3)


@pytest.mark.parametrize("bytes_of_pool", [b"", bytes(100), bytes(4096), b"x" * 8192])
def test_a_damaged_pool_is_told_by_every_verb(bytes_of_pool: bytes, tmp_path: Path) -> None:
    session = left(tmp_path / "a.scope", ends=False)
    (session / "pool" / "1").mkdir(parents=True, mode=0o700)
    (session / "pool" / "1" / "pool.bin").write_bytes(bytes_of_pool)
    recovered(session)
    assert_told(session, "that it shared with its recorder is damaged")
    assert not (session / "pool").exists()


def test_whatever_a_flipped_bit_in_a_journal_costs_is_told(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    whole = recovered(left(tmp_path / "whole.scope"))
    names = names_in(tmp_path / "whole.scope")
    made = left(tmp_path / "made.scope")
    data = (made / "journal" / file_name(1)).read_bytes()
    starts = [at for at in range(0, len(data), 8) if data[at : at + 4] == MAGIC]
    at_random = random.Random(5)
    places = [*(start + at_random.randrange(HEADER_BYTES) for start in starts[:: rounds(3, 1)])]
    places += [at_random.randrange(starts[1], len(data)) for _ in range(rounds(6, 2000))]
    told = 0
    for place in places:
        session = shutil.copytree(made, tmp_path / "flipped.scope")
        flipped = bytearray(data)
        flipped[place] ^= 1 << at_random.randrange(8)
        (session / "journal" / file_name(1)).write_bytes(flipped)
        if scope_here(["recover", str(session), "--json"]).returncode == 0:
            info = scope_json("info", session, "--json")
            same = (info["recorded"], info["produced"], names_in(session)) == (
                whole["recorded"],
                whole["produced"],
                names,
            )
            assert same or not info["complete"], place
            told += not info["complete"]
        else:
            told += 1
        shutil.rmtree(session)
    assert told > len(places) // 3


@pytest.mark.parametrize("torn", [1, 33, 44, 47, 60], ids="of {} bytes".format)
def test_a_torn_end_is_no_loss_once_the_books_are_closed(torn: int, tmp_path: Path) -> None:
    """Nothing of the program can be in it: its recorder was killed amid its own last words, or a recovery was."""
    session = left(tmp_path / "a.scope")
    with (session / "journal" / file_name(1)).open("ab") as file:
        file.write(pack_header(Block(BlockType.FACTS, 1, 0, 0, 99, 0, b"{" * 60))[:torn] + b"{" * max(0, torn - 48))
    info = recovered(session)
    assert (info["recorded"], info["complete"], info["problems"]) == (12, True, [])


def test_a_torn_end_whose_program_is_nowhere_any_more_is_a_loss(tmp_path: Path) -> None:
    session = left(tmp_path / "a.scope", ends=False)
    with (session / "journal" / file_name(1)).open("ab") as file:
        file.write(MAGIC + bytes(40))
    recovered(session)
    assert_told(session, "the memory that it shared with its recorder was gone")


def test_a_lost_resume_point_costs_what_is_not_sealed_and_the_session_can_be_finished(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=60, segments=2, finish=False)
    (truth.path / "manifest.bak").write_bytes((truth.path / "manifest.json").read_bytes())  # as a checkpoint leaves it
    for resume in (tmp_path / "a.scope" / "journal").glob("*.resume"):
        resume.write_bytes(b"damaged")
    JournalWriter(tmp_path / "a.scope" / "journal").close()
    info = recovered(truth.path)
    assert info["recorded"] == 60
    assert_told(truth.path, "the note of where sealing had come to is damaged")
    recover(truth.path, lambda said: None)
    assert list((truth.path / "journal").glob("*.jrn"))


def with_resume_point(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """An interrupted recording of which all events are sealed; its resume point has a right checksum."""
    session = left(path, known_ns=1_000_000_000)
    seal_what_is_complete(session)
    with OwnFolder.open(session) as folder:
        again = segment_store.SegmentStore.reopen(folder)
        data = again.resume_bytes()
        assert data is not None
        mark = again.head.journal
        again.set_resume(msgspec.msgpack.encode(change(msgspec.msgpack.decode(data))), (mark.file_no, mark.offset))
        again.commit()
        again.close()
    return session


def with_decoder(point: dict[str, Any], **changes: Any) -> dict[str, Any]:
    decoder = msgspec.msgpack.decode(point["decoder"]) | changes
    return {**point, "decoder": msgspec.msgpack.encode(decoder)}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda point: "no point at all", id="no point"),
        pytest.param(lambda point: {**point, "decoder": b"\xc1"}, id="no decoder"),
        pytest.param(lambda point: {**point, "correlator": b"\xc1"}, id="no correlator"),
        pytest.param(lambda point: with_decoder(point, rows=(9, 9, 9, 9)), id="more names than there are"),
    ],
)
def test_a_resume_point_that_makes_no_sense_is_as_good_as_lost(
    change: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    """Each was refused by every `recover`, for ever: no session came of it, of what was sealed neither."""
    session = with_resume_point(tmp_path / "a.scope", change)
    sealed = query(session, "SELECT count(*) AS n FROM events")
    recovered(session)
    assert query(session, "SELECT count(*) AS n FROM events") == sealed != [{"n": 0}]
    assert_told(session, "the note of where sealing had come to is damaged")
    assert list((session / "journal").glob("*.jrn"))


def test_a_resume_point_of_another_version_is_left_to_it(tmp_path: Path) -> None:
    session = with_resume_point(tmp_path / "a.scope", lambda point: with_decoder(point, version=2))
    newest = max((session / "journal").glob("*.resume"))
    kept = {file: file.read_bytes() for file in (newest, *session.rglob("*.parquet"))}
    for _ in range(2):
        told = scope("recover", session, expect=1).stderr
        assert "Recover it with the Scope that has recorded it." in told
        assert scope_json("info", session, "--json")["state"] == "recording"
        assert {file: file.read_bytes() for file in kept} == kept
        assert list((session / "journal").glob("*.jrn"))


def sealed_in_part(path: Path) -> Path:
    """A recording of which the first thread's events are sealed, and the second's lie behind them in the journal."""
    target = PaperTarget()
    target.fact("session", start_mono_ns=1_000_000_000, start_real_ns=10**18, **ABOUT)
    target.begin()
    target.events(1, *(record(1000 + 10 * at, 1, KINDS["return" if at % 2 else "call"]) for at in range(100)))
    target.clock(100_000_000)
    target.write(path / "journal")
    seal_what_is_complete(path)
    return path


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lambda journal: journal.unlink(), id="the file"),
        pytest.param(lambda journal: shutil.rmtree(journal.parent), id="the folder"),
        pytest.param(lambda journal: os.truncate(journal, 0), id="what is in the file"),
        pytest.param(lambda journal: os.truncate(journal, 200), id="the end of the file"),
    ],
)
@pytest.mark.parametrize("is_sealed", [False, True], ids=["nothing is sealed", "some is sealed"])
def test_a_journal_that_is_gone_is_told(is_sealed: bool, lose: Callable[[Path], None], tmp_path: Path) -> None:
    """Of a session whose journal was deleted before anything of it was sealed, all verbs said that it is complete."""
    session = sealed_in_part(tmp_path / "a.scope")
    with Session.open(session) as opened:
        assert opened.manifest.journal.offset > 200
        sealed = opened.manifest.counts.recorded
    if not is_sealed:
        forget_what_is_sealed(session)
    lose(session / "journal" / file_name(1))
    info = recovered(session)
    assert query(session, "SELECT count(*) AS n FROM events") == [{"n": sealed if is_sealed else 0}]
    [words] = [told for told in TOLD_GONE if any(told in problem["what"] for problem in info["problems"])]
    assert_told(session, words)


def forget_what_is_sealed(session: Path) -> None:
    """The state before the first segment."""
    for file in (*session.glob("manifest.*"), *session.rglob("*.parquet"), *session.rglob("*.resume")):
        file.unlink()
    segment_store.SegmentStore.create(session, ABOUT | {"command": ["paper"], "created_real_ns": 1}, sync=False).close()


def test_what_a_pool_still_holds_is_kept_though_the_journal_is_gone(tmp_path: Path) -> None:
    """It was written where no reader looked, and then deleted from the pool."""
    killed = Killed(tmp_path)
    try:
        wait_for(lambda: killed.steps > 2_000 and (killed.session / "manifest.json").exists(), 20)
        killed.kill()
        for file in (killed.session / "journal").glob("*.jrn"):
            os.truncate(file, 0)
        info = recovered(killed.session)
        [kept] = query(killed.session, "SELECT count(*) AS n, max(event_id) AS last FROM events")
        assert kept["n"] == info["recorded"]
        assert_told(killed.session, TOLD_GONE[0])
    finally:
        killed.close()


def test_a_packed_members_bad_header_costs_that_member_only(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=600, segments=4)
    packed = pack(truth.path, tmp_path / "b.scope")
    with Session.open(packed) as session:
        segment = session.segments[2]
    name = next(entry.name for entry in segment.files if entry.table == "events").encode()
    data = bytearray(packed.read_bytes())
    [header] = [at for at in range(len(data)) if data.startswith(b"PK\x03\x04", at) and data.startswith(name, at + 30)]
    data[header] ^= 1
    packed.write_bytes(data)
    assert query(packed, "SELECT count(*) AS n FROM events") == [{"n": 600 - segment.events}]
    assert query(packed, "SELECT count(*) > 100 AS n FROM calls") == [{"n": True}]
    scope("frame", packed, "--at", "end")
    assert f"segments/{segment.seq:08d}.events.parquet" in scope("verify", packed, expect=1).stdout


def test_the_ledger_is_bounded_and_says_that_there_is_more() -> None:
    rows: list[LossRow] = []
    for number in range(2 * MOST_ROWS):
        rows = with_loss(rows, "pool-damaged", f"{number}: x", 0)
    assert len(rows) == MOST_ROWS
    assert (rows[-1].code, rows[-1].count) == ("more", MOST_ROWS + 1)


def test_every_code_is_a_whole_sentence_and_a_newer_one_is_shown_as_it_is() -> None:
    assert len({kind.code for kind in LOSSES}) == len(LOSSES)
    assert all(kind.sentence.endswith(".") for kind in LOSSES)
    assert told_losses([LossRow("quantum", 3, "q1")]) == [
        "Something is lost, 3 times: quantum q1 (said by a newer Scope)."
    ]


def test_a_session_that_lists_all_it_can_is_finished_with_what_it_has_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It met its limit while it was recorded, and met it again in every `recover`."""
    session = left(tmp_path / "a.scope")
    seal_what_is_complete(session)
    size = (session / "manifest.json").stat().st_size
    monkeypatch.setattr(segment_store, "MAX_MANIFEST_BYTES", size + 1200)
    monkeypatch.setattr(segment_store, "_LAST_WORDS_BYTES", 1000)
    said: list[str] = []
    recover(session, said.append)
    assert "as much as a session can list" in " ".join(said)
    assert_told(session, "lists as much as a session can")
    recover(session, said.append)
    assert list((session / "journal").glob("*.jrn"))
