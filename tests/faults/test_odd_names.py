"""Names that are not UTF-8, or very long, or full of control characters: recorded as any other, and readable."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import capture.session.query
from capture.attach.bootstrap import LONGEST_FOLDER, Bootstrap
from capture.names import kernel_name, readable, readable_bytes
from capture.session.session import Session
from tests.faults.ways_in import recorded
from tests.interpreters import Interpreter, found
from tests.scope_command import COMMAND, scope, scope_json
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "odd_names.py"
FILES = (
    b"caf\xe9.py",
    "größe und ü.py".encode(),
    b"with space;and 'quote'.py",
    b"_scope_resolver.py",
    b"new\nline.py",
    b"x" * 200 + b".py",
    b"profile.py",
)
BY_TURNS = [
    pytest.param(python, name, id=f"{python.minor}-{ascii(name.decode('ascii', 'replace'))[:20]}")
    for number, name in enumerate(FILES)
    for turn, python in enumerate(found())
    if turn == number % len(found()) or (name.startswith(b"_scope_") and python.minor in {"3.11", "3.12", "3.14"})
]
LOOPS = """
import sys, time
def step(i):
    return i + 1
print("ready", flush=True)
i = 0
while True:
    i = step(i)
    time.sleep(0.001)
"""


def query(session: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of an SQL query, without starting the command for each."""
    with Session.open(session) as opened:
        rows: list[dict[str, Any]] = capture.session.query.query(opened, sql).to_pylist()
    return rows


