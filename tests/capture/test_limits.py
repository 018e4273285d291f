"""What a limit of the format allows is read back, and what is beyond it is split, cut with a mark, or refused at once.

Each limit that honest data can reach is written at one less, at itself and at one more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.decode import catalog as catalog_module
from capture.drain.blocks import MAX_PAYLOAD_BYTES, BlockType
from capture.drain.journal import JournalReader, JournalWriter
from capture.drain.pool import MOST_TRACKS, TrackCounters, whole_pieces
from capture.errors import FormatError, ScopeError, TargetProblem, WrongUsage
from capture.events.batch import EventBatch
from capture.events.definitions import MAX_DEFINITION_BYTES, parse_definitions
from capture.flags import LONGEST_PATTERN, MOST_PATTERNS
from capture.names import LONGEST_COMMAND, command_line, json_bytes
from capture.session import segment_store as store_module
from capture.session.format import MAX_TEXT, MOST_TEXTS, About, clipped
from capture.session.notes import MAX_NOTES_BYTES, Note, read_notes, write_notes
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.settings import MOST_BYTES, CaptureSettings
from capture.typed import converted
from capture.unseen import MOST_CHARACTERS, MOST_ROWS, UnseenRow, with_detail
from tests.sessions import build_session
from tests.synthetic import PaperTarget, decode, record

AROUND = (-1, 0, 1)
ABOUT = {"session_id": "5e55105e55105e55", "created_real_ns": 1}


def definition(ident: int, size: int) -> bytes:
    """One of that many bytes in all."""
    return struct.pack("<HBBIII", 0x5DE5, 1, 0, ident, size - 16, 0) + b"x" * (size - 16)


@pytest.mark.parametrize("off", AROUND)
def test_definitions_beyond_a_blocks_size_go_into_two(off: int, tmp_path: Path) -> None:
    """60 000 functions have more than 4 MiB of names; a session with them could not be recovered, ever."""
    each = MAX_PAYLOAD_BYTES // 64
    data = b"".join(definition(ident, each) for ident in range(1, 64)) + definition(64, each + off)
    pieces = list(whole_pieces(data))
    assert len(pieces) == (2 if off > 0 else 1)
    writer = JournalWriter(tmp_path / "journal")
    for piece in pieces:
        writer.append(BlockType.DEFS, 1, piece)
    writer.close()
    reader = JournalReader(tmp_path / "journal")
    read = [found.id for block in reader.read() for found in parse_definitions(block.payload)]
    reader.close()
    assert read == list(range(1, 65))


@pytest.mark.parametrize("off", AROUND)
def test_the_greatest_definition_is_read_and_a_greater_one_ends_the_reading(off: int) -> None:
    data = definition(1, 100) + definition(2, MAX_DEFINITION_BYTES + 16 + off)
    found = [one.id for piece in whole_pieces(data) for one in parse_definitions(piece)]
    assert found == ([1] if off > 0 else [1, 2])


@pytest.mark.parametrize("off", AROUND)
def test_a_block_holds_its_greatest_payload(off: int, tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    payload = bytes(MAX_PAYLOAD_BYTES + off)
    if off > 0:
        with pytest.raises(ValueError, match="a block holds at most"):
            writer.append(BlockType.FACTS, 1, payload)
    else:
        writer.append(BlockType.FACTS, 1, payload)
    writer.close()
    reader = JournalReader(tmp_path)
    assert [len(block.payload) for block in reader.read()] == ([] if off > 0 else [len(payload)])
    reader.close()


@pytest.mark.parametrize("off", AROUND)
def test_counters_of_more_threads_than_a_block_holds_are_told_in_parts(off: int) -> None:
    dropped = dict.fromkeys(range(1, MOST_TRACKS + off + 1), 0)
    dropped[MOST_TRACKS + off] = 7
    target = PaperTarget().begin()
    target.events(1, record(100, 1, 1))
    facts = list(TrackCounters(dropped, 0, 0).facts(1))
    assert len(facts) == (2 if off > 0 else 1)
    for fact in facts:
        target.fact(str(fact.pop("fact")), **fact)
    decoder, _ = decode(target.blocks)
    assert decoder.catalog.targets[1].counters == dropped
    assert decoder.totals().dropped == 7


@pytest.mark.parametrize("off", AROUND)
def test_a_long_command_line_is_cut_with_a_mark_and_its_session_opens(off: int, tmp_path: Path) -> None:
    for length in (LONGEST_COMMAND + off, MAX_TEXT + off):
        told = command_line(["x" * length])
        assert told.startswith("x" * min(length, LONGEST_COMMAND))
        assert ("more characters" in told) == (length > LONGEST_COMMAND)
        path = tmp_path / f"{length}.scope"
        SegmentStore.create(path, {**ABOUT, "command": [told], "target": clipped("t" * length)}, sync=False).finish()
        with Session.open(path) as session:
            assert session.manifest.about.command == [told]
            assert session.manifest.about.target.startswith("t" * (min(length, MAX_TEXT) - 1))


@pytest.mark.parametrize("off", AROUND)
def test_patterns_that_a_manifest_cannot_hold_are_refused_before_anything_is_recorded(off: int) -> None:
    assert (MOST_PATTERNS, LONGEST_PATTERN) == (MOST_TEXTS, MAX_TEXT)
    for patterns in ([f"m{number}" for number in range(MOST_PATTERNS + off)], ["m" * (LONGEST_PATTERN + off)]):
        if off > 0:
            with pytest.raises(ScopeError, match=r"may be given|may have"):
                CaptureSettings.checked(include=patterns)
        else:
            settings = CaptureSettings.checked(include=patterns)
            assert converted({**ABOUT, "include": list(settings.include)}, About).include == patterns


@pytest.mark.parametrize("letter", ["m", "\x01", "\udce9"])
def test_patterns_that_a_journal_cannot_hold_are_refused_before_anything_is_recorded(
    letter: str, tmp_path: Path
) -> None:
    """A control character is six in JSON: 25 patterns of 65 000 ended `run` in a traceback."""
    each = len(json_bytes([letter])) - len(json_bytes([""]))
    count = MOST_BYTES // (LONGEST_PATTERN * each)
    settings = CaptureSettings.checked(include=[letter * LONGEST_PATTERN] * (count - 1))
    writer = JournalWriter(tmp_path)
    writer.append(BlockType.FACTS, 1, json_bytes([settings.facts(), command_line(["\x01" * LONGEST_COMMAND])]))
    writer.close()
    with pytest.raises(WrongUsage, match="3 MiB"):
        CaptureSettings.checked(include=[letter * LONGEST_PATTERN] * (count + 1))


@pytest.mark.parametrize("off", AROUND)
def test_notes_that_could_not_be_read_are_not_written(off: int, tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=4, segments=1)
    write_notes(truth.path, [Note(time_ns=1, text="")])
    around = (truth.path / "notes.json").stat().st_size - len('"text": "",\n')
    notes = [Note(time_ns=1, text="x" * (MAX_NOTES_BYTES - around - 64))]
    write_notes(truth.path, notes)
    missing = MAX_NOTES_BYTES - (truth.path / "notes.json").stat().st_size
    notes = [Note(time_ns=1, text=notes[0].text + "x" * (missing + off))]
    if off > 0:
        with pytest.raises(TargetProblem, match="were not saved"):
            write_notes(truth.path, notes)
    else:
        write_notes(truth.path, notes)
        with Session.open(truth.path) as session:
            assert read_notes(session) == notes


@pytest.mark.parametrize("off", AROUND)
def test_more_threads_than_a_session_can_have_are_told(off: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million of them are too many for a test: the limit is a small one here."""
    monkeypatch.setattr(catalog_module, "MAX_TRACKS", 10)
    target = PaperTarget().begin()
    for track in range(1, 10 + off):
        target.events(track, record(100 * track, 1, 1), record(100 * track + 5, 1, 4))
    decoder, _ = decode(target.blocks) if off <= 0 else (None, None)
    if decoder is not None:
        assert decoder.catalog.unseen == []
        assert decoder.totals().recorded == 2 * (9 + off)
        return
    with pytest.raises(FormatError, match="one thread too many"):
        decode(target.blocks)


