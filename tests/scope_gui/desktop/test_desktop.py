"""The desktop's menu: what is installed is what desktops read, opens a session, and goes away again."""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage

from capture.session.pack import pack
from scope_gui.desktop.desktop import desktop_entry, quoted
from scope_gui.desktop.icon import ICON_PX
from scope_gui.places import own_program
from tests.leftovers import wait_for
from tests.scope_command import scope
from tests.sessions import build_session

UNIT = "[Unit]\nDescription=a unit of systemd, whose files are called *.scope as well\n\n[Scope]\n"
WORD = re.compile(r'"((?:\\.|[^"\\])*)"|([^\s"]+)')
ESCAPE = re.compile(r"\\(.)")
ASK_QT = """
import sys
from PySide6.QtCore import QMimeDatabase
for path in sys.argv[1:]:
    kind = QMimeDatabase().mimeTypeForFile(path)
    print(kind.name(), kind.iconName(), kind.inherits("application/zip"))
"""

# The command line with a timer beside it: what the window says, as soon as it says something, or shows.
LOOK = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from scope_gui import cli
from scope_gui.window import app
from scope_gui.window.window import MainWindow
app.qt_application()
def look():
    for window in (widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow)):
        notice = window.store.assigns.notice
        if notice or (len(sys.argv) == 2 and window.welcome.isVisible()):
            print(notice.text if notice else "welcome")
            timer.stop()
            window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(20)
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder with nothing in it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "data home"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return pack(build_session(tmp_path / "s.scope", 1_000, 1).path, tmp_path / "a session.scope")


