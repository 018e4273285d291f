"""A level of detail with the right checksum that says anything: read, and asked for rows at several scales."""

from __future__ import annotations

from random import Random

from dags.analyses.detail import rebuilt_detail
from dags.analyses.detail_reader import DetailReader
from tests.fuzz.cached import opened_with_cache, sound_cache
from tests.fuzz.mutation import msgpack_node
from tests.fuzz.verdict import Wrong


def seeds() -> dict[str, bytes]:
    return {"small": sound_cache(rebuilt_detail)}


def mutated(data: bytes, dice: Random) -> bytes:
    return msgpack_node(data, dice)


def read(data: bytes) -> None:
    with opened_with_cache("detail_name", data) as session:
        details = DetailReader(session)
        details.read(0)
        for width_ns in (1.0, 1e3, 1e6, 1e12):
            details.missing(session.start_ns, session.end_ns, width_ns)
            for first, rows in details.rows(session.start_ns, session.end_ns, width_ns):
                if first < 0 or rows.ndim != 1:
                    raise Wrong("rows of a level of detail have no form")
            details.spans(session.start_ns, session.end_ns, width_ns)
        details.gaps(session.start_ns, session.end_ns)
        details.depths()
