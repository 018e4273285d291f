"""Thousands of different queries, from several threads and from the command line: each ends, and says what DuckDB says.

DuckDB reads the same Parquet files by itself (`tests/own_reading.py`), with no code of ours in between.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capture.errors import SessionProblem
from capture.session.query import Limits
from capture.session.query import query as ask
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from tests.own_reading import TABLES, OwnReading
from tests.random_sql import statement
from tests.scope_command import COMMAND, run_recorded, scope

pytestmark = pytest.mark.soak
ENDLESS = "SELECT count(*) AS n FROM events a, events b, range(1000000) c"
EVERY_ENDLESS, EVERY_SHORT = 500, 40
"""Of so many queries one has no end but its limit; of so many one is given so little time that it may not be done."""
WORK = """
import threading, time

lock = threading.Lock()
done, last = 0, None

class Order:
    def __init__(self, number):
        self.number = number

    def total(self):
        return sum(price(item) for item in range(self.number % 5))

def price(item):
    if item == 3:
        raise KeyError(item)
    return item * 2

def work(name):
    global done, last
    for number in range(400):
        try:
            Order(number).total()
        except KeyError as error:
            last = f"{name}: {error!r}"
        with lock:
            done += 1
            if number % 40 == 0:
                time.sleep(0.005)

workers = [threading.Thread(target=work, args=(f"worker-{n}",), name=f"worker-{n}") for n in range(3)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
"""


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same session with and without caches."""
    folder = tmp_path_factory.mktemp("answers")
    (folder / "work.py").write_text(WORK)
    session = folder / "work.scope"
    run_recorded(session, [sys.executable, folder / "work.py"], "--state", "__main__.Order")
    bare = folder / "bare.scope"
    shutil.copytree(session, bare)
    shutil.rmtree(bare / "cache")
    scope("index", session)
    return [session, bare]


def own_reading(session: Path) -> OwnReading:
    types = {"int32": "INTEGER", "int64": "BIGINT", "double": "DOUBLE", "uint8": "UTINYINT"}
    columns = {
        table: [(field.name, types.get(str(field.type), "VARCHAR")) for field in SCHEMAS[table]] for table in TABLES
    }
    return OwnReading(session, columns)


def end_of(session: Path) -> int:
    with Session.open(session) as opened:
        return opened.end_ns


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_table_is_what_duckdb_reads(sessions: list[Path], table: str) -> None:
    own = own_reading(sessions[0])
    columns = ", ".join(SCHEMAS[table].names)
    with Session.open(sessions[0]) as opened:
        rows = ask(opened, f"SELECT {columns} FROM {table} ORDER BY ALL").to_pylist()
    assert [tuple(row.values()) for row in rows] == own.answer(f"SELECT {columns} FROM {table} ORDER BY ALL")
    assert rows or table == "edges"
    own.close()


@pytest.mark.timeout(7000)
def test_queries_of_several_threads_end_and_say_what_duckdb_says(
    sessions: list[Path], rounds: Callable[[int, int], int]
) -> None:
    """Two threads share a session and the third has its own, without caches; some queries are out of time."""
    queries, end_ns = rounds(40, 20_000), end_of(sessions[0])
    went, wrong = Counter[str](), list[str]()

    def ask_some(session: Session, first: int) -> None:
        own = own_reading(sessions[0])
        for number in range(first, queries, 3):
            is_endless, is_short = number % EVERY_ENDLESS == 1, number % EVERY_SHORT == 2
            sql = ENDLESS if is_endless else statement(number, end_ns)
            limits = Limits(seconds=0.3 if is_endless else 0.001 if is_short else 120)
            try:
                rows = [tuple(row.values()) for row in ask(session, sql, limits=limits).to_pylist()]
            except SessionProblem as problem:
                is_in_time = not (is_endless or is_short) or "second" not in str(problem)
                went["out of time"] += 1
                wrong.extend([f"{number}: {sql}: {problem}"] if is_in_time else [])
                continue
            went["answered" if rows else "answered with no rows"] += 1
            if is_endless or rows != own.answer(sql):
                wrong.append(f"{number}: {sql}")
        own.close()

    with Session.open(sessions[0]) as shared, Session.open(sessions[1]) as bare:
        threads = [
            threading.Thread(target=ask_some, args=(session, first))
            for first, session in enumerate((shared, shared, bare))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("queries", dict(went))
    assert wrong == []
    assert went.total() == queries
    assert went["out of time"] >= max(1, queries // EVERY_ENDLESS)


@pytest.mark.timeout(7000)
def test_queries_of_the_command_line_end_and_say_what_duckdb_says(
    sessions: list[Path], rounds: Callable[[int, int], int]
) -> None:
    own, end_ns = own_reading(sessions[0]), end_of(sessions[0])
    for number in range(rounds(1, 1_000)):
        sql = statement(-1 - number, end_ns)
        command = [*COMMAND, "query", str(sessions[number % 2]), sql, "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{sql}\n{done.stderr}"
        assert [tuple(row.values()) for row in json.loads(done.stdout)] == as_json(own.answer(sql)), sql
    own.close()


def as_json(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in json.loads(json.dumps(rows, default=float))]
