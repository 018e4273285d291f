"""A trace of another tool: read, and made a session whose books come out even."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import msgspec

from capture.importers import chrome_trace
from capture.importers.registry import importer_of
from capture.session.session import Session
from dags.correlate.importing import write_session
from tests.fuzz.mutation import json_node, some_bytes
from tests.fuzz.verdict import Wrong

_AT = {"pid": 4711, "tid": 4712}
_EVENTS = (
    {"ph": "M", **_AT, "name": "thread_name", "args": {"name": "worker"}},
    {"ph": "X", **_AT, "ts": 8020367695.494, "dur": 9.5, "name": "Store.put (/srv/shop.py:12)", "cat": "fee"},
    {"ph": "X", **_AT, "ts": 8020367696.0, "dur": 1.25, "name": "dict.get", "cat": "fee", "args": {"n": 1}},
    {"ph": "B", **_AT, "ts": 8020367710, "name": "serve"},
    {"ph": "C", **_AT, "ts": 8020367711, "name": "queue", "args": {"waiting": 3}},
    {"ph": "E", **_AT, "ts": 8020367712},
)


def seeds() -> dict[str, bytes]:
    whole = {"traceEvents": list(_EVENTS), "viztracer_metadata": {"version": "1.1.1", "overflow": False}}
    return {"whole": msgspec.json.encode(whole), "a list": msgspec.json.encode(list(_EVENTS))}


def mutated(data: bytes, dice: Random) -> bytes:
    choice = dice.randrange(6)
    if choice == 0:
        return some_bytes(data, dice)
    return data[: dice.randrange(len(data) + 1)] if choice == 1 else json_node(data, dice)


def read(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        source, target = Path(folder) / "t.json", Path(folder) / "s.scope"
        source.write_bytes(data)
        importer_of(source)
        imported = chrome_trace.read(source)
        write_session(imported, target)
        with Session.open(target) as session:
            if session.problems or session.manifest.counts.recorded != imported.events:
                raise Wrong(f"{imported.events} events became {session.info()}")
            for index in range(len(session.segments)):
                calls = session.calls(index).to_pylist()
                if any(call["end_ns"] is not None and call["end_ns"] < call["start_ns"] for call in calls):
                    raise Wrong("a call ends before it begins")
