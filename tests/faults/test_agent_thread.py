"""Whichever way Scope got in, its thread is a native one that takes no signal and calls nothing of the program's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.ways_in import WAYS, recorded
from tests.interpreters import ONE_OF_EACH_WAY, Interpreter
from tests.targets import Launcher
from tests.thirdparty import packages


@pytest.mark.parametrize("way", WAYS)
def test_signals_that_a_program_waits_for_reach_it(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "waits_for_signals.py", "sigwait", WHEN="--late") as it:
        it.let_go()
        assert it.output().splitlines()[-1] == "got SIGHUP SIGTERM SIGUSR1"


@pytest.mark.minors(*ONE_OF_EACH_WAY)
@pytest.mark.parametrize("how", ["sigtimedwait", "alarm"])
@pytest.mark.parametrize("way", ["run", "attach"])
def test_signals_reach_a_program_however_it_waits(
    way: str, how: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "waits_for_signals.py", how) as it:
        it.let_go()
        expected = "got SIGALRM" if how == "alarm" else "got SIGHUP SIGTERM SIGUSR1"
        assert it.output().splitlines()[-1] == expected


@pytest.mark.parametrize("way", WAYS)
def test_the_agents_thread_blocks_every_signal(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "waits_for_signals.py", "sigwait", WHEN="--late") as it:
        masks = {}
        for task in Path(f"/proc/{it.target.pid}/task").iterdir():
            fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            masks[int(task.name)] = int(fields["SigBlk"], 16)
        ours = it.channel.recording["cost"]["agent_thread"]
        it.let_go()
        it.output()
    assert set(masks) == {it.target.pid, ours}
    kept = 1 << 8 | 1 << 18 | 3 << 31  # SIGKILL, SIGSTOP and the two of the C library
    assert masks[ours] | kept == (1 << 64) - 1


def test_a_program_that_gevent_has_patched_keeps_its_pace(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    folder = packages(interpreter, "gevent")
    with recorded("attach", interpreter, target, tmp_path, "monkey_patched.py", PYTHONPATH=str(folder)) as it:
        for _ in range(4):
            it.channel.request("ping")
        assert it.channel.request("stop")["recording"] is False
        it.let_go()
        longest_ms = int(it.output().split()[-2])
    assert longest_ms < 500, "the program stood still while it was recorded"


@pytest.mark.parametrize("way", ["attach", "inject"])
def test_nothing_that_the_program_has_replaced_is_called(
    way: str, interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    with recorded(way, interpreter, target, tmp_path, "replaces_everything.py") as it:
        it.channel.request("ping")
        assert it.channel.request("stop")["recording"] is False
        it.let_go()
        called = it.output().splitlines()[1]
    # An interpreter that is asked to run a script opens it through `io`: its own doing, before ours begins.
    asked = way == "attach" and interpreter.version >= (3, 14)
    assert called == ("called ['import _io']" if asked else "called []")
