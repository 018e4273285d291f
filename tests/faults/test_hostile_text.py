"""Text is bytes until proven: whatever stands in a session, a path or a name, nothing prints it to a terminal raw."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from capture.session import parquet
from capture.session.rows import as_table
from capture.session.session import Session
from capture.shown_text import MARK, escaped_json, one_line, printable
from capture.unseen import UnseenRow
from dags.frame.reader import FrameReader
from scope_gui.cli import main
from scope_gui.left_window import LeftWindow
from scope_gui.streams import Printable
from scope_gui.window.header import HeaderView
from scope_gui.window.notices import NoticeView
from scope_gui.window.window import MainWindow
from tests.forged import read_manifest, rewrite, write_manifest
from tests.scope_command import COMMAND
from tests.sessions import build_session
from tests.targets import Launcher
from views.loop.events import FrameReady
from views.loop.state import Assigns, Notice, SessionRef
from views.loop.store import Store
from views.loop.update import handle_event
from views.loop.view_states import all_fields
from views.reading.opening import session_opened
from views.reading.source import Source
from views.words.plain_text import plain

EVIL = (
    "\x1b]0;PWNED\x07\x1b[2K\x1b[1A\x9b31mred\u202etxt.exe\u2066<img src=x><b>&amp;"
    "\r\nFAKE LINE\x00\x7f\u200b\ufeff\U000e0041\u2028a\u3164\ufe0f\U000e0100\ud800"
)
STORED = EVIL.replace("\ud800", "")  # what UTF-8 can say
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ud800-\udfff\U000e0000-\U000e01ef]"
)
COLUMNS = {
    "processes": ("name", "command", "python", "node", "tier"),
    "tracks": ("name",),
    "sites": ("function", "module", "file"),
    "state_keys": ("owner", "key", "scope"),
    "metrics": ("name",),
    "states": ("owner", "key", "old", "new"),
    "gaps": ("reason",),
    "edges": ("kind",),
    "events": ("value",),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of which every text is hostile."""
    path = build_session(tmp_path_factory.mktemp("hostile") / "a.scope", events=300, segments=2).path
    for table, columns in COLUMNS.items():
        rewrite(path, table, lambda rows, table=table, columns=columns: evil(table, rows, columns))  # type: ignore[misc]
    about = read_manifest(path).about
    texts = {name: STORED for name, value in msgspec.structs.asdict(about).items() if isinstance(value, str)}
    lists = {name: [STORED] for name, value in msgspec.structs.asdict(about).items() if isinstance(value, list)}
    kinds = {STORED: 5, **read_manifest(path).kinds}
    unseen = [
        UnseenRow(process_id=1, code=STORED, details=[STORED]),
        UnseenRow(process_id=1, code="class-untouched", details=[STORED]),
    ]
    write_manifest(path, about=msgspec.structs.replace(about, **texts, **lists), kinds=kinds, unseen=unseen)
    return path


def evil(table: str, rows: pa.Table, columns: Sequence[str]) -> bytes:
    for name in columns:
        if name in rows.column_names:
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, pa.array([STORED] * len(rows), pa.string()))
    return bytes(parquet.encode(table, as_table(table, rows, stored=True)))


def printed(*words: object) -> tuple[str, str, int]:
    """What a verb prints to a terminal, through the streams of a real process."""
    streams = [Printable(io.BytesIO(), "utf-8", "backslashreplace", write_through=True) for _ in range(2)]
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout, sys.stderr = before
    out, said = (stream.buffer.getvalue().decode("utf-8", "surrogatepass") for stream in streams)  # type: ignore[attr-defined]
    return out, said, status


PRINTERS: tuple[tuple[str, ...], ...] = (
    ("info",),
    ("info", "--json"),
    ("verify",),
    ("verify", "--json"),
    ("frame", "--at", "50%"),
    ("frame", "--at", "50%", "--all"),
    ("frame", "--at", "end", "--json"),
    *(("events", "--limit", "3", "--format", form) for form in ("table", "csv", "json")),
    *(("query", f"SELECT * FROM {table}", "--format", form) for table in COLUMNS for form in ("table", "csv", "json")),
    ("query", 'SELECT 1 AS "\x1b[31mx\u202e\n"'),
    ("query", 'SELECT 1 AS "\x1b[31mx\u202e\n"', "--format", "csv"),
    ("query", "SELECT * FROM nosuch\x1b[31m\u202e"),
    ("query", 'SELECT * FROM "no\x1b[31m\nFAKE LINE"'),
    ("frame", "--at", "\x1b[31m\n\u202e"),
    ("events", "--from", "\x1b[31m\u202e"),
    ("events", "--kind", "\x1b[31m\u202e"),
    ("export", "--at", "\x1b[31m\u202e", "-o", "x.png"),
    ("export", "--at", "50%", "-o", "/nosuch\x1b[31m\u202e\n/x.png"),
    ("index",),
    ("recover",),
    ("stop",),
    ("configure", "--mode", "full"),
    ("pack", "-o", "/nosuch\x1b[31m\u202e\n/x.scope"),
)


