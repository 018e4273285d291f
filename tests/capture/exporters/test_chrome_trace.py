"""A session as a Chrome trace: what another reader counts in it is what SQL says, and it comes back the same."""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import IO

import pytest

from capture.events.definitions import DefinitionKind
from capture.events.kinds import Kind
from capture.exporters import registry
from capture.exporters.registry import EXPORTERS, Exporter
from capture.session.session import Session
from scope_gui.recording.recovery import recover
from tests.scope_command import query, run_recorded, scope, scope_here
from tests.synthetic import START_MONO_NS, START_REAL_NS, PaperTarget, definition, record, with_payload
from tests.value_words import ValueWriter

PROGRAM = """
import threading, time

def leaf(n):
    return n

def failing(n):
    raise ValueError(n)

def numbers(n):
    for one in range(n):
        yield leaf(one)

def work():
    for number in numbers(20):
        try:
            failing(number)
        except ValueError:
            pass
    time.sleep(0.6)  # so that the system is looked at

threads = [threading.Thread(target=work, name=f'w"{n}"') for n in range(2)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


ABOUT = {"session_id": "5e55105e55105e55", "command": "paper", "mode": "full", "include": [], "exclude": [],
         "state": [], "when_full": "drop"}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    (folder / "program.py").write_text(PROGRAM)
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"])
    return folder / "s.scope"


def test_the_events_of_each_thread_are_those_that_sql_counts(recorded: Path, tmp_path: Path) -> None:
    done = scope("convert", recorded, tmp_path / "t.json")
    document = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    threads = {(one["pid"], one["tid"]): one["args"]["name"] for one in document if one["name"] == "thread_name"}
    assert set(threads.values()) >= {"MainThread", 'w"0"', 'w"1"'}
    found = Counter(
        (threads[one["pid"], one["tid"]], one["ph"], one["name"].partition(" (")[0], one["args"]["outcome"])
        for one in document
        if one.get("cat") == "call"
    )
    rows = query(
        recorded,
        """SELECT tracks.name AS thread, CASE WHEN calls.end_ns IS NULL THEN 'B' ELSE 'X' END AS ph, function, outcome,
                  count(*) AS n
           FROM calls JOIN tracks USING (track_id) JOIN sites USING (site_id) GROUP BY ALL""",
    )
    assert found == {(row["thread"], row["ph"], row["function"], row["outcome"]): row["n"] for row in rows}
    assert {"return", "yield", "raise"} <= {outcome for *_, outcome in found}
    lengths = sum(one["dur"] for one in document if one.get("cat") == "call" and one["ph"] == "X")
    [[expected]] = [list(row.values()) for row in query(recorded, "SELECT sum(end_ns - start_ns) FROM calls")]
    assert lengths * 1000 == pytest.approx(expected)
    [[samples]] = [list(row.values()) for row in query(recorded, "SELECT count(*) FROM metrics")]
    assert sum(one["ph"] == "C" for one in document) == samples > 0
    assert "left out, as such a file does not hold it: " in done.stderr


def test_it_comes_back_as_the_same_calls(recorded: Path, tmp_path: Path) -> None:
    scope("convert", recorded, tmp_path / "t.json.gz")
    assert gzip.decompress((tmp_path / "t.json.gz").read_bytes()).startswith(b"{")
    scope("convert", tmp_path / "t.json.gz", tmp_path / "back.scope")
    rows = """SELECT tracks.name AS thread, function, file, line, depth, calls.end_ns - calls.start_ns AS length
              FROM calls JOIN tracks USING (track_id) JOIN sites USING (site_id) ORDER BY calls.start_ns, depth"""
    assert query(tmp_path / "back.scope", rows) == query(recorded, rows)


def test_what_cannot_be_done_is_one_sentence(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("mine")
    for target, code, sentence in (
        ("there.json", 1, "exists already. Choose another name."),
        ("t.svg", 2, "there are .json, .json.gz (Chrome trace JSON"),
        ("nowhere/t.json", 1, "cannot be written: No such file or directory."),
    ):
        done = scope_here(["convert", str(recorded), str(tmp_path / target)])
        assert (done.returncode, done.stdout) == (code, "")
        assert sentence in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there.json"]
    assert (tmp_path / "there.json").read_text() == "mine"


def write(session: Session, file: IO[bytes]) -> list[str]:
    file.write(f"{session.manifest.counts.recorded} events".encode())
    return ["everything else"]


def test_an_exporter_is_one_row(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "EXPORTERS", (*EXPORTERS, Exporter("count", "a figure", (".count",), __name__)))
    done = scope_here(["convert", str(recorded), str(tmp_path / "t.count")])
    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path / "t.count"))
    assert "left out, as such a file does not hold it: everything else" in done.stderr
    [[events]] = [list(row.values()) for row in query(recorded, "SELECT count(*) FROM events")]
    assert (tmp_path / "t.count").read_text() == f"{events} events"


def test_a_call_says_what_it_was_called_with_and_what_it_returned_where_that_is_known(tmp_path: Path) -> None:
    target, values = PaperTarget(), ValueWriter()
    target.fact("session", start_mono_ns=START_MONO_NS, start_real_ns=START_REAL_NS, **ABOUT)
    target.begin()
    target.define(definition(DefinitionKind.SITE, 9, "buy", "m", "m.py", "3", "buy", "name,qty"))
    target.events(
        1,
        record(1, 3, Kind.CALL),
        with_payload(2, 9, Kind.CALL, values.event('a "thing"', 2)),
        with_payload(3, 9, Kind.RETURN, values.words([2])),
        record(4, 3, Kind.RETURN),
    )
    target.clock(1_000_000_000)
    (tmp_path / "s.scope").mkdir()
    target.write(tmp_path / "s.scope" / "journal")
    recover(tmp_path / "s.scope", lambda said: None)
    with Session.open(tmp_path / "s.scope") as session:
        rows = query(session.path, "SELECT call_id, outcome, arguments, result FROM calls")
    scope("convert", tmp_path / "s.scope", tmp_path / "t.json")
    document = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    told = [one["args"] for one in document if one.get("cat") == "call"]
    assert told == [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert [one.get("arguments") for one in told] == ["name='a \"thing\"', qty=2", None]
    assert [one.get("result") for one in told] == ["[2]", None]
