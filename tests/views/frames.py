"""Frames and recent calls of a small program, made by hand, for tests of layouts and views. No Qt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from capture.events.definitions import SiteRow
from capture.session.rows import as_table
from capture.session.session import Session
from dags.analyses.recent_calls import RecentCalls, recent_calls
from dags.frame_parts import Frame, FrameProcess, FrameState, FrameTrack, StackFrame
from tests.sessions import build_session
from tests.views.windows import frame as empty_frame
from views.loop.state import Assigns, SessionRef
from views.loop.view_states import all_fields
from views.reading.source import Source

SECOND_NS = 1_000_000_000
ALL = all_fields()


def process(process_id: int = 1, **given: Any) -> FrameProcess:
    """A running process."""
    known: dict[str, Any] = {"pid": 4000 + process_id, "name": "orders.py", "status": "running", "heat": 0.4}
    return FrameProcess(process_id=process_id, **{"cpu_percent": 12.0, "rss_bytes": 30 << 20, **known, **given})


def track(track_id: int, **given: Any) -> FrameTrack:
    """A running thread of process 1."""
    known: dict[str, Any] = {"process_id": 1, "kind": "thread", "name": f"worker-{track_id}", "status": "running"}
    return FrameTrack(track_id=track_id, **{"waiting_on": None, "stack": [], "confidence": "exact", **known, **given})


def call(call_id: int, function: str, entered_ns: int, **given: Any) -> StackFrame:
    """An open call."""
    known: dict[str, Any] = {"file": "/srv/orders.py", "line": 12, "line_is": "current", "entered_earlier": False}
    return StackFrame(call_id=call_id, function=function, entered_ns=entered_ns, **{**known, "site_id": 1, **given})


def state(version_id: int, key: str, value: str, since_ns: int, **given: Any) -> FrameState:
    """A state cell."""
    known: dict[str, Any] = {"object_id": 0, "owner": "orders", "writer_track_id": 2, "writer_call_id": 5}
    whole = {**known, "confidence": "exact", **given}
    return FrameState(version_id=version_id, key=key, value=value, since_ns=since_ns, **whole)


def frame(time_ns: int = SECOND_NS, **given: Any) -> Frame:
    """A frame of these processes, tracks and states."""
    return msgspec.structs.replace(empty_frame(time_ns), **{"processes": [process()], **given})


def ended_call(call_id: int, span: tuple[int, int], track_id: int, site_id: int, parent: int | None) -> dict[str, Any]:
    """A row of calls."""
    return {
        "call_id": call_id,
        "start_ns": span[0],
        "end_ns": span[1],
        "track_id": track_id,
        "depth": 0 if parent is None else 1,
        "site_id": site_id,
        "parent_call_id": parent,
        "outcome": "return",
    }


def calls_of(rows: list[dict[str, Any]], at: Frame | None, start_ns: int, end_ns: int) -> RecentCalls:
    """The recent calls of these rows."""
    table: pa.Table = as_table("calls", rows)
    return recent_calls(table, at, start_ns, end_ns)


def sites(*functions: str) -> dict[int, SiteRow]:
    """Sites by id, from 1."""
    return {
        at: SiteRow(site_id=at, function=name, module="orders", file="/srv/orders.py", line=10 * at)
        for at, name in enumerate(functions, 1)
    }


def built_session(folder: Path, tracks: int = 2) -> tuple[Session, Source]:
    """A real session on disk, open."""
    session = Session.open(build_session(folder / "orders.scope", events=2_000, tracks=tracks).path)
    return session, Source(session)


def showing(at: Frame | None, **given: Any) -> Assigns:
    """Assigns with a session open at a frame."""
    ref = SessionRef(key=1, path="/srv/orders.scope", name="orders")
    return Assigns(session=ref, frame=at, cursor_ns=at.time_ns if at else 0, **given)
