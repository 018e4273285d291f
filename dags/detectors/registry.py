"""What is looked for in recordings, one row each: `scope-gui findings` derives from it.

To add one: a module `dags/detectors/NAME.py` with `find(session, range_ns) -> findings`, a row here, and a test with
two recorded programs, one that has the fault and one that is right though it looks alike. Where it reads the session it
can be stopped; where it works for long on what it has read it uses `dags.detectors.stoppable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from capture.named import named
from capture.session.session import Session
from dags.detectors.finding import Finding


class Detector(NamedTuple):
    """One question. `needs` is what a recording must be able to see for an answer (`About.capabilities`)."""

    name: str
    says: str
    module: str
    needs: tuple[str, ...] = ()


DETECTORS: tuple[Detector, ...] = (
    Detector(
        "keeps-failing",
        "a function that is called again and again, raises each time, and its caller goes on",
        "dags.detectors.keeps_failing",
        needs=("calls", "exceptions"),
    ),
    Detector(
        "raises",
        "a function that an exception leaves again and again, and its caller with it",
        "dags.detectors.raises",
        needs=("calls", "exceptions"),
    ),
    Detector(
        "slow-call",
        "a call that took many times as long as the calls of its function usually do",
        "dags.detectors.slow_call",
        needs=("calls",),
    ),
    Detector(
        "lost-update",
        "a thread that wrote a value back from before another thread's write",
        "dags.detectors.lost_update",
        needs=("states",),
    ),
    Detector(
        "grows",
        "a figure of a process, such as its memory, that grows evenly until the end",
        "dags.detectors.grows",
        needs=("metrics",),
    ),
)


def able(session: Session) -> list[Detector]:
    """Those that a session has what it takes for."""
    sees = set(session.manifest.about.capabilities)
    return [row for row in DETECTORS if sees.issuperset(row.needs)]


def findings(
    session: Session,
    range_ns: tuple[int, int],
    detectors: Iterable[Detector],
    reads_on: Callable[[], None] | None = None,
) -> list[Finding]:
    """What these find between two instants, the worst first. `reads_on` is called wherever one reads on, and may raise
    to end it: a window asks as it asks a question of `views.reading.questions`.

    Raises: as `capture.session.query.query`, and what `reads_on` raises.
    """
    found: list[Finding] = []
    session = session.pinned(reads_on)
    for row in detectors:
        session.reads_on()
        found += named(f"{row.module}:find")(session, range_ns)
    return sorted(found, key=lambda one: (-one.score, one.kind, one.function, one.event_ids[:1]))