def files_in(folder: Path) -> dict[Path, bytes]:
    """What `--install-desktop` is responsible for; the caches of the desktop's tools are not."""
    ours = (path for path in folder.rglob("scope-gui.*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in ours}


def entry_of(home: Path) -> dict[str, str]:
    """The entry, read by a parser of ini files; values unescaped as strings are."""
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((home / "applications" / "scope-gui.desktop").read_text())
    return {key: value.replace("\\\\", "\\") for key, value in parser["Desktop Entry"].items()}


def test_what_is_installed_is_complete_and_the_second_time_changes_nothing(home: Path) -> None:
    first = scope("--install-desktop").stdout
    there = files_in(home)
    assert len(there) == 3 + len(ICON_PX)
    assert first.count("wrote ") == len(there)
    assert scope("--install-desktop").stdout == first
    assert files_in(home) == there
    assert not list(home.rglob("*.new"))


def test_what_was_installed_goes_away_and_what_others_put_there_stays(home: Path) -> None:
    other = home / "icons" / "hicolor" / "16x16" / "apps" / "other.png"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"theirs")
    scope("--install-desktop")
    said = scope("--uninstall-desktop").stdout
    assert "Scope is no longer in the desktop's menu." in said
    assert files_in(home) == {}
    assert [path for path in (home / "icons").rglob("*") if path.is_file()] == [other]
    assert "Scope was not in the desktop's menu" in scope("--uninstall-desktop").stdout


def test_icons_have_the_size_of_their_folder(home: Path) -> None:
    scope("--install-desktop")
    for size in ICON_PX:
        image = QImage(str(home / "icons" / "hicolor" / f"{size}x{size}" / "apps" / "scope-gui.png"))
        assert (image.width(), image.height()) == (size, size)
        assert image.pixelColor(size // 2, size // 2).alpha() == 255
        assert image.pixelColor(0, 0).alpha() < 255


def test_qt_and_gio_know_a_packed_session_by_its_contents_and_leave_systemd_its_units(
    home: Path, packed: Path, tmp_path: Path
) -> None:
    if not shutil.which("update-mime-database"):
        pytest.skip("update-mime-database is missing (shared-mime-info): Qt cannot read our file type")
    scope("--install-desktop")
    unit = tmp_path / "unit.scope"
    unit.write_text(UNIT)
    unnamed = shutil.copy(packed, tmp_path / "unnamed")
    asked = [sys.executable, "-c", ASK_QT, *map(str, (packed, unnamed, unit))]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[:2] == ["application/x-scope-session scope-gui True"] * 2
    assert told[2].startswith("text/")
    if shutil.which("gio"):
        asked = ["gio", "info", "-a", "standard::content-type", str(packed), str(unit)]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
        kinds = [line.split()[-1] for line in told if "content-type" in line]
        assert kinds[0] == "application/x-scope-session"
        assert kinds[1].startswith("text/")


def test_the_entry_says_what_the_standard_asks_for(home: Path) -> None:
    scope("--install-desktop")
    entry = entry_of(home)
    assert {"Type", "Name", "Icon", "Exec", "TryExec", "Categories"} <= entry.keys()
    assert os.access(entry["TryExec"], os.X_OK)
    kinds = ElementTree.parse(home / "mime" / "packages" / "scope-gui.xml").getroot().findall("{*}mime-type")
    assert entry["MimeType"] == "".join(f"{kind.get('type')};" for kind in kinds)
    assert all(entry[key].endswith(";") for key in ("Categories", "Keywords"))
    validator = shutil.which("desktop-file-validate")
    if validator:
        told = subprocess.run(
            [validator, home / "applications" / "scope-gui.desktop"], capture_output=True, text=True, check=False
        )
        assert (told.returncode, told.stdout) == (0, "")


def open_files(pid: int) -> list[Path]:
    """What a process has open; a file that it closes while one looks is left out."""
    found = []
    for entry in Path("/proc", str(pid), "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(entry.readlink())
    return found


def test_the_entry_opens_the_session_that_was_clicked(home: Path, packed: Path) -> None:
    scope("--install-desktop")
    words = [str(packed) if word == "%f" else word for word in shlex.split(entry_of(home)["Exec"])]
    assert words[0] == own_program()[0]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as window:
        try:
            assert wait_for(lambda: packed in open_files(window.pid), 30)
        finally:
            window.terminate()
        assert window.communicate()[1] == ""


def seen_in_window(*words: str) -> str:
    done = subprocess.run([sys.executable, "-c", LOOK, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_what_is_wrong_with_a_clicked_file_is_said_in_the_window(home: Path, tmp_path: Path) -> None:
    """A desktop shows nobody what a program writes to stderr."""
    bad = tmp_path / "bad.scope"
    bad.write_text(UNIT)
    assert seen_in_window("open", "--show-problems", str(bad)).startswith(f"{bad} is not a session")
    assert f"{bad} is not a session" in scope("open", bad, expect=1).stderr


def test_from_the_menu_there_is_no_file_and_the_welcome_page_comes(home: Path) -> None:
    assert seen_in_window("open") == "welcome"


@given(st.lists(st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1), min_size=1, max_size=4))
def test_any_path_survives_the_rules_of_the_exec_key(words: list[str]) -> None:
    line = next(line for line in desktop_entry(words).decode().split("\n") if line.startswith("Exec="))
    text = line.removeprefix("Exec=").replace("\\\\", "\\")
    found = [(plain or ESCAPE.sub(r"\1", kept)).replace("%%", "%") for kept, plain in WORD.findall(text)]
    assert found == [*words, "open", "--show-problems", "%f"]
    assert all(word.startswith('"') or not set(word) & set(" $`\\\"'()<>|&;*?#~") for word in map(quoted, words))


def test_a_path_that_is_no_text_is_written_as_it_is() -> None:
    assert b'Exec="/opt/\xff/scope-gui" open' in desktop_entry([os.fsdecode(b"/opt/\xff/scope-gui")])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file" / "data"))
    told = scope("--install-desktop", expect=1).stderr
    assert "cannot be written: Not a directory. Set XDG_DATA_HOME" in told
    assert len(told.splitlines()) == 1


def test_tools_that_are_missing_are_named_with_what_lacks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    said = scope("--install-desktop").stdout
    assert "did not run update-mime-database: it is not installed" in said
    assert "(desktop-file-utils)" in said
    assert len(files_in(home)) == 3 + len(ICON_PX)


def test_the_flags_go_without_a_verb(packed: Path) -> None:
    assert "go without a verb" in scope("--install-desktop", "info", packed, expect=2).stderr
