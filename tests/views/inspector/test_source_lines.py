"""Source lines are read only from regular files, and only when asked for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from views.inspector.source_lines import MAX_BYTES, SourceFiles, source_lines


def test_the_lines_around_a_place_come_with_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("".join(f"line {n}\n" for n in range(1, 21)))
    shown = source_lines(str(file), 10, around=1)
    assert (shown.first, shown.lines, shown.note) == (9, ("line 9", "line 10", "line 11"), "")


def test_a_file_younger_than_the_recording_is_marked(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    assert "changed" in source_lines(str(file), 1, recorded_real_ns=1).note


def test_a_pipe_does_not_block_and_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert "no source file" in source_lines(str(tmp_path / "pipe.py"), 1).note


def test_who_waits_for_a_reader_of_a_pipe_is_not_let_go(tmp_path: Path) -> None:
    """Opening a file of a session's choice does something, if it is a pipe or a device: so it is looked at first."""
    pipe, opened = tmp_path / "pipe.py", threading.Event()
    os.mkfifo(pipe)

    def write() -> None:
        os.close(os.open(pipe, os.O_WRONLY))
        opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(100):
        source_lines(str(pipe), 1)
        opened.wait(0.001)
    assert not opened.is_set()
    os.close(os.open(pipe, os.O_RDONLY))
    writer.join()


@pytest.mark.parametrize("file", ["relative.py", "<string>", "", "/nowhere/at/all.py", "/dev/zero", "/a\0b"])
def test_what_is_no_file_gives_a_note_and_no_lines(file: str) -> None:
    shown = source_lines(file, 1)
    assert shown.note
    assert shown.lines == ()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.py").open("wb") as big:
        big.truncate(MAX_BYTES + 1)
    assert source_lines(str(tmp_path / "big.py"), 1).lines == ()


def test_hostile_lines_are_made_plain(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = '\u202e'\n")
    assert source_lines(str(tmp_path / "a.py"), 1).lines == ("x = '\N{REPLACEMENT CHARACTER}'",)


def test_a_stack_line_is_read_once_until_it_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def put():\n    return 9\n")
    files = SourceFiles()
    assert files.line(str(file), 2, 0) == "return 9"
    file.unlink()
    assert files.line(str(file), 2, 0) == "return 9"
    files.forget()
    assert files.line(str(file), 2, 0).endswith("No such file or directory.")


def test_a_stack_line_says_when_the_file_is_younger_than_the_recording(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    assert "changed since" in SourceFiles().line(str(file), 1, 1)
