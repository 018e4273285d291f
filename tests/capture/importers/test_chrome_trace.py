"""A trace of VizTracer's becomes a session that says the same; what a trace cannot say, or is wrong in it, is told."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.importers import registry
from capture.importers.imported import Imported
from capture.importers.registry import IMPORTERS, Importer, importer_of, read_as
from capture.session.session import Session
from capture.unseen import BY_CODE
from dags.correlate.importing import write_session
from dags.frame.reader import frame_at
from scope_gui import command_line
from tests.scope_command import query, scope, scope_here

PROGRAM = """
import threading

class Store:
    def __init__(self):
        self.items = {}

    def put(self, key, value):
        self.items[key] = value

    def fail(self, key):
        if key % 3 == 0:
            raise KeyError(key)

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def counted(n):
    yield from range(n)

def work(store):
    for number in range(12):
        store.put(number, fib(5))
        try:
            store.fail(number)
        except KeyError:
            pass
    return sum(counted(4))

store = Store()
threads = [threading.Thread(target=work, args=(store,), name=f"w{n}") for n in range(3)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What VizTracer records of the program."""
    folder = tmp_path_factory.mktemp("trace")
    (folder / "program.py").write_text(PROGRAM)
    words = ["-m", "viztracer", "--quiet", "-o", "trace.json", "program.py"]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, timeout=60, cwd=folder)
    return folder / "trace.json"


@pytest.fixture(scope="module")
def session(trace: Path) -> Path:
    target = trace.with_name("s.scope")
    scope("convert", trace, target)
    return target


def convert(events: list[dict[str, Any]] | str, folder: Path, name: str = "t.json") -> Path:
    """The session of a trace of these events."""
    source, target = folder / name, folder / f"{name}.scope"
    source.write_text(events if isinstance(events, str) else json.dumps({"traceEvents": events}))
    write_session(read_as(importer_of(source), source), target)
    return target


def unseen(path: Path) -> dict[str, list[str]]:
    with Session.open(path) as session:
        return {row.code: row.details for row in session.manifest.unseen}


def test_every_call_is_as_viztracer_counts_and_times_them(trace: Path, session: Path) -> None:
    told = json.loads(trace.read_text())["traceEvents"]
    threads = {event["tid"]: event["args"]["name"] for event in told if event.get("name") == "thread_name"}
    calls = [event for event in told if event["ph"] == "X"]
    assert len(calls) > 500 and set(threads.values()) == {"MainThread", "w0", "w1", "w2"}
    first_us = min(event["ts"] for event in calls)
    expected = Counter(
        (threads[one["tid"]], one["name"], round((one["ts"] - first_us) * 1000), round(one["dur"] * 1000))
        for one in calls
    )
    rows = query(
        session,
        """SELECT tracks.name AS thread, function, file, line, calls.start_ns AS start,
                  calls.end_ns - calls.start_ns AS length
           FROM calls JOIN tracks USING (track_id) JOIN sites USING (site_id)""",
    )
    found = Counter(
        (
            row["thread"],
            f"{row['function']} ({row['file']}:{row['line']})" if row["file"] else row["function"],
            row["start"],
            row["length"],
        )
        for row in rows
    )
    assert {one[:3] for one in found} == {one[:3] for one in expected}
    pairs = zip(sorted(found.elements()), sorted(expected.elements()), strict=True)
    assert max(abs(one[3] - other[3]) for one, other in pairs) <= 1, "begin and end are rounded to a nanosecond each"


def test_a_call_lies_in_its_caller(session: Path) -> None:
    pairs = query(
        session,
        """SELECT inner_site.function AS callee, outer_site.function AS caller, count(*) AS n,
                  count(*) FILTER (inside.start_ns < around.start_ns OR inside.end_ns > around.end_ns
                                   OR inside.track_id <> around.track_id OR inside.depth <> around.depth + 1) AS outside
           FROM calls AS inside JOIN calls AS around ON inside.parent_call_id = around.call_id
           JOIN sites AS inner_site ON inside.site_id = inner_site.site_id
           JOIN sites AS outer_site ON around.site_id = outer_site.site_id GROUP BY ALL""",
    )
    assert sum(row["outside"] for row in pairs) == 0
    made = {(row["caller"], row["callee"]): row["n"] for row in pairs}
    assert made["work", "Store.put"] == made["work", "fib"] == made["work", "Store.fail"] == 3 * 12
    assert made["fib", "fib"] == 3 * 12 * 14, "fib(5) calls itself fourteen times"


def test_a_frame_shows_its_stacks_and_the_session_is_whole(session: Path) -> None:
    [deep] = query(session, "SELECT start_ns, track_id FROM calls WHERE depth = (SELECT max(depth) FROM calls) LIMIT 1")
    with Session.open(session) as opened:
        frame = frame_at(opened, deep["start_ns"])
    [track] = [track for track in frame.tracks if track.track_id == deep["track_id"]]
    assert len(track.stack) == query(session, "SELECT max(depth) AS d FROM calls")[0]["d"] + 1
    assert "nothing is missing" in scope("verify", session).stdout
    assert unseen(session).keys() == {"import-outcomes"}
    assert "does not say how calls ended" in scope("info", session).stdout


def test_a_packed_trace_is_the_same(trace: Path, session: Path, tmp_path: Path) -> None:
    (tmp_path / "odd name").write_bytes(gzip.compress(trace.read_bytes()))
    scope("convert", tmp_path / "odd name", tmp_path / "s.scope")
    rows = "SELECT * EXCLUDE (site_id), function FROM calls JOIN sites USING (site_id) ORDER BY call_id"
    assert query(tmp_path / "s.scope", rows) == query(session, rows)


def test_begin_end_counters_and_names_are_understood(tmp_path: Path) -> None:
    at = {"pid": "web", "tid": "main"}
    path = convert(
        [
            {**at, "ph": "B", "ts": 10, "name": "outer", "cat": "app"},
            {**at, "ph": "B", "ts": 12.5, "name": "inner", "args": {"x": 1}},
            {**at, "ph": "C", "ts": 13, "name": "queue", "args": {"waiting": 4, "done": 7}},
            {**at, "ph": "C", "ts": 14, "name": "queue", "args": {"waiting": True, "done": float("nan")}},
            {**at, "ph": "E", "ts": 14},
            {**at, "ph": "E", "ts": 20},
            {**at, "ph": "E", "ts": 21},
            {**at, "ph": "B", "ts": 30, "name": "open"},
            {**at, "ph": "i", "ts": 31, "name": "instant"},
            {**at, "ph": "?", "ts": 31},
            {**at, "ph": "X", "name": "when"},
            {**at, "ph": "X", "ts": 3, "dur": -1, "name": "back"},
            {"ph": "M", "pid": "web", "name": "process_name", "args": {"name": "shop"}},
        ],
        tmp_path,
    )
    calls = query(
        path,
        """SELECT function, module, start_ns, end_ns, depth, outcome
           FROM calls JOIN sites USING (site_id) ORDER BY call_id""",
    )
    assert [tuple(row.values()) for row in calls] == [
        ("outer", "app", 0, 10_000, 0, "return"), ("inner", "", 2_500, 4_000, 1, "return"),
        ("open", "", 20_000, None, 0, "open"),
    ]  # fmt: skip
    metrics = query(path, "SELECT time_ns, name, value FROM metrics ORDER BY name")
    assert [tuple(row.values()) for row in metrics] == [(3_000, "queue.done", 7.0), (3_000, "queue.waiting", 4.0)]
    assert query(path, "SELECT name FROM processes") == [{"name": "shop"}]
    assert sorted(unseen(path)["import-left-out"]) == sorted(
        ["1 arguments of calls", "1 ends without a begin", "1 events of an unknown kind", "1 events without a length",
         "1 events without a time", "1 instants", "2 figures of counters"]
    )  # fmt: skip


def test_what_overlaps_is_cut_and_told_and_what_touches_is_not(tmp_path: Path) -> None:
    at = {"pid": 1, "tid": 1, "ph": "X"}
    path = convert(
        [
            {**at, "ts": 0, "dur": 10, "name": "a"},
            {**at, "ts": 5, "dur": 10, "name": "b"},
            {**at, "ts": 10, "dur": 2, "name": "c"},
            {**at, "ts": 20, "dur": 3, "name": "inside"},
            {**at, "ts": 20, "dur": 3, "name": "around"},
        ],
        tmp_path,
    )
    rows = query(
        path, "SELECT function, start_ns, end_ns, depth FROM calls JOIN sites USING (site_id) ORDER BY call_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("a", 0, 10_000, 0), ("b", 5_000, 10_000, 1), ("c", 10_000, 12_000, 0), ("around", 20_000, 23_000, 0),
        ("inside", 20_000, 23_000, 1),
    ]  # fmt: skip
    assert unseen(path)["import-overlap"] == ["1"]


def test_a_trace_that_breaks_off_is_kept_up_to_there(trace: Path, tmp_path: Path) -> None:
    text = trace.read_text()
    for share in (0.2, 0.5, 0.71):
        path = convert(text[: int(len(text) * share)], tmp_path, f"{share}.json")
        whole = text[: int(len(text) * share)].count('"dur"')
        [[found]] = [list(row.values()) for row in query(path, "SELECT count(*) FROM calls")]
        assert whole - 1 <= found <= whole
        assert "import-cut" in unseen(path)
    (tmp_path / "cut.json").write_bytes(gzip.compress(trace.read_bytes())[:-4000])
    write_session(read_as(IMPORTERS[0], tmp_path / "cut.json"), tmp_path / "cut.scope")
    assert "import-cut" in unseen(tmp_path / "cut.scope")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Nobody here knows what"),
        ("no trace", "Nobody here knows what"),
        ('{"traceEvents": []}', "without a call or a figure"),
        ('{"traceEvents": [{"ph": "X" "ts": 1}]}' + " " * 99, "is no JSON: expecting ',' delimiter"),
        ('{"traceEvents": 7}', "without a call or a figure"),
        ('{"traceEvents" 7}', "a name in it has no value"),
        ('[{"ph": "X", "args": ' + "[" * 100_000, "is not read: it is nested too deep"),
        ('[{"ph": "X", "ts": ' + "9" * 5_000 + "}]  ", "is not read: exceeds the limit"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    done = scope_here(["convert", str(tmp_path / "t.json"), str(tmp_path / "s.scope")])
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "s.scope").exists()


NAMES = st.one_of(st.text(max_size=8), st.none(), st.integers(), st.just("\ud800"), st.just("f (/a.py:3)"))
NUMBERS = st.one_of(st.integers(-5, 40), st.floats(), st.integers(-(2**70), 2**70), st.none(), st.text(max_size=2))
EVENT = st.fixed_dictionaries(
    {"ph": st.sampled_from("XXXBEBECMis")},
    optional={
        "ts": NUMBERS, "dur": NUMBERS, "name": NAMES, "cat": NAMES, "pid": st.one_of(st.integers(0, 2), NAMES),
        "tid": st.one_of(st.integers(0, 2), NAMES),
        "args": st.one_of(st.none(), st.dictionaries(st.text(max_size=4), NUMBERS)),
    },
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENT, max_size=12), data=st.data())
def test_whatever_is_in_it_ends_in_a_sound_session_or_a_sentence(
    events: list[Any], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, text = tmp_path_factory.mktemp("any"), json.dumps(events)
    try:
        path = convert(text[: data.draw(st.integers(0, len(text)))], folder)
    except SessionProblem as problem:
        assert str(problem).count("\n") == 0
        return
    done = scope_here(["verify", str(path)])
    assert (done.returncode, done.stderr) == (0, "")
    bad = "SELECT count(*) AS n FROM calls WHERE end_ns < start_ns OR start_ns < 0"
    assert query(path, bad) == [{"n": 0}]


def test_an_interrupted_conversion_leaves_nothing(trace: Path, tmp_path: Path) -> None:
    imported = read_as(IMPORTERS[0], trace)

    def broken(batches: Iterator[EventBatch]) -> Iterator[EventBatch]:
        yield next(batches).slice(0, 10)
        raise KeyboardInterrupt

    imported.batches = broken(imported.batches)
    with pytest.raises(KeyboardInterrupt):
        write_session(imported, tmp_path / "s.scope")
    assert not list(tmp_path.iterdir())


LINES_READER = Importer("lines", "a call a line", (".lines",), __name__)


def sniff(head: bytes) -> bool:
    return head.startswith(b"lines:")


def read(path: Path) -> Imported:
    _, *lines = path.read_text().split()
    events = [{"ph": "X", "pid": 1, "tid": 1, "ts": at, "dur": 1, "name": name} for at, name in enumerate(lines)]
    path.with_suffix(".json").write_text(json.dumps(events))
    return read_as(IMPORTERS[0], path.with_suffix(".json"))


def test_an_importer_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "IMPORTERS", (*IMPORTERS, LINES_READER))
    (tmp_path / "of any name").write_text("lines: one two three")
    assert scope_here(["convert", str(tmp_path / "of any name"), str(tmp_path / "s.scope")]).returncode == 0
    assert query(tmp_path / "s.scope", "SELECT function FROM calls JOIN sites USING (site_id) ORDER BY start_ns") == [
        {"function": name} for name in ("one", "two", "three")
    ]
    command_line._parser.cache_clear()
    assert "a call a line (.lines)" in scope_here(["convert", "--help"]).stdout


def test_what_an_import_cannot_say_has_a_sentence() -> None:
    codes = {code for code in BY_CODE if code.startswith("import-")}
    assert codes == {"import-outcomes", "import-left-out", "import-overlap", "import-overflow", "import-cut"}
