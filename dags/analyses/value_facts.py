"""One value and its history: the versions around one of them, who wrote each, and how many there are in all.

for facts in value_facts(session, version_id, near_ns, reads_on=asked.reads_on):
    facts.versions, facts.earlier, facts.later         # the counts are None in the first answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.session.session import Session
from dags.analyses.call_summary import call_summary
from dags.analyses.called import Definitions
from dags.analyses.writes import COLUMNS, WantedWrites, Write, row_of_version, with_states, written

MOST_BEFORE, MOST_AFTER = 24, 12
ReadsOn = Callable[[], None]


class ValueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A value at one of its versions. `versions`: those around it by time, the picked one among them.

    `earlier` and `later`: how many lie before and after these, None: not counted yet.
    """

    picked: Write
    versions: tuple[Write, ...]
    earlier: int | None = None
    later: int | None = None

    def neighbour(self, by: int) -> Write | None:
        """The version before (-1) or after (1) the picked one, None without one."""
        at = next(at for at, one in enumerate(self.versions) if one.version_id == self.picked.version_id) + by
        return self.versions[at] if 0 <= at < len(self.versions) else None


def value_facts(
    session: Session, version_id: int, near_ns: int, *, reads_on: ReadsOn = lambda: None
) -> Iterator[ValueFacts]:
    """What is known of the value that this is a version of, looked for from an instant outwards; nothing where it is
    not found. `near_ns`: when it was written, or about then.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    at = row_of_version(session, version_id, near_ns, reads_on)
    if at is None:
        return
    index, row = at
    names = Definitions(session)
    [picked] = written(row, names)
    wanted = WantedWrites(name=(picked.owner, picked.key), object_id=picked.object_id)
    before = _nearest(session, wanted, picked, -MOST_BEFORE, reads_on)
    after = _nearest(session, wanted, picked, MOST_AFTER, reads_on)
    versions = tuple(_with_functions(session, [*before[::-1], (index, row), *after], names))
    [picked] = (one for one in versions if one.version_id == version_id)
    facts = ValueFacts(picked=picked, versions=versions)
    yield facts
    earlier, later = _counted(session, wanted, facts, reads_on)
    yield msgspec.structs.replace(facts, earlier=earlier, later=later)


def _nearest(
    session: Session, wanted: WantedWrites, picked: Write, most: int, reads_on: ReadsOn
) -> list[tuple[int, pa.Table]]:
    """(segment, row) of so many versions after one, or (below 0) before it, the nearest first."""
    by = 1 if most > 0 else -1
    found: list[tuple[int, pa.Table]] = []
    for index in with_states(session, picked.time_ns, by):
        reads_on()
        rows = wanted.rows_of(session.segment_table(index, "states", COLUMNS))
        ids = rows["version_id"].to_numpy()
        beyond = np.flatnonzero(ids > picked.version_id if by > 0 else ids < picked.version_id)
        beyond = beyond[np.argsort(ids[beyond])][::by]
        found += [(index, rows.slice(int(at), 1)) for at in beyond[: abs(most) - len(found)]]
        if len(found) == abs(most):
            break
    return found


def _with_functions(session: Session, rows: list[tuple[int, pa.Table]], names: Definitions) -> Iterator[Write]:
    """The writes with the functions of the calls that made them: a call that wrote in a segment has ended in it, or is
    open at its end.
    """
    writes = [(index, written(row, names)[0]) for index, row in rows]
    sites: dict[int, int] = {}
    for index in {index for index, _ in writes}:
        wanted = np.array([one.call_id for at, one in writes if at == index and one.call_id], np.int64)
        if len(wanted):
            ended = session.calls(index, ("call_id", "site_id"))
            ended = ended.filter(pc.is_in(ended["call_id"], pa.array(wanted)))
            still = call_summary(session, index).open
            still = still[np.isin(still["call_id"], wanted)]
            sites |= dict(zip(ended["call_id"].to_pylist(), ended["site_id"].fill_null(0).to_pylist(), strict=True))
            sites |= dict(zip(still["call_id"].tolist(), still["site_id"].tolist(), strict=True))
    for _, one in writes:
        site_id = sites.get(one.call_id, 0)
        yield msgspec.structs.replace(one, function=names.site(site_id).function) if site_id else one


def _counted(session: Session, wanted: WantedWrites, facts: ValueFacts, reads_on: ReadsOn) -> tuple[int, int]:
    earlier = later = 0
    first, last = facts.versions[0].version_id, facts.versions[-1].version_id
    for index in with_states(session, session.start_ns, 1):
        reads_on()
        ids = wanted.rows_of(session.segment_table(index, "states", ("version_id", "object_id", "owner", "key")))
        ids = ids["version_id"].to_numpy()
        earlier += int(np.count_nonzero(ids < first))
        later += int(np.count_nonzero(ids > last))
    return earlier, later
