"""One process's story: what it was started as, how long it ran, its most memory and CPU, what its threads came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pyarrow.compute as pc

from capture.session.session import Session
from dags.analyses.exceptions_seen import exceptions_seen
from dags.analyses.function_statistics import function_statistics

ReadsOn = Callable[[], None]


class Peak(msgspec.Struct, frozen=True):
    """The most of a figure, and when that was first."""

    value: float
    time_ns: int


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `peaks` by the name of the figure; `calls`, `exceptions`: of all its threads, None: not counted yet.

    Units: ns on the session clock; a peak's is that of its figure.
    """

    process_id: int
    pid: int
    name: str
    command: str
    start_ns: int | None
    end_ns: int | None
    peaks: dict[str, Peak]
    calls: int | None = None
    exceptions: int | None = None


def process_facts(session: Session, process_id: int, *, reads_on: ReadsOn = lambda: None) -> Iterator[ProcessFacts]:
    """What is known of a process; nothing where there is none.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    row = next((row for row in session.processes() if row.process_id == process_id), None)
    if row is None:
        return
    facts = ProcessFacts(
        process_id=process_id,
        pid=row.pid,
        name=row.name,
        command=row.command,
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        peaks=_peaks(session, process_id, reads_on),
    )
    yield facts
    track_ids = {track.track_id for track in session.tracks() if track.process_id == process_id}
    whole = function_statistics(session, track_ids=track_ids, reads_on=reads_on)
    seen = exceptions_seen(session, track_ids=track_ids, reads_on=reads_on)
    yield msgspec.structs.replace(facts, calls=int(whole.calls.sum()), exceptions=sum(one.count for one in seen))


def _peaks(session: Session, process_id: int, reads_on: ReadsOn) -> dict[str, Peak]:
    peaks: dict[str, Peak] = {}
    for index in session.with_rows:
        if session.segments[index].file("metrics") is None and not session.live:
            continue
        reads_on()
        table = session.segment_table(index, "metrics", ("time_ns", "process_id", "name", "value"))
        table = table.filter(pc.equal(table["process_id"], process_id))
        for name in table["name"].unique().to_pylist():
            rows = table.filter(pc.equal(table["name"], name))
            values = rows["value"].to_numpy()
            at = int(np.argmax(values))
            if name not in peaks or values[at] > peaks[name].value:
                peaks[name] = Peak(float(values[at]), int(rows["time_ns"][at].as_py()))
    return peaks
