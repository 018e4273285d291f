"""`scope-gui run` is the program as far as its caller can tell: its status, its signals, its place in the terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, query, scope, scope_json
from tests.targets import Launcher

PATIENCE_S = 60.0
CLEANS_UP = """
import os, signal, sys, time

def got(number, frame):
    print("signal", signal.Signals(number).name, flush=True)

def clean_up():
    time.sleep(0.1)
    print("cleaned up", flush=True)

for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGWINCH", "SIGCONT"):
    signal.signal(getattr(signal, name), got)
try:
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    clean_up()
    sys.exit(5)
"""


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('a word')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(200)", 200),
        ("import os; os.kill(os.getpid(), 15)", 128 + 15),
        ("import os; os.abort()", 128 + 6),
        ("raise KeyboardInterrupt", 128 + 2),
    ],
)
def test_run_ends_with_the_programs_own_status(code: str, status: int, tmp_path: Path) -> None:
    scope("run", "--no-window", "-o", tmp_path / "s.scope", "--", sys.executable, "-c", code, expect=status)
    assert scope_json("info", tmp_path / "s.scope", "--json")["complete"]


@pytest.mark.sampled
def test_the_status_is_the_programs_on_every_python(interpreter: Interpreter, tmp_path: Path) -> None:
    words = ("run", "--no-window", "-o", tmp_path / "s.scope", "--", interpreter.path, "-c", "raise SystemExit(42)")
    scope(*words, expect=42)


def test_a_failure_of_scope_before_the_program_is_125(tmp_path: Path) -> None:
    (tmp_path / "there.scope").mkdir()
    for words in (
        ("-o", tmp_path / "a.scope", "--", "./no-such-program"),
        ("-o", tmp_path / "there.scope", "--", sys.executable, "-c", "pass"),
        ("-o", tmp_path / "a.txt", "--", sys.executable, "-c", "pass"),
    ):
        done = scope("run", "--no-window", *words, expect=125)
        assert len(done.stderr.splitlines()) == 1


def test_a_program_that_becomes_another_one_is_followed_to_its_end(tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    code = "import os\ndef f(): pass\nf()\nos.execv('/bin/sh', ['sh', '-c', 'sleep 2; exit 9'])"
    done = scope("run", "--no-window", "-o", session, "--", sys.executable, "-c", code, expect=9)
    assert "The program became sh -c … by exec" in done.stderr
    assert scope_json("info", session, "--json")["kinds"]["call"] >= 2


def test_a_program_that_starts_itself_anew_is_recorded_again(tmp_path: Path) -> None:
    """It runs until Scope's thread is there: on a busy machine that takes seconds."""
    (tmp_path / "app.py").write_text(
        "import os, sys, time\n"
        "def first(): pass\ndef second(): time.sleep(0.01)\n"
        "if len(sys.argv) == 1:\n    first()\n    os.execv(sys.executable, [sys.executable, *sys.argv, 'again'])\n"
        "ends = time.monotonic() + 30\n"
        "while len(os.listdir('/proc/self/task')) == 1 and time.monotonic() < ends: second()\n"
        "for _ in range(100): second()\nsys.exit(4)\n"
    )
    session = tmp_path / "s.scope"
    scope("run", "--no-window", "-o", session, "--", sys.executable, tmp_path / "app.py", expect=4)
    assert {"first", "second"} <= {row["function"] for row in query(session, "SELECT function FROM sites")}


@contextlib.contextmanager
def recorded(session: Path, program: Path) -> Iterator[subprocess.Popen[str]]:
    """`scope-gui run` of a program that has said that it is ready."""
    words = [*COMMAND, "run", "--no-window", "-o", str(session), "--", sys.executable, str(program)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            for child in psutil.Process(process.pid).children() if process.poll() is None else ():
                child.kill()
            process.kill()


def test_signals_that_scope_gets_are_the_programs_and_its_clean_up_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CLEANS_UP)
    session = tmp_path / "s.scope"
    with recorded(session, tmp_path / "app.py") as process:
        assert process.stdout is not None
        for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGWINCH", "SIGCONT"):
            process.send_signal(getattr(signal, name))
            assert process.stdout.readline() == f"signal {name}\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "cleaned up\n"
        assert process.wait(PATIENCE_S) == 5
    functions = {row["function"]: row["n"] for row in query(session, COUNTED)}
    assert functions["clean_up"] == 1
    assert functions["got"] == 5


COUNTED = "SELECT function, count(*) AS n FROM calls JOIN sites USING (site_id) GROUP BY function"


def test_sigterm_ends_the_program_and_the_session_is_saved(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CLEANS_UP)
    with recorded(tmp_path / "s.scope", tmp_path / "app.py") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 128 + 15
    assert scope_json("info", tmp_path / "s.scope", "--json")["complete"]


def test_of_a_program_that_outlives_its_recording_it_is_said_that_its_status_is_not_told(tmp_path: Path) -> None:
    """0 says that the recording is saved; the program may end with 7 later."""
    code = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
    words = [*COMMAND, "run", "--no-window", "--duration", "0.3", "-o", str(tmp_path / "s.scope"), "--"]
    with (tmp_path / "said").open("w") as file:  # the program has it too: the end of a pipe would be its end
        done = subprocess.run([*words, sys.executable, "-c", code, str(tmp_path / "pid")], stderr=file, check=False)
    psutil.Process(int((tmp_path / "pid").read_text())).kill()
    said = (tmp_path / "said").read_text()
    assert (done.returncode, "the time was up" in said) == (0, True)
    assert "the program goes on without being recorded" in said


