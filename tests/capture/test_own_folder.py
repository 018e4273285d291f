"""A session's folder is changed in one place, through no link, and only what is ours (capture/own_folder.py)."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture import own_folder
from capture.drain.journal import JournalWriter
from capture.drain.pool import Pool
from capture.drain.pool_folders import make_pool_folder, pool_folders, remove_pool_folder
from capture.errors import PoolProblem, SessionBusy, SessionProblem, TargetProblem
from capture.folder_names import FOLDERS
from capture.own_folder import OwnFolder
from capture.session.notes import Note, write_notes
from tests.scope_command import scope_here
from tests.sessions import build_session

ROOT = Path(__file__).resolve().parents[2]
WRITERS = {
    "capture/own_folder.py": "sessions and pools",
    "capture/disk.py": "files that a person has named: pictures, settings, notes beside a packed session",
    "capture/session/pack.py": "the packed file, until it takes the folder's place",
    "capture/session/left_packs.py": "a packed file that was never finished",
    "capture/attach/bootstrap.py": "an agent's private folder",
    "capture/attach/channel.py": "an agent's private folder",
    "capture/attach/inject.py": "the memory of a program that is entered",
    "capture/session/query.py": "a query's folder for what does not fit into memory",
    "capture/events/kinds_header.py": "the header of C that is made from the kinds",
    "capture/session/table_doc.py": "the section of FORMAT.md that is made from the tables",
    "scope_gui/desktop/desktop.py": "the desktop's menu entry",
    "scope_gui/logs/crashes.py": "reports of how Scope itself failed",
    "scope_gui/logs/log_file.py": "the log",
    "scope_gui/logs/own_files.py": "the folder of both",
    "scope_gui/pictures/picture_files.py": "the folder of a series of pictures",
    "scope_gui/recording/recordings.py": "the folder that recordings are made in",
    "scope_gui/recording/sealer_process.py": "the priority of a session of processes, in /proc",
    "scope_gui/left_window.py": "the folder of what the window remembers",
    "scope_gui/settings/file.py": "the folder of the settings, which is the same",
    "scope_gui/streams.py": "/dev/null",
    "scope_gui/window/effects.py": "the folder that other tools' recordings become sessions in",
}
REPLACERS = {
    "capture/session/notes.py", "scope_gui/pictures/film.py", "scope_gui/pictures/picture_files.py",
    "scope_gui/pictures/vectors.py", "scope_gui/left_window.py", "scope_gui/settings/file.py",
}  # fmt: skip
CHANGING = {
    "unlink", "rmdir", "removedirs", "mkdir", "makedirs", "write_bytes", "write_text", "touch", "symlink_to", "mkfifo",
    "hardlink_to", "symlink", "chmod", "lchmod", "chown", "lchown", "rmtree", "rename", "renames", "mknod", "copytree",
    "copyfile", "copy2",
}  # fmt: skip
MAY_CHANGE = re.compile(
    rf"\b({'|'.join(sorted(CHANGING))}|open|replace_file|os\.(remove|replace))\b|\.replace\([^,]*\)$", re.M
)
WRITING = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}


@functools.cache
def calls_and_imports() -> list[tuple[str, ast.Call | ast.ImportFrom]]:
    """Those of our modules, but for what runs inside targets."""
    found = []
    for top in ("capture", "dags", "views", "scope_gui"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith("capture/agent/"):
                text = path.read_text()
                nodes = ast.walk(ast.parse(text)) if MAY_CHANGE.search(text) else ()
                found += [(name, node) for node in nodes if isinstance(node, ast.Call | ast.ImportFrom)]
    return found


def changes_files(call: ast.Call) -> bool:
    """Whether a call makes, opens for writing, renames or removes a file by its path."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""
    if name == "open":
        texts = [
            node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        flags = {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)}
        modes = [text for text in texts if text and set(text) <= set("rwaxbt+")]
        return bool(flags & WRITING) or any(set(mode) & set("wax+") for mode in modes)
    if name in ("remove", "move"):
        return owner in ("os", "shutil")
    if name == "replace":
        return owner == "os" or (isinstance(function, ast.Attribute) and len(call.args) == 1 and not call.keywords)
    return name in CHANGING


