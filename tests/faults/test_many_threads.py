"""Thousands of threads that each do little: nothing is lost, and each is in the frame with its stack."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import interpreters
from tests.conftest import in_soak_only
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope, scope_json
from tests.targets import Launcher

PROGRAMS = Path(__file__).parent / "programs"
MANY, SHORT = PROGRAMS / "many_threads.py", PROGRAMS / "short_threads.py"


def python(minor: str) -> Interpreter:
    here = [one for one in interpreters.found() if one.minor == minor]
    if not here:
        pytest.skip(f"needs Python {minor}")
    return here[0]


def allow_threads(count: int) -> None:
    limits = [resource.getrlimit(resource.RLIMIT_NPROC)[0]]
    limits += [
        int(text)
        for file in (Path("/sys/fs/cgroup/pids.max"), Path("/proc/sys/kernel/threads-max"))
        if file.is_file() and (text := file.read_text().strip()).isdecimal()
    ]
    if any(0 <= limit < count + 500 for limit in limits):
        pytest.skip(f"needs {count} threads in one process; the limits here are {limits}")


def assert_nothing_lost(session: Path) -> dict[str, Any]:
    info: dict[str, Any] = scope_json("info", session, "--json")
    assert info["produced"] == info["recorded"] > 0
    assert info["dropped"] == 0
    return info


def assert_all_calls_are_there(session: Path, told: str) -> None:
    calls = int(told.split("calls ")[1].split(maxsplit=1)[0])
    sql = "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'step'"
    assert query(session, sql)[0]["n"] == calls > 0


def tracks_while_everyone_lives(session: Path, *, last: bool = False) -> dict[str, dict[str, Any]]:
    """The program's threads by name at the first (or last) call of `everyone_lives`, with their `functions`."""
    sql = (
        f"SELECT {'max' if last else 'min'}(start_ns) AS at FROM calls JOIN sites USING (site_id) "
        "WHERE function = 'everyone_lives'"
    )
    frame = scope_json("frame", session, "--at", f"{query(session, sql)[0]['at']}ns", "--json")
    tracks = {track["name"]: track for track in frame["tracks"] if track["name"].startswith("conn-")}
    for track in tracks.values():
        assert track["status"] != "ended"
        track["functions"] = [entry["function"] for entry in track["stack"]]
    return tracks


def has_its_stack(track: dict[str, Any]) -> bool:
    if int(track["name"].removeprefix("conn-")) % 2:
        return bool(track["functions"] == ["connection", "first", "second", "third"])
    return track["functions"] in (["connection"], ["connection", "step"])


def assert_slow_stacks(tracks: dict[str, dict[str, Any]], count: int) -> None:
    assert set(tracks) == {f"conn-{n}" for n in range(count)}
    for track in tracks.values():
        assert track["confidence"] == "exact"
        assert has_its_stack(track), track


@pytest.mark.parametrize("minor", ["3.11", "3.14"])
def test_a_program_with_700_slow_threads_loses_nothing(minor: str, tmp_path: Path) -> None:
    session = tmp_path / "run.scope"
    done = run_recorded(session, [python(minor).path, MANY, 700, 1])
    assert_nothing_lost(session)
    assert_all_calls_are_there(session, done.stdout)
    assert_slow_stacks(tracks_while_everyone_lives(session), 700)


@pytest.mark.parametrize("minor", ["3.11", "3.14"])
def test_the_stacks_of_700_threads_are_told_when_attaching(minor: str, target: Launcher, tmp_path: Path) -> None:
    session = tmp_path / "attach.scope"
    started = target([python(minor).path, MANY, "700", "60"], ready="ready")
    scope("attach", started.pid, "--no-window", "-o", session, "--duration", 1)
    assert_nothing_lost(session)
    assert_slow_stacks(tracks_while_everyone_lives(session), 700)
    assert_slow_stacks(tracks_while_everyone_lives(session, last=True), 700)


def test_a_small_pool_that_may_wait_goes_round_among_more_threads_than_it_has_chunks(tmp_path: Path) -> None:
    session = tmp_path / "block.scope"
    flags = ("--memory", "1", "--when-full", "block")
    done = run_recorded(session, [python("3.12").path, MANY, 700, 1], *flags)
    assert_nothing_lost(session)
    assert_all_calls_are_there(session, done.stdout)
    assert_slow_stacks(tracks_while_everyone_lives(session), 700)


