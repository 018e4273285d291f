"""What ends a recording in time: a disk that fills up, a journal that waits without end."""

from __future__ import annotations

from pathlib import Path

from capture.drain.fuse import Fuse, session_bytes


def test_a_fuse_holds_while_there_is_room(tmp_path: Path) -> None:
    assert Fuse(tmp_path, least_free_bytes=1).blown() is None


def test_a_disk_that_fills_up_blows_it_and_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    blown = Fuse(tmp_path, least_free_bytes=1 << 60).blown()
    assert blown is not None
    assert "MiB left" in blown
    assert "-o" in blown


def test_a_journal_that_waits_without_end_blows_it(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "00000001.jrn").write_bytes(bytes(2 << 20))
    blown = Fuse(tmp_path, least_free_bytes=1, most_journal_bytes=1 << 20).blown()
    assert blown is not None
    assert "2 MiB wait to be sealed" in blown


def test_tables_that_take_too_much_of_the_targets_memory_blow_it(tmp_path: Path) -> None:
    fuse = Fuse(tmp_path, least_free_bytes=1, most_table_bytes=1 << 20)
    assert fuse.blown(1 << 20) is None
    blown = fuse.blown(3 << 20)
    assert blown is not None
    assert "3 MiB of the program's memory" in blown


def test_what_a_session_takes_is_all_that_lies_in_its_folders(tmp_path: Path) -> None:
    assert session_bytes(tmp_path) == 0
    for number, name in enumerate(("segments", "defs", "cache", "journal")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "some").write_bytes(bytes(10 ** (number + 1)))
    (tmp_path / "manifest.json").write_bytes(bytes(7))
    assert session_bytes(tmp_path) == 11_117