def test_nobody_else_opens_renames_or_removes_there() -> None:
    found = {name for name, node in calls_and_imports() if isinstance(node, ast.Call) and changes_files(node)}
    assert found == set(WRITERS)


def test_only_what_a_person_has_named_is_replaced_by_its_path() -> None:
    importers = {
        name
        for name, node in calls_and_imports()
        if isinstance(node, ast.ImportFrom)
        and node.module == "capture.disk"
        and any(alias.name == "replace_file" for alias in node.names)
    }
    assert importers == REPLACERS


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A folder that no verb may read, write or delete in, and every name of which means something to a session."""
    folder = tmp_path / "victim"
    folder.mkdir()
    names = (
        "thesis.parquet", "photo.key", "00000007.jrn", "00000001.resume", "00000001.events.parquet", "00000001.key",
        "00000001.lod", "notes.txt", "pool.bin", "defs.bin",
    )  # fmt: skip
    for name in names:
        (folder / name).write_text(f"{name} " * 30)
    before = contents(folder)
    yield folder
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def finished(path: Path) -> Path:
    build_session(path, events=40, segments=2)
    return path


def interrupted(path: Path) -> Path:
    build_session(path, events=40, segments=2, finish=False)
    return path


def replaced_by_link(session: Path, name: str, to: Path) -> None:
    place = session / name
    if place.is_dir():
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
    place.symlink_to(to)


def test_no_verb_goes_through_a_link_or_touches_a_file_with_another_name(tmp_path: Path, victim: Path) -> None:
    commands: list[tuple[str, Path]] = []
    for name in (*FOLDERS, "pool"):
        for verb, made in (("pack", finished), ("recover", interrupted), ("recover", finished)):
            commands.append((verb, made(tmp_path / f"{len(commands)}.scope")))
            replaced_by_link(commands[-1][1], name, victim)
    commands.append(("index", finished(tmp_path / "i.scope")))
    replaced_by_link(commands[-1][1], "cache", victim)
    for kind in ("link", "second name", "fifo"):
        commands.append(("recover", interrupted(tmp_path / f"{kind}.scope")))
        journal = commands[-1][1] / "journal" / "00000001.jrn"
        if kind == "link":
            journal.symlink_to(victim / "notes.txt")
        elif kind == "second name":
            os.link(victim / "notes.txt", journal)
        else:
            os.mkfifo(journal)
    for verb, session in commands:
        done = scope_here([verb, str(session)])
        assert done.returncode == 1, done
        assert len([line for line in done.stderr.splitlines() if not line.endswith("%")]) == 1, done
    assert all(session.is_dir() for _, session in commands)


def test_the_folder_of_another_user_is_left_alone(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root, to make another user's folder")
    session = interrupted(tmp_path / "theirs.scope")
    os.chown(session, 65534, 65534)
    assert "belongs to another user" in scope_here(["recover", str(session)]).stderr


def test_what_is_replaced_leaves_a_second_name_as_it_was(tmp_path: Path, victim: Path) -> None:
    session = finished(tmp_path / "evil.scope")
    (tmp_path / "others.json").write_text('{"notes":[]}')
    os.link(tmp_path / "others.json", session / "notes.json")
    write_notes(session, [Note(time_ns=1)])
    assert (tmp_path / "others.json").read_text() == '{"notes":[]}'
    with OwnFolder.open(session) as folder:
        (session / "cache" / "00000001.lod").unlink(missing_ok=True)
        (session / "cache" / "00000001.lod").symlink_to(victim / "photo.key")
        folder.write("cache/00000001.lod", b"new")
    assert (session / "cache" / "00000001.lod").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["../victim/notes.txt", "cache/../../victim/notes.txt", "cache/photo.key", "x", ""])
def test_only_names_of_the_format_are_touched(name: str, tmp_path: Path, victim: Path) -> None:
    session = finished(tmp_path / "a.scope")
    with OwnFolder.open(session) as folder:
        for touch in (folder.remove, lambda name: folder.write(name, b""), lambda name: folder.replace(name, b"")):
            with pytest.raises(SessionProblem):
                touch(name)


def test_what_somebody_else_has_put_there_stays_when_a_session_is_packed(tmp_path: Path) -> None:
    session = finished(tmp_path / "a.scope")
    (session / "my notes.txt").write_text("mine")
    (session / "segments" / "thesis.txt").write_text("mine")
    assert scope_here(["pack", str(session)]).returncode == 0
    assert session.is_file()
    kept = sorted(path.read_text() for path in tmp_path.rglob("*.txt"))
    assert kept == ["mine", "mine"]


def test_a_link_to_a_session_is_not_packed_in_its_place(tmp_path: Path) -> None:
    session = finished(tmp_path / "a.scope")
    (tmp_path / "b.scope").symlink_to(session)
    assert "is a link" in scope_here(["pack", str(tmp_path / "b.scope")]).stderr
    assert session.is_dir()


def test_a_folder_of_pools_that_others_may_write_in_is_not_used(tmp_path: Path) -> None:
    root = tmp_path / "pools"
    make_pool_folder(root / "1")
    (root / "1" / "pool.bin").write_bytes(b"1")
    root.chmod(0o777)
    with pytest.raises(SessionProblem, match="Others may write"):
        pool_folders(root)
    remove_pool_folder(root / "1")
    assert (root / "1" / "pool.bin").exists()


def test_a_pool_that_is_a_link_is_neither_entered_nor_removed(tmp_path: Path, victim: Path) -> None:
    root = tmp_path / "pools"
    root.mkdir(mode=0o700)
    (root / "1").symlink_to(victim)
    assert pool_folders(root) == [(1, root / "1")]  # so that its loss is told
    with pytest.raises(PoolProblem, match="is a link"):
        Pool(root / "1")
    remove_pool_folder(root / "1")
    with pytest.raises(SessionProblem, match="is a link"):
        make_pool_folder(root / "1")


def test_the_lock_is_held_as_long_as_one_of_those_lives_that_have_it(tmp_path: Path) -> None:
    with OwnFolder.open(tmp_path / "a.scope", new=True) as folder:
        folder.lock()
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(folder.fd,))
    with OwnFolder.open(tmp_path / "a.scope") as other:
        with pytest.raises(SessionBusy):
            other.lock()
        child.communicate(b"\n")
        other.lock()


def test_a_new_session_is_made_in_no_place_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.scope").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetProblem, match="already exists"):
        OwnFolder.open(tmp_path / "a.scope", new=True)


@pytest.mark.parametrize("instead", ["a link", "a folder that holds something"])
def test_what_is_put_in_the_place_of_a_new_session_while_it_is_made_is_left_alone(
    instead: str, tmp_path: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root records a program into its user's folder, `-o ~/a.scope`: that user may rename whatever is in there."""
    make = own_folder._make

    def made_and_swapped(path: Path, **options: bool) -> None:
        make(path, **options)
        path.rmdir()
        path.symlink_to(victim) if instead == "a link" else victim.rename(path)

    monkeypatch.setattr(own_folder, "_make", made_and_swapped)
    with pytest.raises(SessionProblem, match=r"left alone|is a link"):
        OwnFolder.open(tmp_path / "a.scope", new=True)
    if instead != "a link":
        (tmp_path / "a.scope").rename(victim)


def test_a_journal_is_made_behind_no_link(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "journal").symlink_to(victim)
    with pytest.raises(SessionProblem, match="is a link"):
        JournalWriter(tmp_path / "journal")
