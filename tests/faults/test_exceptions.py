"""Every exception that a program raises is told once, with its type, what it says, and the calls that it was in."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope, scope_json
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "exceptions_told.py"
RAISES_AND_IS_TRACED = PROGRAM.with_name("raises_and_is_traced.py")
FRAMES = """
    SELECT exception_id, depth, function, role, type, message
    FROM exception_frames JOIN exceptions USING (exception_id) JOIN sites ON exception_frames.site_id = sites.site_id
    WHERE role IN ('raised', 'unwound') ORDER BY exception_id, depth
"""
TRACED_ONCE = """
import json, sys
source = open(sys.argv[1]).read().replace("\\nmain()\\n", "\\n")
names = {"__name__": "other"}
exec(compile(source, sys.argv[1], "exec"), names)
names["traced"]()
print(json.dumps({" ".join(key): float(count) for key, count in sorted(names["seen"].items())}))
"""


def test_each_exception_is_told_once_with_what_it_says_and_the_calls_it_was_in(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    session = tmp_path / "exceptions.scope"
    done = json.loads(run_recorded(session, [interpreter.path, PROGRAM]).stdout)
    assert done["ran"] == []
    told = Counter((kind, says) for kind, says, _ in done["told"])
    assert Counter((row["type"], row["message"]) for row in query(session, "SELECT * FROM exceptions")) == told
    of_events = query(session, "SELECT value, message FROM events WHERE kind = 'raise'")
    assert Counter((row["value"], row["message"]) for row in of_events) == told
    paths: dict[int, list[str]] = {}
    for row in query(session, FRAMES):
        assert row["role"] == ("unwound" if row["depth"] else "raised")
        assert row["depth"] == len(paths.setdefault(row["exception_id"], []))
        paths[row["exception_id"]].append(row["function"].rpartition(".")[2])
    assert Counter(map(tuple, paths.values())) == Counter(tuple(path) for _, _, path in done["told"])
    assert "password=" in scope("events", session, "--kind", "raise").stdout
    assert "hunter2" not in scope("events", session, "--kind", "raise").stdout


def test_a_frame_shows_the_exception_that_is_on_its_way(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "exceptions.scope"
    run_recorded(session, [interpreter.path, PROGRAM])
    [one] = query(session, "SELECT * FROM exceptions WHERE message = 'through five'")
    sql = "SELECT time_ns, kind FROM events WHERE track_id = {} AND event_id >= {} AND kind <> 'dead_frame'"
    first = one["exception_id"]
    rows = query(session, sql.format(one["track_id"], first) + " ORDER BY event_id LIMIT 7")
    assert [row["kind"] for row in rows[:6]] == ["raise", *["unwind"] * 5]
    for row in (rows[0], rows[3], rows[5]):
        frame = scope_json("frame", session, "--at", f"{row['time_ns']}ns", "--json")
        if frame["event_id"] > first + 5:
            continue  # two events of one nanosecond
        shown = {track["track_id"]: track["exception"] for track in frame["tracks"] if track["exception"]}
        assert shown == {
            one["track_id"]: {"exception_id": first, "type": "__main__.Planned", "message": "through five"}
        }
    text = scope("frame", session, "--at", f"{rows[0]['time_ns']}ns").stdout
    assert "raises __main__.Planned: through five" in text
    before = scope_json("frame", session, "--at", f"{rows[0]['time_ns'] - 1}ns", "--json")
    assert all(track["exception"] is None for track in before["tracks"])


def test_a_program_that_traces_itself_sees_what_it_would_and_its_raises_are_told(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    """Before 3.12 a trace function of ours tells of raises, and is to be seen by nobody, while recorded and after."""
    stop = tmp_path / "stop"
    program = target([interpreter.path, RAISES_AND_IS_TRACED, stop], ready="ready")
    for attempt in range(2):
        session = tmp_path / f"{attempt}.scope"
        scope("attach", program.pid, "--no-window", "-o", session, "--duration", "0.7")
        rows = query(session, "SELECT type, message, count(*) AS n FROM exceptions GROUP BY ALL")
        told = {(row["type"], row["message"]): row["n"] for row in rows}
        assert told.keys() >= {("ValueError", "main"), ("ValueError", "worker"), ("KeyError", "before")}
        unwound = query(
            session,
            "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'fails' AND outcome = 'raise'",
        )
        fails = told["ValueError", "main"] + told["ValueError", "worker"]
        assert 0 <= fails - unwound[0]["n"] <= 2
    stop.touch()
    assert program.wait(30) == 0, program.output()
    recorded = json.loads(program.output().splitlines()[-1])
    raised = recorded["raised"]
    assert (raised["main"], raised["worker"]) == (raised["main caught"], raised["worker caught"])
    once = json.loads(
        subprocess.run(
            [interpreter.path, "-c", TRACED_ONCE, RAISES_AND_IS_TRACED], capture_output=True, text=True, check=True
        ).stdout
    )
    assert recorded["seen"] == once