@pytest.mark.parametrize(
    "words", PRINTERS, ids=[" ".join(words).encode("ascii", "replace").decode()[:50] for words in PRINTERS]
)
def test_no_printer_lets_hostile_text_command_the_terminal(hostile: Path, words: tuple[str, ...]) -> None:
    out, said, _ = printed(words[0], hostile, *words[1:])
    assert out + said
    assert not RAW.findall(out) and not RAW.findall(said)
    if "--json" in words or "json" in words:
        json.loads(out)
    elif words[0] != "verify":
        assert not [line for line in (out + said).splitlines() if line.startswith("FAKE LINE")]


def test_json_keeps_every_character_as_it_was(hostile: Path) -> None:
    out, _, _ = printed("query", hostile, "SELECT function FROM sites LIMIT 1", "--format", "json")
    assert json.loads(out) == [{"function": STORED}]


@pytest.mark.parametrize(
    "verb", ["info", "verify", "frame", "query", "pack", "stop", "configure", "recover", "index", "open"]
)
def test_a_path_is_text_from_outside_too(verb: str, tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[31mb\n\u202e<b>c\udcff.scope"
    more = {"frame": ["--at", "50%"], "query": ["SELECT 1"], "open": ["--at", "50%"], "configure": ["--no-state"]}
    out, said, status = printed(verb, odd, *more.get(verb, []))
    assert status == 1 and said.count("\n") == 1
    assert not RAW.findall(out + said)
    assert r"\udcff" in said or MARK in said


def test_a_session_in_a_folder_of_such_a_name_works(tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[31mb\n\u202e<b>c\udcff.scope"
    build_session(odd, events=50, segments=1)
    for verb, *more in (
        ["info"],
        ["verify"],
        ["frame", "--at", "50%"],
        ["query", "SELECT 1 AS x"],
        ["index"],
        ["pack"],
    ):
        out, said, status = printed(verb, odd, *more)
        assert status == 0, said
        assert not RAW.findall(out + said)


def test_the_doctor_and_the_words_of_a_recording_show_a_hostile_command(target: Launcher, tmp_path: Path) -> None:
    code = "import time; print('ready', flush=True); time.sleep(60)"
    program = target([sys.executable, "-c", code, STORED.replace("\0", "")], ready="ready")
    for more in ([], ["--json"]):
        out, said, _ = printed("doctor", program.pid, *more)
        assert "img src" in out and not RAW.findall(out + said)
    session = tmp_path / "a\x1b[31m\u202e.scope"
    done = subprocess.run(
        [*COMMAND, "run", "--no-window", "-o", os.fsencode(session), "--", sys.executable, "-c", "0", "\x1b[31m\u202e"],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and b"saved" in done.stderr
    assert not RAW.findall((done.stdout + done.stderr).decode("utf-8", "surrogatepass"))


def test_a_real_process_prints_through_the_same_streams(hostile: Path) -> None:
    done = subprocess.run([*COMMAND, "info", str(hostile)], capture_output=True, check=True, timeout=60)
    assert not RAW.findall(done.stdout.decode())
    assert MARK in done.stdout.decode()


def test_marks_stand_where_something_was() -> None:
    assert printable("one\n\ttwo\x1b[2K\x9b\r") == f"one\n\ttwo{MARK}[2K{MARK}{MARK}"
    assert one_line("a\nb\tc\r\x85") == f"a\N{RETURN SYMBOL}b c{MARK}"
    assert one_line("größe 日本 👍") == "größe 日本 👍"
    assert json.loads(escaped_json(msgspec.json.encode(STORED).decode())) == STORED
    assert not RAW.findall(escaped_json(msgspec.json.encode(STORED).decode()))


def test_names_that_differ_by_letters_without_a_shape_look_different() -> None:
    """Python lets a name have them: of two functions one could be hidden behind the other."""
    for unseen in "\u034f\u115f\u17b4\u180b\u3164\ufe00\uffa0\U000e0101":
        assert one_line(f"total{unseen}") == printable(f"total{unseen}") == f"total{MARK}"
        assert json.loads(shown := escaped_json(json.dumps(unseen, ensure_ascii=False))) == unseen
        assert unseen not in shown
    assert one_line("\N{HEAVY BLACK HEART}\ufe0f") == "\N{HEAVY BLACK HEART}\ufe0f"


def test_no_cell_of_a_csv_is_a_formula_to_a_spreadsheet(hostile: Path) -> None:
    texts = ("=1+1", "chr(13) || '=1+1'", "chr(9) || '+1'", "' @x'", "chr(65309) || '1+1'", "'-1'", "-1", "'a=1'")
    sql = "SELECT " + ", ".join(f"{text if '(' in text or text[0] in chr(39) + '-' else repr(text)}" for text in texts)
    out, _, _ = printed("query", hostile, sql, "--format", "csv")
    assert out.splitlines()[1].split(",") == ["'=1+1", "'=1+1", "' +1", "' @x", "'\uff1d1+1", "'-1", "-1", "a=1"]


def test_only_this_module_and_a_progress_line_may_command_a_terminal() -> None:
    """Everything that prints does it through sys.stdout and sys.stderr, which the command line makes `Printable`."""
    root = Path(__file__).parents[2]
    raw = re.compile(r"os\.write\([12],|sys\.__std(out|err)__\.write|(stdout|stderr)\.buffer")
    found = {
        str(file.relative_to(root))
        for folder in ("capture", "dags", "views", "scope_gui")
        for file in (root / folder).rglob("*.py")
        if raw.search(file.read_text())
    }
    pipes = {"scope_gui/recording/sealer.py"}  # its standard output is a pipe to the recorder
    assert found == pipes | {"scope_gui/verbs/output.py"}  # with --raw, and never into a terminal


def test_no_part_of_the_window_says_a_name_raw_or_as_markup(
    hostile: Path, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a person sees or has read to them, of a session of which every text is hostile."""
    monkeypatch.setenv("SCOPE_3D", "off")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "<img src=x>\u202e\x1b.scope"
    shutil.copytree(hostile, path)
    with Session.open(path) as session:
        source = Source(session)
        at_ns = (session.start_ns + session.end_ns) // 2
        frame = FrameReady(key=1, time_ns=at_ns, frame=FrameReader(session).at(at_ns))
        assigns = handle_event(Assigns(), session_opened(session, source.names, 1, at_ns=at_ns))
        store = Store(handle_event(assigns, frame))
        window = MainWindow(store, source)
        qtbot.addWidget(window)
        window.begin(LeftWindow())
        window.resize(1000, 640)
        window.show()
        store.fold()
        qtbot.waitUntil(lambda: window.views["timeline"].accessibleDescription().startswith("cursor at "))
        window.views["timeline"].wait_until_loaded()
        window.views["metrics"].wait_until_loaded()
        store.fold()
        shown = [text for widget in (window, *window.findChildren(QWidget)) for text in texts_of(widget)]
        window.views["timeline"].shut()
        window.views["metrics"].shut()
    assert any("img src" in text for text in shown)
    assert not [text for text in shown if RAW.search(text)]


def texts_of(widget: QWidget) -> Iterator[str]:
    """What a widget says, in whatever way; no markup of a session's is in what may be taken for it."""
    said = [widget.windowTitle(), widget.accessibleName(), widget.accessibleDescription()]
    may_be_markup = [widget.toolTip()]
    if isinstance(widget, QLabel):
        (said if widget.textFormat() == Qt.TextFormat.PlainText else may_be_markup).append(widget.text())
    if isinstance(widget, QAbstractButton):
        said.append(widget.text())
    assert not [text for text in may_be_markup if "<img" in text or "<b>" in text]
    yield from said
    yield from may_be_markup


def test_markup_in_names_and_paths_is_shown_as_it_is_in_the_window(qtbot: Any) -> None:
    name = "<b>bold</b><img src=x>\u202e\x1b"
    source = Source()
    header = HeaderView(source, lambda title: None)
    notices = NoticeView(lambda event: None, header)
    qtbot.addWidget(header)
    header.resize(2_000, 30)
    session = SessionRef(key=1, path=f"/{name}", name=name, live=False)
    assigns = Assigns(session=session, notice=Notice(f"{name} is damaged.", serious=True))
    fields = all_fields()
    header.patch(assigns, fields)
    notices.patch(assigns, fields)
    assert header.name.textFormat() == Qt.TextFormat.PlainText
    assert header.name.text() == plain(name)
    assert "&lt;b&gt;" in header.name.toolTip() and "<b>" not in header.name.toolTip()
    assert notices.sentence.textFormat() == Qt.TextFormat.PlainText
    assert notices.sentence.text() == f"⚠ {plain(name)} is damaged."
    header.patch(msgspec.structs.replace(assigns, busy=f"Opening {name}"), fields)
    assert "<b>" not in header.status.text() and "&lt;img" in header.status.text()
