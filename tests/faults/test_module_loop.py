"""A loop at module level is counted, not recorded change by change, unless --state asks for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import interpreters
from tests.capture.agent import poolfile
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope, scope_json
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "module_loop.py"
DELETED, FIRST, SAMPLED, COUNTED, MUTABLE = 1, 8, 16, 32, 64
CHANGES = {"total": 400_001, "last": 400_000, "i": 450_000, "text": 1, "slow": 1, "line": 75_000}
WATCHED = [one for one in interpreters.found() if one.version >= (3, 12)]
POLLED = [one for one in interpreters.found() if one.version < (3, 12)]


@pytest.fixture
def state_only() -> Iterator[Recording]:
    one = Recording(mode="state")
    yield one
    one.close()


@pytest.fixture
def one_name_asked_for() -> Iterator[Recording]:
    one = Recording(mode="state", state=["__main__.slow*"], chunk_count=4096)
    yield one
    one.close()


@pytest.mark.parametrize("watched", WATCHED, ids=str)
def test_every_change_is_counted_and_few_are_written(
    watched: Interpreter, target: Launcher, state_only: Recording
) -> None:
    started = state_only.launch(target, watched, PROGRAM)
    assert started.wait(PATIENCE_S) == 0, started.output()
    pool = state_only.read()
    counted, written, final = Counter[str](), Counter[str](), {}
    for event in (event for event in pool.all_events() if event.kind == "state"):
        name = pool.definitions[3][event.a][1]
        final[name] = None if event.flags & DELETED else event.text
        if not event.flags & MUTABLE:  # a list that is filled is looked at, not counted
            counted[name] += event.changes
            written[name] += 1
            assert bool(event.flags & COUNTED) == bool(event.flags & SAMPLED)
    assert counted == CHANGES
    assert max(written.values()) < 20_000
    total, _ = started.output().split()
    assert (final["total"], final["last"], final["i"], final["slow"]) == (total, total, "49999", "'once'")
    assert final["line"] is None
    assert (final["words"] or "").startswith("[102, 102, ")


@pytest.mark.parametrize("watched", WATCHED[:1], ids=str)
def test_a_name_that_was_asked_for_stays_whole(
    watched: Interpreter, target: Launcher, one_name_asked_for: Recording, tmp_path: Path
) -> None:
    text = "for slowly in range(20_000):\n    other = slowly\nslow = 1\n"
    started = one_name_asked_for.launch(target, watched, script(tmp_path, text))
    assert started.wait(PATIENCE_S) == 0, started.output()
    states = one_name_asked_for.read().states()
    values = [(flags, value) for _, key, _, flags, value in states if key == "slowly"]
    assert values == [(0, str(n)) for n in range(20_000)]
    assert sum(key == "other" for _, key, *_ in states) < 10_000


@pytest.mark.parametrize("watched", WATCHED[:1], ids=str)
def test_the_last_value_of_a_busy_name_is_written_while_the_program_waits(
    watched: Interpreter, target: Launcher, state_only: Recording, tmp_path: Path
) -> None:
    text = (
        "import sys\nfor n in range(100_000): pass\nprint('waiting', flush=True)\n"
        "import time\nwhile True: time.sleep(0.01)\n"
    )
    started = state_only.launch(target, watched, script(tmp_path, text))
    started.wait_for_line("waiting")
    state_only.stop()
    values = [value for _, key, _, _, value in state_only.read().states() if key == "n"]
    assert values[-1] == "99999"
    assert values == sorted(values, key=int)


@pytest.mark.parametrize("polled", POLLED, ids=str)
def test_a_big_module_does_not_stall_a_program_that_is_polled(
    polled: Interpreter, target: Launcher, state_only: Recording, tmp_path: Path
) -> None:
    text = (
        "import time\nfor n in range(30_000): globals()[f'name{n}'] = [n]\ntime.sleep(0.6)\n"
        "name5 = 'changed'\ndef spent(): return time.process_time() - time.thread_time()\n"
        "def longest(seconds):\n"
        "    most, end, before = 0, time.monotonic() + seconds, spent()\n"
        "    while time.monotonic() < end:\n"
        "        now = spent()\n        most, before = max(most, now - before), now\n"
        "    return most\n"
        "print('longest', longest(3), flush=True)\n"
    )
    started = state_only.launch(target, polled, script(tmp_path, text))
    assert started.wait(PATIENCE_S) == 0, started.output()
    # What other threads, ours alone, had spent when this one went on: what a look held it up, whatever else runs here.
    assert float(started.output().split()[1]) < 0.02
    values = [value for _, key, _, _, value in state_only.read().states() if key == "name5"]
    assert values[0] == "[5]"
    assert values == sorted(set(values), key=values.index)


@pytest.mark.parametrize("watched", WATCHED[:1], ids=str)
def test_the_first_look_at_a_big_module_does_not_stall_a_program(
    watched: Interpreter, target: Launcher, state_only: Recording, tmp_path: Path
) -> None:
    text = DOOR + (
        "import time\nfor n in range(8_000): globals()[f'name{n}'] = [n]\n"
        "def spent(): return time.process_time() - time.thread_time()\n"
        "print('ready', flush=True)\nbefore, longest, end = spent(), 0, time.monotonic() + 4\n"
        "def wait():\n"
        "    global before, longest\n"
        "    while time.monotonic() < end:\n"
        "        now = spent()\n        longest, before = max(longest, now - before), now\n"
        "wait()\nname7 = 'changed'\nprint('longest', longest, flush=True)\n"
    )
    argv = [watched.path, script(tmp_path, text)]
    started = target(argv, ready="ready", env=state_only.environment())
    state_only.attach(started)
    assert started.wait(PATIENCE_S) == 0, started.output()
    assert float(started.output().split()[-1]) < 0.05
    states = [state for state in state_only.read().states() if re.fullmatch(r"name\d+", state[1])]
    firsts = {key: value for _, key, _, flags, value in states if flags & FIRST}
    assert firsts == {f"name{n}": f"[{n}]" for n in range(8_000)}
    assert [value for _, key, _, _, value in states if key == "name7"] == ["[7]", "'changed'"]


OF_VERSION = {"output-logs"}
"""What 3.10 and 3.11 say of themselves in a mode without calls."""


def recorded_and_stopped_at_once(
    names: int, interpreter: Interpreter, target: Launcher, recording: Recording, folder: Path
) -> poolfile.Pool:
    """What a recording holds of a module of so many names that do not change."""
    text = DOOR + (
        f"import time\nfor n in range({names}): globals()[f'name{{n}}'] = [n]\n"
        "print('ready', flush=True)\nwhile True: time.sleep(0.001)\n"
    )
    started = target([interpreter.path, script(folder, text)], ready="ready", env=recording.environment())
    recording.attach(started)
    recording.stop()
    return recording.read()


@pytest.mark.parametrize("either", [*WATCHED[:1], *POLLED[:1]], ids=str)
def test_names_that_were_not_looked_at_before_the_end_are_counted(
    either: Interpreter, target: Launcher, state_only: Recording, tmp_path: Path
) -> None:
    pool = recorded_and_stopped_at_once(60_000, either, target, state_only, tmp_path)
    known = {key for _, key, *_ in pool.states() if re.fullmatch(r"name\d+", key)}
    ((code, detail),) = (told for told in pool.definitions[6].values() if told[0] not in OF_VERSION)
    assert code == "names-not-looked-at"
    assert 0 < 60_000 - len(known) <= int(detail.split()[0]) <= 60_003 - len(known)
    assert detail.endswith(" of __main__")


@pytest.mark.alone  # the last look takes ten milliseconds at most, of which others may have nearly all
@pytest.mark.parametrize("either", [*WATCHED[:1], *POLLED[:1]], ids=str)
def test_a_module_of_usual_size_is_whole_when_a_recording_ends_at_once(
    either: Interpreter, target: Launcher, state_only: Recording, tmp_path: Path
) -> None:
    pool = recorded_and_stopped_at_once(2_000, either, target, state_only, tmp_path)
    assert {f"name{n}" for n in range(2_000)} <= {key for _, key, *_ in pool.states()}
    assert {told[0] for told in pool.definitions.get(6, {}).values()} <= OF_VERSION


def test_the_programs_end_is_when_the_program_ended_and_the_count_is_kept(tmp_path: Path) -> None:
    if not WATCHED:
        pytest.skip("no CPython of 3.12 or later")
    session = tmp_path / "loop.scope"
    done = run_recorded(session, [WATCHED[-1].path, PROGRAM])
    rows = query(session, "SELECT key, sum(changes) AS changes FROM states WHERE key <> 'words' GROUP BY key")
    assert {row["key"]: row["changes"] for row in rows} == CHANGES
    shown = scope_json("frame", session, "--at", "100%", "--json")["states"]
    kept = {row["version_id"]: row["changes"] for row in query(session, "SELECT version_id, changes FROM states")}
    assert all(kept[state["version_id"]] == state["changes"] for state in shown)
    most = max(shown, key=lambda state: state["changes"])
    assert most["changes"] > 1
    count = f"{most['changes']:,}".replace(",", " ")
    assert (
        f"{most['key']} = {most['value']} (sampled, {count} changes)" in scope("frame", session, "--at", "100%").stdout
    )
    (last,) = query(session, "SELECT max(time_ns) AS time_ns FROM events")
    told = re.search(r"ended after ([0-9.]+)(m?s)", done.stderr)
    assert told, done.stderr
    ended_s = float(told[1]) / (1000 if told[2] == "ms" else 1)
    assert ended_s <= last["time_ns"] / 1e9 + 1.5, "sealing counted as the program's time"
