"""What a folder has to open, and what a typed line means there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capture.session.format import MANIFEST
from scope_gui.dialogs.open_lines import (
    COLUMNS,
    FolderEntry,
    completed,
    entries_with,
    entry_cells,
    is_path,
    listing,
    meant,
    resolved,
    told_of,
)
from tests.sessions import build_session
from views.loop.state import RecentSession

NOW_S = 1_800_000_000.0


def test_the_newest_comes_first_folders_last_and_other_files_are_counted(tmp_path: Path) -> None:
    for at, name in enumerate(("a.scope", "b.json", "c.scope")):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (at, at))
    for name in ("z", "Y"):
        (tmp_path / name).mkdir()
    for name in ("notes.txt", "a.scope.notes.json", ".hidden.scope"):
        (tmp_path / name).write_bytes(b"x")
    found = listing(str(tmp_path))
    assert [entry.name for entry in found.entries] == ["c.scope", "b.json", "a.scope", "Y", "z"]
    assert [entry.kind for entry in found.entries] == ["session", "trace", "session", "folder", "folder"]
    assert (found.others, found.problem) == (2, "")


def test_a_sessions_folder_is_listed_where_it_lies_and_never_from_inside(tmp_path: Path) -> None:
    build_session(tmp_path / "renamed", events=20)
    (tmp_path / "killed.scope" / "journal").mkdir(parents=True)
    for inside in ("renamed", "renamed/segments", "killed.scope/journal"):
        found = listing(str(tmp_path / inside))
        if inside == "renamed/segments":
            assert found.folder == str(tmp_path / inside)
        else:
            assert {entry.kind for entry in found.entries} <= {"session"}
    assert {entry.name: entry.kind for entry in listing(str(tmp_path)).entries} == {
        "renamed": "session",
        "killed.scope": "session",
    }


def test_what_lies_at_a_path_is_found_out(tmp_path: Path) -> None:
    session = build_session(tmp_path / "s.scope", events=20).path
    (tmp_path / "bad.scope").write_bytes(b"nothing of ours")
    kinds = {
        "s.scope": ("session", session),
        f"s.scope/{MANIFEST}": ("session", session),
        ".": ("folder", tmp_path),
    }
    for typed, (kind, path) in kinds.items():
        found = resolved(os.path.normpath(tmp_path / typed))
        assert (found.kind, found.path) == (kind, str(path))
    bad, nowhere = resolved(str(tmp_path / "bad.scope")), resolved(str(tmp_path / "nowhere"))
    assert bad.kind is nowhere.kind is None
    assert "is not a session" in bad.why
    assert nowhere.why == f"There is no {tmp_path / 'nowhere'}."
    assert resolved("\0").kind is None
    assert "\0" not in resolved("\0").why


def test_words_look_for_names_and_a_path_is_one_only_with_a_slash() -> None:
    entries = [FolderEntry("/srv/Orders-1.scope", "session"), FolderEntry("/srv/billing.scope", "session")]
    assert entries_with(entries, "1 ord") == entries[:1]
    assert entries_with(entries, "") == entries
    assert [is_path(text) for text in ("orders", "a/b", "/a", "~", "~/a")] == [False, True, True, True, True]
    assert meant("~", "/srv")[1] == Path("~").expanduser().name


def test_a_path_is_completed_as_far_as_it_is_the_same_for_all() -> None:
    entries = [FolderEntry(f"/srv/{name}", "session") for name in ("order-1.scope", "order-2.scope")]
    assert completed("/srv/o", "/srv", entries) == "/srv/order-"
    assert completed("/srv/order-2", "/srv", entries) == "/srv/order-2.scope"
    assert completed("/srv/x", "/srv", entries) == "/srv/x"


@pytest.mark.parametrize("kind", ["session", "trace", "folder"])
def test_each_line_has_a_text_for_each_column(kind: str) -> None:
    entry = FolderEntry("/srv/a.scope", kind, NOW_S, 2_048)  # type: ignore[arg-type]
    row = RecentSession(path=entry.path, program="orders", duration_ns=5, events=7, size_bytes=1)
    for known in (None, row, RecentSession(path=entry.path, problem="why")):
        assert len(entry_cells(entry, known, NOW_S)) == len(COLUMNS)
    assert told_of(entry, row)
