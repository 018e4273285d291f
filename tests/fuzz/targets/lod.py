"""A level of detail with the right checksum that says anything: read, and asked for rows at several scales."""

from __future__ import annotations

import functools
from random import Random
from unittest import mock

from capture.session.caches import framed
from dags.analyses import detail
from dags.analyses.detail import rebuilt_detail
from dags.analyses.detail_reader import DetailReader
from tests.fuzz.mutation import msgpack_node
from tests.fuzz.small_session import opened, sound_files, sound_manifest
from tests.fuzz.verdict import Wrong


@functools.cache
def _sound() -> bytes:
    with opened(sound_files()) as session:
        data = rebuilt_detail(session, 0)
    assert data is not None
    return data


def seeds() -> dict[str, bytes]:
    return {"small": _sound()}


def mutated(data: bytes, dice: Random) -> bytes:
    return msgpack_node(data, dice)


def read(data: bytes) -> None:
    segment = sound_manifest().segments[0]
    files = {**sound_files(), segment.detail_name: framed(data)}
    with mock.patch.object(detail, "KEPT_FROM_EVENTS", 1), opened(files) as session:
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