def run(session: Path, *words: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, "run", "--no-window", "-o", session, "--", *words]
    done = subprocess.run(
        [os.fsencode(word if isinstance(word, bytes) else str(word)) for word in command],
        cwd=cwd,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    return done


@pytest.mark.sampled
@pytest.mark.parametrize(("python", "name"), BY_TURNS)
def test_a_program_in_a_file_of_any_name_is_recorded_whole(python: Interpreter, name: bytes, tmp_path: Path) -> None:
    file = os.fsencode(tmp_path) + b"/" + name
    shutil.copy(os.fsencode(PROGRAM), file)
    session = tmp_path / "s.scope"
    done = run(session, python.path, file, cwd=tmp_path)
    assert done.stdout == b"ok\n"
    sql = "SELECT function, module, file, count(*) AS n FROM calls JOIN sites USING (site_id) GROUP BY ALL"
    calls = query(session, sql)
    by_function = {row["function"]: row for row in calls}
    assert by_function["work"]["n"] == 15
    assert by_function["work"]["file"] == readable_bytes(file)
    assert by_function["odd"]["file"] == r"caf\udce9.tmpl"
    assert by_function["odd"]["module"] == r"mod\udce9"
    assert by_function["empty"]["file"] == ""
    assert by_function["newline"]["file"] == "two\nlines\x1b[31m.py"
    assert by_function["nul\\x00 \u202e qual"]["file"] == r"file\x00nul.py"
    [cut] = [function for function in by_function if function.startswith("ffff")]
    assert cut.endswith("…") and len(cut) > 4000
    tracks = {row["name"] for row in query(session, "SELECT name FROM tracks WHERE kind = 'thread'")}
    assert {r"\udc80thread", "new\nline", r"nul\x00thread", "\x1b[31mred"} <= tracks
    assert any(set(name) <= {"ж", "…"} and "ж" in name for name in tracks), tracks
    assert scope_json("frame", session, "--at", "end", "--json")["complete"] is True


def cyrillic_script(folder: Path) -> Path:
    """A script whose kernel name is cut in the middle of a letter."""
    script = folder / "обработчик.py"
    script.write_text(f"#!{sys.executable}\n{LOOPS}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


@pytest.mark.parametrize("mode", ["full", "observe"])
def test_a_process_whose_name_the_kernel_cuts_inside_a_letter_is_recorded(
    mode: str, target: Launcher, tmp_path: Path
) -> None:
    program = target([cyrillic_script(tmp_path), b"\xff".decode(errors="surrogateescape")], ready="ready")
    session = tmp_path / "s.scope"
    scope("attach", program.pid, "--mode", mode, "--no-window", "--duration", "0.3", "-o", session)
    [process] = query(session, "SELECT name, command FROM processes")
    assert process["name"] == "обработчик.py"
    assert process["command"].endswith(r"обработчик.py \udcff")


def test_a_child_whose_name_the_kernel_cuts_does_not_end_the_recording(tmp_path: Path) -> None:
    script = cyrillic_script(tmp_path)
    code = f"import subprocess; p = subprocess.Popen([{str(script)!r}], stdout=-1); p.stdout.readline(); "
    code += "import time; time.sleep(0.8); p.kill(); p.communicate(); print('over')"
    session = tmp_path / "s.scope"
    assert run(session, sys.executable, "-c", code, cwd=tmp_path).stdout == b"over\n"
    names = {row["name"] for row in query(session, "SELECT name FROM processes")}
    assert "обработчик.py" in names


def test_an_argument_that_is_not_utf8_and_one_of_70_000_letters_are_recorded_and_opened(tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    run(session, sys.executable, "-c", "pass", b"\xff\xfe", "x" * 70_000, cwd=tmp_path)
    info = scope_json("info", session, "--json")
    assert info["complete"] is True
    [process] = query(session, "SELECT command FROM processes")
    assert r"'\udcff\udcfe' xxx" in process["command"]
    assert process["command"].endswith("more characters)")


def test_a_session_and_a_folder_of_odd_bytes_work(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9"))
    folder.mkdir()
    (folder / "p.py").write_text("def f(): return 1\nf()\n")
    session = Path(os.fsdecode(os.fsencode(folder) + b"/s\xff.scope"))
    run(session, sys.executable, "p.py", cwd=folder)
    assert query(session, "SELECT count(*) AS n FROM calls") == [{"n": 2}]
    scope("verify", session)


@pytest.mark.parametrize(("minor", "way"), [("3.11", "run"), ("3.11", "attach"), ("3.14", "attach")])
def test_orders_reach_a_program_through_a_temporary_folder_of_odd_bytes(
    minor: str, way: str, target: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = next((each for each in found() if each.minor == minor), None)
    if interpreter is None:
        pytest.skip(f"no CPython {minor} here")
    with tempfile.TemporaryDirectory(suffix="\udce9") as odd:  # short enough for a socket, as tmp_path is not
        monkeypatch.setenv("XDG_RUNTIME_DIR", odd)
        with recorded(way, interpreter, target, tmp_path, "child_ends_normally.py", "main") as it:
            assert it.channel.path.is_relative_to(odd)
            it.let_go()
            it.output()


def test_a_temporary_folder_whose_letters_take_too_many_bytes_for_a_socket_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory(suffix="ж" * 40) as long:
        assert len(long) < LONGEST_FOLDER - len("/scope-xxxxxxxx") < len(os.fsencode(long))
        monkeypatch.setenv("XDG_RUNTIME_DIR", long)
        with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
            assert not bootstrap.folder.is_relative_to(long)
            bootstrap.channel.close()


def test_a_deleted_working_directory_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("def f(): return 1\nf()\nprint('ok')\n")
    gone = tmp_path / "gone"
    gone.mkdir()
    words = [*COMMAND, "run", "--no-window", "-o", tmp_path / "s.scope", "--", sys.executable, tmp_path / "p.py"]
    shell = 'cd "$0" && rmdir "$0" && exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, gone, *map(str, words)], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    assert query(tmp_path / "s.scope", "SELECT count(*) AS n FROM calls") == [{"n": 2}]


def test_a_pattern_of_odd_bytes_names_the_file_that_it_spells(tmp_path: Path) -> None:
    file = os.fsencode(tmp_path) + b"/caf\xe9.py"
    Path(os.fsdecode(file)).write_text("import json\ndef f(): return 1\nf()\njson.dumps(1)\n")
    session = tmp_path / "s.scope"
    flags = [*COMMAND, "run", "--no-window", "-o", str(session), "--include"]
    command = [*map(os.fsencode, flags), file, b"--", os.fsencode(sys.executable), file]
    done = subprocess.run(command, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert query(session, "SELECT count(*) AS n FROM calls") == [{"n": 2}]


def test_a_class_in_a_module_that_is_named_like_ours_is_watched(tmp_path: Path) -> None:
    mine = "class Order:\n    def go(self):\n        for self.total in range(3): pass\n"
    (tmp_path / "_scope_mine.py").write_text(mine)
    (tmp_path / "main.py").write_text("import _scope_mine\n_scope_mine.Order().go()\n")
    session, words = tmp_path / "s.scope", ["--state", "_scope_mine.Order", "--", sys.executable, tmp_path / "main.py"]
    scope("run", "--no-window", "-o", session, *words)
    assert query(
        session, "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE module = '_scope_mine'"
    ) == [{"n": 3}]
    [row] = query(session, "SELECT count(*) AS n FROM states WHERE key = 'total'")
    assert row["n"] == 3


def test_a_cut_name_is_made_whole_from_the_command_line_only_where_it_tells_it() -> None:
    whole = "обработчик.py".encode()
    assert kernel_name(whole[:15], b"python\0./" + whole + b"\0") == "обработчик.py"
    assert kernel_name(whole[:15], b"python\0other.py\0") == "обработ"
    assert kernel_name(b"sh", b"shell_of_another_name\0") == "sh"
    assert readable("fine") == "fine"
