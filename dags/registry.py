"""What follows the events: a row for each DAG. The correlator, keyframes, sealed rows, frames and live SQL come of it.

To add one: a module `dags/NAME/dag.py` with a `Dag`, a row here, and a row of `capture.session.tables.TABLES` for each
table that it fills. Of sessions that were sealed before it knows nothing, and they cost no more to read.
"""

from __future__ import annotations

from typing import NamedTuple

from capture.named import named
from dags.base import Dag


class Follower(NamedTuple):
    """One DAG, imported when it is used.

    `once_in`: (another follower, the last version of whose part held this one's state, too). `numbers`: its rows count
    on through the whole session, so that nothing can go on without its part of a keyframe. `with_kinds`: the kinds of
    its events came with it, so that a session whose keyframes lack its part has none of them. A part of any other that
    is missing, or of a version that it does not read, is what it knows nothing of.
    """

    name: str
    dag: str
    tables: tuple[str, ...] = ()
    once_in: tuple[str, int] | None = None
    numbers: bool = False
    with_kinds: bool = False
    in_frames: bool = True

    def kind(self) -> type[Dag]:
        """Its class."""
        found: type[Dag] = named(self.dag)
        return found

    def gives_part(self) -> bool:
        """Whether frames have a part of its own by its name."""
        return self.in_frames and self.kind().part is not Dag.part


FOLLOWERS: tuple[Follower, ...] = (
    Follower("temporal", "dags.temporal.dag:TemporalDag", numbers=True),
    Follower("process", "dags.process.dag:ProcessDag"),
    Follower("waits", "dags.process.waiting:WaitsDag", tables=("waits",), once_in=("process", 1)),
    Follower("code", "dags.code.dag:CodeDag", tables=("calls",), numbers=True),
    Follower("pairs", "dags.pairs.dag:PairsDag", in_frames=False),
    Follower("state", "dags.state.dag:StateDag", tables=("states",), numbers=True),
    Follower("exceptions", "dags.exceptions.dag:ExceptionsDag", tables=("exceptions", "exception_frames")),
    Follower("output", "dags.output.dag:OutputDag", tables=("output",), in_frames=False),
    Follower("locals", "dags.locals.dag:LocalsDag", tables=("lines", "locals"), with_kinds=True),
    Follower("lines", "dags.lines.dag:LinesDag", tables=("first_runs",), in_frames=False),
    Follower("causality", "dags.causality.dag:CausalityDag", tables=("edges",), in_frames=False),
)
"""In the order in which they are fed: each is told what those before it have made of the same events, and may complete
their rows: `exceptions` tells the calls which exception left them.
"""