@pytest.mark.parametrize("off", AROUND)
def test_more_processes_than_a_session_can_have_are_refused(off: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "MAX_TRACKS", 3)
    catalog = catalog_module.Catalog()
    for serial in range(1, 3 + off):
        catalog.target(serial)
    if off > 0:
        for _ in range(2):
            with pytest.raises(FormatError, match="a process beyond"):
                catalog.target(4)
    assert len(catalog.processes) == min(2 + off, 3)
    assert len(catalog.tracks) == len(catalog.processes)


@pytest.mark.parametrize("off", AROUND)
def test_more_blindness_than_is_listed_is_told(off: int) -> None:
    rows: list[UnseenRow] = []
    for number in range(MOST_ROWS - 1 + off):
        rows = with_detail(rows, number, "child", "x" * (MOST_CHARACTERS + off))
    assert len(rows) == MOST_ROWS - 1 + off
    assert (rows[-1].code == "more") == (off > 0)
    assert len(rows[0].details[0]) == min(MOST_CHARACTERS + off, MOST_CHARACTERS)
    assert with_detail(rows, 5000, "child", "") == rows if off > 0 else True


@pytest.mark.parametrize(("limit", "count"), [("MAX_SEGMENTS", len), ("MAX_MANIFEST_BYTES", None)])
def test_a_session_that_lists_all_it_can_says_so_and_keeps_what_it_has(
    limit: str, count: Callable[..., int] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", ABOUT, sync=False)
    store._may_merge = False
    store.seal(EventBatch.empty(1), end_ns=10)
    store.commit()
    size = (tmp_path / "a.scope" / "manifest.json").stat().st_size
    monkeypatch.setattr(store_module, limit, 1 if count else size + 16 + store_module._LAST_WORDS_BYTES)
    store.seal(EventBatch.empty(1), end_ns=20)
    with pytest.raises(TargetProblem, match="as much as a session can list"):
        store.commit()
    store.close()
    with Session.open(tmp_path / "a.scope") as session:
        assert len(session.segments) == 1