def test_threads_that_do_much_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """In a pool that holds the whole burst: on a busy machine the recorder may not have its turn before it is over."""
    session = tmp_path / "burst.scope"
    done = run_recorded(session, [python("3.12").path, MANY, 600, 0.2, "burst"], "--memory", "256")
    assert_nothing_lost(session)
    assert_all_calls_are_there(session, done.stdout)


def test_deep_stacks_of_many_threads_fit_when_attaching(target: Launcher, tmp_path: Path) -> None:
    session = tmp_path / "deep.scope"
    started = target([python("3.12").path, MANY, "300", "60", "deep"], ready="ready")
    scope("attach", started.pid, "--no-window", "-o", session, "--duration", 1)
    assert_nothing_lost(session)
    tracks = tracks_while_everyone_lives(session)
    assert len(tracks) == 300
    assert all(track["functions"] == ["connection"] + ["deep"] * 1001 for track in tracks.values())


def test_a_pool_far_too_small_for_all_stacks_keeps_everyone_in_the_frame(target: Launcher, tmp_path: Path) -> None:
    session = tmp_path / "small.scope"
    started = target([python("3.12").path, MANY, "700", "60"], ready="ready")
    scope("attach", started.pid, "--memory", 1, "--no-window", "-o", session, "--duration", 3)
    info = scope_json("info", session, "--json")
    assert info["produced"] == info["recorded"] + info["dropped"]
    assert info["dropped"] > 0
    first, last = tracks_while_everyone_lives(session), tracks_while_everyone_lives(session, last=True)
    assert set(first) == set(last) == {f"conn-{n}" for n in range(700)}
    assert all(
        has_its_stack(track) or track["confidence"] == "not captured" for track in [*first.values(), *last.values()]
    )
    assert sum(map(has_its_stack, last.values())) > sum(map(has_its_stack, first.values()))


def test_threads_that_come_and_go_use_the_same_memory_again(tmp_path: Path, rounds: Any) -> None:
    session = tmp_path / "short.scope"
    count = rounds(15, 500)
    run_recorded(session, [python("3.12").path, SHORT, count, 200])
    info = assert_nothing_lost(session)
    assert info["tracks"] == count * 200 + 2
    sql = "SELECT count(*) AS n FROM tracks WHERE name LIKE 'short-%' AND end_ns IS NOT NULL"
    assert query(session, sql)[0]["n"] == count * 200
    joined = "SELECT count(DISTINCT ref) AS n FROM events WHERE kind = 'join_end' AND ref > 0"
    assert query(session, joined)[0]["n"] == count * 200


@pytest.mark.soak
@in_soak_only  # `make test` has the same with 700
@pytest.mark.parametrize("way", ["run", "attach"])
def test_5000_live_threads_lose_nothing(way: str, target: Launcher, tmp_path: Path) -> None:
    count, seconds = 5000, 20
    allow_threads(count)
    session = tmp_path / "5000.scope"
    if way == "run":
        done = run_recorded(session, [python("3.12").path, MANY, count, seconds])
        assert_all_calls_are_there(session, done.stdout)
    else:
        started = target([python("3.12").path, MANY, str(count), "300"], ready="ready", timeout_s=90)
        scope("attach", started.pid, "--no-window", "-o", session, "--duration", seconds)
    assert_nothing_lost(session)
    assert_slow_stacks(tracks_while_everyone_lives(session), count)
    assert_slow_stacks(tracks_while_everyone_lives(session, last=True), count)


def longest_pause_ms(count: int, session: Path) -> float:
    """The longest of an attach to that many idle threads, by the program's own clock."""
    argv: list[str | Path] = [python("3.11").path, PROGRAMS / "longest_pause.py", str(count)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin
        assert program.stdout
        assert program.stdout.readline() == "ready\n"
        program.stdin.write("begin\n")
        program.stdin.flush()
        program.stdout.readline()
        scope("attach", program.pid, "--no-window", "-o", session, "--duration", 0.5)
        told, _ = program.communicate("end\n")
    return float(told)


@pytest.mark.soak
@in_soak_only
def test_four_times_the_threads_are_held_up_for_about_four_times_as_long(tmp_path: Path) -> None:
    allow_threads(4000)
    few, many = (
        min(longest_pause_ms(count, tmp_path / f"{count}-{n}.scope") for n in range(3)) for count in (1000, 4000)
    )
    assert many < 6 * few, f"{few} ms with 1000 threads, {many} ms with 4000"
