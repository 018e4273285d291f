"""`kill -9` of the target or of the recorder in mid-burst loses nothing that was recorded.

The target writes a step's number to a file after the step, through one system call, so that the file survives the
kill and says independently how far the program came.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.interpreters import Interpreter
from tests.scope_command import COMMAND, query, scope_json

pytestmark = pytest.mark.soak
ROUNDS = 50 if os.environ.get("SCOPE_SOAK") else 1

STEPS = """
import os, sys

def inner(i):
    return i + 1

def step(i):
    total = 0
    for k in range(20):
        total += inner(k)
    return total

out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
print("READY", os.getpid(), flush=True)
i = 0
while True:
    i += 1
    step(i)
    os.pwrite(out, b"%020d" % i, 0)
"""


@contextmanager
def recording(
    interpreter: Interpreter, folder: Path, number: int
) -> Iterator[tuple[subprocess.Popen[str], int, Path, Path]]:
    """A recorder that runs the stepping program: (recorder, target pid, session, counter file)."""
    (folder / "steps.py").write_text(STEPS)
    session, counter = folder / f"kill-{number}.scope", folder / f"counter-{number}"
    recorder = subprocess.Popen(
        [*COMMAND, "run", "--no-window", "-o", session, "--", interpreter.path, folder / "steps.py", counter],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    pid = 0
    try:
        assert recorder.stdout is not None
        word, _, rest = recorder.stdout.readline().partition(" ")
        assert word == "READY"
        pid = int(rest)
        yield recorder, pid, session, counter
    finally:
        for process in (pid, recorder.pid):
            if process and psutil.pid_exists(process):
                os.kill(process, signal.SIGKILL)
        recorder.wait()
        assert recorder.stdout is not None
        recorder.stdout.close()


def assert_everything_is_there(session: Path, steps_written: int, *, exactly: bool) -> None:
    info = scope_json("info", session, "--json")
    assert info["complete"]
    assert info["produced"] == info["recorded"] + info["dropped"]
    calls = query(
        session,
        "SELECT function, count(*) AS n, count(end_ns) AS ended FROM calls JOIN sites USING (site_id) GROUP BY 1",
    )
    by_function = {row["function"]: row for row in calls}
    if info["dropped"] == 0:
        ended = by_function["step"]["ended"]
        assert by_function["inner"]["n"] >= 20 * ended
        if exactly:
            # The step that was under way when the program died may have ended without being written down.
            assert steps_written <= ended <= steps_written + 1
        else:
            assert ended <= steps_written + 1


@pytest.mark.sampled
@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_target(interpreter: Interpreter, number: int, tmp_path: Path) -> None:
    with recording(interpreter, tmp_path, number) as (recorder, pid, session, counter):
        time.sleep(random.Random(number).uniform(0.05, 0.6))
        os.kill(pid, signal.SIGKILL)
        recorder.wait(timeout=60)
    scope_json("recover", session, "--json")
    assert_everything_is_there(session, int(counter.read_text() or 0), exactly=True)


@pytest.mark.sampled
@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_recorder(interpreter: Interpreter, number: int, tmp_path: Path) -> None:
    with recording(interpreter, tmp_path, number) as (recorder, pid, session, counter):
        time.sleep(random.Random(number).uniform(0.05, 0.6))
        before = int(counter.read_text() or 0)
        recorder.kill()
        recorder.wait(timeout=60)
        recovered = scope_json("recover", session, "--json")
        assert recovered["complete"]
        # The target goes on, unharmed, once its agent has noticed.
        deadline = time.monotonic() + 10
        while int(counter.read_text()) <= before + 10:
            assert time.monotonic() < deadline, "the target stopped when its recorder died"
            time.sleep(0.01)
        written = int(counter.read_text())
        assert psutil.pid_exists(pid)
    assert_everything_is_there(session, written, exactly=False)
    steps = query(session, "SELECT count(end_ns) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'step'")[
        0
    ]["n"]
    info = scope_json("info", session, "--json")
    assert steps >= before or info["dropped"] > 0, "steps that ended before the kill must be there"
