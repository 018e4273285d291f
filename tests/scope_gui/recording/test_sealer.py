"""The sealer's process ends, whatever becomes of what it reads."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from capture.drain.journal import BlockType, JournalWriter
from capture.events.batch import make_batch
from capture.events.text_column import TextColumn
from capture.folder_names import JOURNAL
from capture.names import json_bytes
from capture.own_folder import OwnFolder
from capture.settings import CaptureSettings
from scope_gui.recording.sealer import SEGMENT_EVENTS, TEXT_BYTES_AN_EVENT, even_pieces
from scope_gui.recording.sealer_process import SealerProcess
from tests.leftovers import wait_for


def deleted(folder: Path) -> bool:
    """Deletes it, and whether nothing is left: a living sealer makes files in a folder that is being emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@pytest.mark.parametrize("what_goes", ["the end", "the journal", "the session"])
def test_a_sealer_whose_journal_has_no_end_says_so(tmp_path: Path, what_goes: str) -> None:
    """It is asked to end when the end is in the journal, so it read on and on where somebody had deleted that."""
    path = tmp_path / "a.scope"
    with OwnFolder.open(path, new=True) as folder:
        folder.lock()
        journal = JournalWriter(folder.inside(JOURNAL))
        fact = {"fact": "session", "session_id": "0" * 16, "start_mono_ns": 1, "start_real_ns": 1}
        first = json_bytes({**fact, **CaptureSettings().facts(), "command": "python a.py"})
        journal.append(BlockType.FACTS, 1, first)
        sealer = SealerProcess(folder)
        assert wait_for((path / "manifest.json").exists, 20)  # from here on it reads, at some time
        if what_goes != "the end":
            gone = path / JOURNAL if what_goes == "the journal" else path
            assert wait_for(lambda: deleted(gone), 20)
        said: list[str | None] = []
        waiting = threading.Thread(target=lambda: said.append(sealer.wait(lambda words: None)))
        waiting.start()
        waiting.join(20)
        sealer.abandon()
        journal.close()
    assert said, "it goes on for ever"
    assert said[0]


def test_a_sealer_lets_the_recorded_program_go_first(tmp_path: Path) -> None:
    with OwnFolder.open(tmp_path / "a.scope", new=True) as folder:
        folder.lock()
        before = psutil.Process().children()
        sealer = SealerProcess(folder)
        (started,) = set(psutil.Process().children()) - set(before)
        autogroup = Path(f"/proc/{started.pid}/autogroup")
        priority, of_session = started.nice(), autogroup.read_text() if autogroup.exists() else ""
        sealer.abandon()
    assert priority == 10
    assert not of_session or os.geteuid() or of_session.endswith("nice 5\n")  # others than root may be asked to wait


def test_a_burst_is_sealed_in_even_pieces_that_are_smaller_where_its_texts_say_much() -> None:
    events = 3 * SEGMENT_EVENTS // 2
    batch = make_batch(1, np.arange(events), np.ones(events, np.uint8), np.ones(events, np.int32))
    assert [len(piece) for piece in even_pieces(batch)] == [events // 2] * 2
    texts = ["x" * 2 * TEXT_BYTES_AN_EVENT] * events
    pieces = even_pieces(replace(batch, value_rows=np.arange(events), values=TextColumn.of(texts)))
    assert [piece.first_event_id for piece in pieces] == [1 + events * part // 5 for part in range(5)]
    assert sum(len(piece) for piece in pieces) == events
