"""What the window remembers: the marked fields of its state, in a file that earlier versions wrote as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scope_gui import left_window
from scope_gui.left_window import LeftWindow
from views.loop import remembered
from views.loop.state import Assigns, Launch

REMEMBERED = {"theme", "recent", "launches", "recordings_folder", "pictures_folder"}
"""What version 1.0 kept: a person finds it again."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    left_window.window_file().parent.mkdir()
    return left_window.window_file()


def test_what_is_marked_is_there_again_and_nothing_else(kept: Path) -> None:
    launches = (Launch("python a.py", "/srv"),)
    assigns = Assigns(theme="light", recent=("/a.scope",), launches=launches, recordings_folder="/rec", cursor_ns=5)
    left_window.save_left_window(LeftWindow(geometry="abc", crash_seen="1"), assigns)
    assert left_window.load_left_window() == (
        LeftWindow(geometry="abc", crash_seen="1"),
        Assigns(theme="light", recent=("/a.scope",), launches=launches, recordings_folder="/rec"),
    )
    assert set(json.loads(kept.read_text())) == {"geometry", "layout", "layouts", "crash_seen", *REMEMBERED}
    assert set(remembered.marked_types(Assigns, remembered.REMEMBERED)) == REMEMBERED


def test_a_file_of_an_earlier_version_is_understood(kept: Path) -> None:
    launch = {"command": "python a.py", "folder": "/srv"}
    kept.write_text(json.dumps({"recent": ["/a.scope"], "theme": "light", "layout": "xyz", "launches": [launch]}))
    found = Assigns(theme="light", recent=("/a.scope",), launches=(Launch("python a.py", "/srv"),))
    assert left_window.load_left_window() == (LeftWindow(layout="xyz"), found)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"theme": 5}', '{"theme": "blue"}', '{"views": 5}', '{"layout": {}}'])
def test_what_cannot_be_understood_is_as_if_nothing_was_kept(kept: Path, text: str) -> None:
    kept.write_text(text)
    assert left_window.load_left_window() == (LeftWindow(), Assigns())