class Terminal:
    """A shell with job control on a terminal of its own, in which a program is the foreground job."""

    def __init__(self, script: str, words: list[str]) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.execv("/bin/sh", ["sh", "-m", "-c", script, "sh", *words])
        self.text = ""

    def press(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def wait_for(self, text: str) -> None:
        """Returns once the screen shows it."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.text:
            ready, _, _ = select.select([self._screen], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} was never seen in:\n{self.text}"
            try:
                self.text += os.read(self._screen, 4096).decode(errors="replace")
            except OSError:
                pytest.fail(f"it ended before {text!r} was seen:\n{self.text}")

    def hang_up(self) -> int:
        """As when a connection breaks; the status of what ran there, once it has ended."""
        os.close(self._screen)
        leader = psutil.Process(self.pid)
        status = leader.wait(PATIENCE_S)
        self.pid = 0
        return int(status)

    def close(self) -> None:
        """Ends what still runs there."""
        if not self.pid:
            return
        for process in (*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        os.close(self._screen)
        os.waitpid(self.pid, 0)


@contextlib.contextmanager
def on_a_terminal(script: str, session: Path, program: Path) -> Iterator[Terminal]:
    """A recorded program that has said that it is ready."""
    program.write_text(CLEANS_UP)
    words = [*COMMAND, "run", "--no-window", "-o", str(session), "--", sys.executable, str(program)]
    terminal = Terminal(script, words)
    try:
        terminal.wait_for("ready")
        yield terminal
    finally:
        terminal.close()


def test_ctrl_c_on_a_terminal_reaches_the_program_once_and_is_recorded_to_the_end(tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    with on_a_terminal('"$@"; echo "status $?"; read wait', session, tmp_path / "app.py") as terminal:
        terminal.press("\x03")
        terminal.wait_for("status 5")
        assert "cleaned up" in terminal.text
    functions = {row["function"]: row["n"] for row in query(session, COUNTED)}
    assert functions["clean_up"] == 1


def test_ctrl_z_stops_program_and_recorder_and_both_go_on(tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    script = '"$@"; echo "stopped $?"; read wait; fg; echo "status $?"; read wait'
    with on_a_terminal(script, session, tmp_path / "app.py") as terminal:
        job = psutil.Process(terminal.pid).children(recursive=True)
        job = [process for process in job if os.getpgid(process.pid) == job[0].pid]
        terminal.press("\x1a")
        terminal.wait_for(f"stopped {128 + signal.SIGTSTP}")
        assert [process.status() for process in job] == [psutil.STATUS_STOPPED] * 2
        terminal.press("\n")
        terminal.wait_for("signal SIGCONT")
        terminal.press("\x03")
        terminal.wait_for("status 5")
    assert scope_json("info", session, "--json")["complete"]


def test_a_terminal_that_hangs_up_ends_an_attach_which_is_saved(tmp_path: Path, target: Launcher) -> None:
    process = target([sys.executable, "-c", "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.01)"])
    process.wait_for_line("ready")
    session = tmp_path / "s.scope"
    words = [*COMMAND, "attach", str(process.pid), "--no-window", "-o", str(session)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as recorder:
        assert recorder.stderr is not None
        assert "recording process" in recorder.stderr.readline()
        recorder.send_signal(signal.SIGHUP)
        assert recorder.wait(PATIENCE_S) == 0
    assert process.alive
    assert scope_json("info", session, "--json")["complete"]


@pytest.mark.parametrize("form", ["run", "attach"])
def test_a_terminal_that_hangs_up_on_its_only_process_ends_the_recording_which_is_saved(
    form: str, tmp_path: Path, target: Launcher
) -> None:
    """The kernel tells the leader of the session alone: as in `ssh -t HOST scope-gui run ...`, which never ended."""
    ready = tmp_path / "ready"  # not a word on the terminal: it may hang up while that is still being written
    code = f"import pathlib, time\npathlib.Path({str(ready)!r}).touch()\nwhile True: time.sleep(0.01)"
    process = target([sys.executable, "-c", code]) if form == "attach" else None
    end = [str(process.pid)] if process else ["--", sys.executable, "-c", code]
    words = [*COMMAND, form, "--no-window", "-o", str(tmp_path / "s.scope"), *end]
    terminal = Terminal('exec "$@"', words)
    try:
        if process:
            terminal.wait_for("recording process")
        wait_for(ready.exists, PATIENCE_S)
        assert terminal.hang_up() == (0 if process else 128 + signal.SIGHUP)
    finally:
        terminal.close()
    assert process is None or process.alive
    assert scope_json("info", tmp_path / "s.scope", "--json")["complete"]


@pytest.mark.soak
@pytest.mark.minors("3.11", "3.13")
def test_a_program_that_ends_at_any_moment_ends_as_it_would(
    interpreter: Interpreter, rounds: Callable[[int, int], int], tmp_path: Path
) -> None:
    """The recorder's thread may be in the middle of whatever it does: one in fifty died while the processor's speed was
    looked at, with a function of an agent that had gone."""
    source = subprocess.check_output([interpreter.path, "-c", "import textwrap; print(textwrap.__file__)"], text=True)
    command = [str(interpreter.path), "-m", "tokenize", source.strip()]
    bare = subprocess.check_output(command, text=True)
    for number in range(rounds(4, 300)):
        done = scope("run", "--no-window", "-o", tmp_path / f"{number}.scope", "--include", "*", "--", *command)
        assert done.stdout == bare
