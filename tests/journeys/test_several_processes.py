"""Several processes that have nothing to do with one another, in one session: each whole, each with its own end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import in_soak_only
from tests.interpreters import found
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, query, scope, scope_json
from tests.targets import Launcher

COUNTS = """
import os, sys, time

def {name}(n):
    return n + 1

def wait_for(file):
    while not os.path.exists(file):
        time.sleep(0.005)

print("ready", flush=True)
wait_for("{name}.goes")
n, until = 0, time.monotonic() + {seconds}
while n < {calls} or time.monotonic() < until:
    n = {name}(n)
    if n % 100 == 0:
        time.sleep(0.001)
print("made", n, flush=True)
wait_for("{name}.ends")
"""


class Counting:
    """A program that calls the function of its name so many times, once it may, and ends when it may."""

    def __init__(
        self, target: Launcher, folder: Path, name: str, python: Path, calls: int, *, seconds: int = 0
    ) -> None:
        (folder / f"{name}.py").write_text(COUNTS.format(name=name, calls=calls, seconds=seconds))
        self._target = target([python, f"{name}.py"], ready="ready", cwd=folder)
        self._file = folder / name
        self.pid = self._target.pid

    def goes(self) -> None:
        self._file.with_suffix(".goes").touch()

    def ends(self) -> None:
        self._file.with_suffix(".ends").touch()

    def made(self) -> int:
        return int(self._target.wait_for_line("made").split()[1])

    @property
    def is_alive(self) -> bool:
        return self._target.alive


def recorder_of(session: Path, *several: Counting, memory: int = 32) -> subprocess.Popen[str]:
    """A recorder that records all of them, which go then."""
    pids = [str(one.pid) for one in several]
    words = [*COMMAND, "attach", *pids, "--no-window", "--memory", str(memory), "-o", str(session)]
    recorder = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None
    assert recorder.stderr.readline().startswith(f"scope-gui: recording processes {', '.join(pids)} into")
    for one in several:
        one.goes()
    return recorder


def test_two_programs_of_two_pythons_are_counted_each_by_itself(target: Launcher, tmp_path: Path) -> None:
    one = Counting(target, tmp_path, "one", found()[0].path, calls=4000)
    two = Counting(target, tmp_path, "two", found()[-1].path, calls=7000)
    session = tmp_path / "both.scope"
    with recorder_of(session, one, two) as recorder:
        assert (one.made(), two.made()) == (4000, 7000)
        one.ends()
        assert wait_for(lambda: not one.is_alive, 20)
        time.sleep(0.5)
        assert recorder.poll() is None, "the other one is still recorded"
        scope("stop", session)
        assert recorder.wait(30) == 0
    assert two.is_alive
    sql = (
        "SELECT p.pid, s.function AS name, count(*) AS n FROM calls c JOIN sites s USING (site_id)"
        " JOIN tracks t USING (track_id) JOIN processes p USING (process_id)"
        " WHERE s.function IN ('one', 'two') GROUP BY 1, 2 ORDER BY 2"
    )
    assert query(session, sql) == [
        {"pid": one.pid, "name": "one", "n": 4000},
        {"pid": two.pid, "name": "two", "n": 7000},
    ]
    ends = query(session, "SELECT pid, end_ns FROM processes WHERE tier = 'python' ORDER BY process_id")
    assert [row["pid"] for row in ends] == [one.pid, two.pid]
    assert ends[0]["end_ns"] is not None
    assert ends[1]["end_ns"] is None
    assert scope_json("verify", session, "--json")["problems"] == []
    info = scope_json("info", session, "--json")
    assert info["complete"]
    assert info["produced"] == info["recorded"]
    assert not list(Path("/dev/shm").glob(f"scope-*-{info['session_id']}"))


def test_what_is_recorded_of_one_of_two_programs_changes_and_not_of_the_other(target: Launcher, tmp_path: Path) -> None:
    one, two = (Counting(target, tmp_path, name, found()[-1].path, calls=10**9) for name in ("one", "two"))
    session = tmp_path / "both.scope"

    def counted(name: str) -> int:
        sql = f"SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = '{name}'"
        return int(query(session, sql)[0]["n"])

    with recorder_of(session, one, two) as recorder:
        assert wait_for(lambda: (session / "manifest.json").exists() and min(map(counted, ("one", "two"))) > 100, 60)
        said = scope(
            "configure", session, "--pid", one.pid, "--exclude", "__main__:one", "--mode", "performance"
        ).stderr
        what = "Calls and exceptions, no state; --exclude __main__:one"
        assert said.endswith(f"is recorded from now on with: process {one.pid}: {what}\n")
        assert wait_for(lambda: bool(scope_json("info", session, "--json")["changes"]), 60)
        [change] = scope_json("info", session, "--json")["changes"]
        stands, goes = counted("one"), counted("two")
        assert wait_for(lambda: counted("two") > goes + 1000, 60)
        assert scope("configure", session, "--pid", 1, "--mode", "full", expect=1).stderr.endswith(
            "Process 1 is not among those that are recorded here.\n"
        )
        both = scope("configure", session, "--when-full", "block").stderr.splitlines()
        assert [line.partition("with: process ")[2] for line in both] == [
            f"{one.pid}: {what}; --when-full block",
            f"{two.pid}: Everything: calls, exceptions, state; --when-full block",
        ]
        scope("stop", session)
        assert recorder.wait(30) == 0
    processes = {row["pid"]: row["process_id"] for row in query(session, "SELECT pid, process_id FROM processes")}
    assert change["process_id"] == processes[one.pid]
    after = f"SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE start_ns > {change['time_ns']}"
    assert query(session, f"{after} AND function = 'one'") == [{"n": 0}]
    assert counted("one") >= stands
    frame = scope_json("frame", session, "--at", "end", "--json")
    held = {process["pid"]: process["settings"] or frame["settings"] for process in frame["processes"]}
    assert (held[one.pid]["mode"], held[one.pid]["exclude"]) == ("performance", ["__main__:one"])
    assert (held[two.pid]["mode"], held[two.pid]["exclude"]) == ("full", [])
    assert scope_json("verify", session, "--json")["problems"] == []


def test_a_recorder_of_several_that_is_killed_loses_none_of_them(target: Launcher, tmp_path: Path) -> None:
    several = [Counting(target, tmp_path, name, found()[-1].path, calls=3000, seconds=1) for name in ("a", "b", "c")]
    session = tmp_path / "killed.scope"
    with recorder_of(session, *several) as recorder:
        time.sleep(0.5)
        recorder.kill()
    made = [one.made() for one in several]
    scope("recover", session)
    sql = "SELECT function, count(*) AS n FROM calls JOIN sites USING (site_id) WHERE length(function) = 1 GROUP BY 1"
    counted = {row["function"]: row["n"] for row in query(session, sql)}
    assert sorted(counted) == ["a", "b", "c"]
    assert all(0 < counted[name] <= most for name, most in zip("abc", made, strict=True))
    assert scope_json("info", session, "--json")["complete"]


def test_one_that_refuses_leaves_all_of_them_unrecorded(target: Launcher, tmp_path: Path) -> None:
    one = Counting(target, tmp_path, "one", Path(sys.executable), calls=10)
    other = subprocess.Popen(["sleep", "60"])
    try:
        done = scope("attach", one.pid, other.pid, "--no-window", "-o", tmp_path / "s.scope", expect=1)
        assert "sleep" in done.stderr or str(other.pid) in done.stderr
        assert not (tmp_path / "s.scope").exists()
        assert "_scope_recorder" not in Path(f"/proc/{one.pid}/maps").read_text()
        assert "each named once" in scope("attach", one.pid, one.pid, "--no-window", expect=2).stderr
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()


@pytest.mark.soak
@in_soak_only
def test_a_hundred_processes_are_recorded_by_one_recorder(target: Launcher, tmp_path: Path) -> None:
    several = [Counting(target, tmp_path, f"f{n}", found()[-1].path, calls=1000) for n in range(100)]
    session = tmp_path / "hundred.scope"
    with recorder_of(session, *several, memory=4) as recorder:
        for one in several:
            assert one.made() == 1000
            one.ends()
        assert recorder.wait(60) == 0
    sql = "SELECT function, count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function LIKE 'f%' GROUP BY 1"
    assert sorted(row["n"] for row in query(session, sql)) == [1000] * 100
