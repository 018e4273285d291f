"""What a recording cannot see reaches its readers whole: said once or often, before a crash or by a newer Scope."""

from __future__ import annotations

from pathlib import Path

from capture.drain.journal import JournalWriter
from capture.events.definitions import DefinitionKind
from capture.own_folder import OwnFolder
from capture.session.session import Session
from capture.unseen import MOST_DETAILS, UNSEEN, UnseenRow, told_unseen, with_detail
from scope_gui.blindness import unseen_lines
from scope_gui.recording.sealer import Sealer
from tests.scope_command import scope, scope_json
from tests.synthetic import PaperTarget, decode, definition, record, seal_what_is_complete

ABOUT = {"session_id": "5e55105e55105e55", "command": "paper", "mode": "full", "include": [], "exclude": [],
         "state": [], "when_full": "drop"}  # fmt: skip


def unseen(ident: int, code: str, detail: str) -> bytes:
    return definition(DefinitionKind.UNSEEN, ident, code, detail)


def journal(path: Path, target: PaperTarget) -> None:
    """A session folder whose journal holds the target's blocks."""
    (path / "journal").mkdir(parents=True, exist_ok=True)
    fresh = not any((path / "journal").iterdir())
    writer = JournalWriter(path / "journal") if fresh else JournalWriter.reopen(path / "journal")
    for block in target.blocks:
        writer.append(block.type, block.process_serial, block.payload, track_serial=block.track_serial)
    writer.close()


def test_what_the_target_and_the_recorder_say_is_one_list_said_once() -> None:
    target = PaperTarget().begin()
    target.define(unseen(1, "class-untouched", "app.A"), unseen(2, "class-untouched", "app.B"))
    target.fact("unseen", process_serial=1, code="sub-interpreter")
    target.fact("unseen", process_serial=1, code="class-untouched", detail="app.A")
    decoder, _ = decode(target.blocks)
    assert decoder.catalog.unseen == [
        UnseenRow(1, "class-untouched", ["app.A", "app.B"]),
        UnseenRow(1, "sub-interpreter", []),
    ]
    lines = list(unseen_lines(told_unseen(decoder.catalog.unseen)))
    assert lines[1:] == [
        "  - Attributes of app.A and app.B are not recorded: watching would have broken the class.",
        "  - What runs in sub-interpreters is not recorded.",
    ]


def test_a_code_of_a_newer_scope_is_shown_as_it_is() -> None:
    (newer,) = told_unseen([UnseenRow(1, "quantum-frames", ["q1"])])
    assert newer.sentence == "quantum-frames: q1 (said by a newer Scope)."


def test_a_target_that_says_ten_thousand_details_gets_a_bounded_row() -> None:
    rows: list[UnseenRow] = []
    for number in range(10_000):
        rows = with_detail(rows, 1, "child", f"worker {number}")
    (row,) = rows
    assert len(row.details) == MOST_DETAILS + 1
    assert row.details[-1] == "..."
    assert told_unseen(rows)[0].sentence.endswith("worker 63 and others.")


def test_every_code_has_one_row_and_a_whole_sentence() -> None:
    assert len({row.code for row in UNSEEN}) == len(UNSEEN)
    assert all(row.sentence.endswith(".") and row.sentence[0] in "{ABCDEFGHIJKLMNOPQRSTUVWXYZ" for row in UNSEEN)


def test_the_list_outlives_a_recorder_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "killed.scope"
    before = PaperTarget()
    before.fact("session", start_mono_ns=1, start_real_ns=1, **ABOUT)
    before.begin().define(unseen(1, "class-untouched", "app.A"))
    before.events(1, record(1_000, 1, 1))
    before.clock(100_000_000)
    journal(path, before)
    seal_what_is_complete(path)

    after = PaperTarget()
    after.define(unseen(2, "class-untouched", "app.B"))
    journal(path, after)
    with OwnFolder.open(path) as folder:
        Sealer.resumed(folder).finish("recovered")

    with Session.open(path) as session:
        assert session.manifest.unseen == [UnseenRow(1, "class-untouched", ["app.A", "app.B"])]
    (said,) = scope_json("info", path, "--json")["unseen"]
    assert said["details"] == ["app.A", "app.B"]
    assert said["process_id"] == 1
    assert f"  - {said['sentence']}" in scope("info", path).stdout
