"""A small sound session made by the project's own writers, in memory; and what a hostile one of the same form gives."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.session.files import check_name
from capture.session.format import (
    MANIFEST,
    MANIFEST_COPY,
    MAX_FILE_BYTES,
    Manifest,
    ManifestHead,
    checksum,
    decode_manifest,
    encode_manifest,
)
from capture.session.session import Session
from capture.session.tables import TABLE
from capture.session.verify import verify
from dags.analyses.cache_check import lying_caches
from dags.correlate.correlator import Correlator
from dags.frame.reader import FrameReader
from tests.fuzz.verdict import Wrong, each
from tests.sessions import build_session

NOWHERE = Path("/nonexistent/fuzzed.scope")
_MOST_SEGMENTS = 8


@functools.cache
def sound_files() -> dict[str, bytes]:
    """The files of a finished session of two segments, with true keyframes; a few kilobytes."""
    followed = Correlator()

    def keyframe(batch: EventBatch) -> bytes:
        state = followed.keyframe()
        followed.feed(batch)
        return state

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "small.scope")
        build_session(path, events=60, tracks=2, segments=2, keyframe=keyframe)
        return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def sound_manifest() -> Manifest:
    """Its manifest."""
    return decode_manifest(sound_files()[MANIFEST])[0]


class MemoryFiles:
    """Files of a session that lie nowhere (`capture.session.files.SessionFiles`)."""

    packed = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = dict(files)

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        check_name(name)
        if name not in self._files:
            raise FileNotFoundError(name)
        if len(self._files[name]) > max_bytes:
            raise FormatError(f"{name} has more bytes than a session may hold there.")
        return self._files[name]

    def alternatives(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> list[bytes]:
        return []

    def sizes(self) -> dict[str, int]:
        return {name: len(data) for name, data in self._files.items()}

    def total_bytes(self) -> int:
        return sum(map(len, self._files.values()))

    def close(self) -> None:
        self._files.clear()


def with_manifest(body: bytes, version: bytes = b"1.0") -> bytes:
    """The bytes of a manifest.json with this body and the right checksum."""
    digest = checksum(version + body)
    return b'{"scope":"%s","xxh3_64":"%s","manifest":%s}\n' % (version, digest.encode(), body)


def body_of(data: bytes) -> bytes:
    """The part of a manifest.json that its checksum is about."""
    return data[data.index(b'"manifest":') + len(b'"manifest":') : -2]


def forged(name: str, data: bytes, rows: int | None = None) -> dict[str, bytes]:
    """The small session in which a listed file holds `data`, and the manifest says so."""
    manifest = sound_manifest()

    def entry(old: Any) -> Any:
        if old.name != name:
            return old
        return msgspec.structs.replace(
            old, bytes=len(data), rows=old.rows if rows is None else rows, xxh3_64=checksum(data)
        )

    segments = [msgspec.structs.replace(part, files=[entry(one) for one in part.files]) for part in manifest.segments]
    head = {field: getattr(manifest, field) for field in ManifestHead.__struct_fields__}
    head["defs"] = [entry(one) for one in manifest.defs]
    written = encode_manifest(ManifestHead(**head), [msgspec.json.encode(part) for part in segments])
    return {**sound_files(), name: data, MANIFEST: written, MANIFEST_COPY: written}


def opened(files: Mapping[str, bytes]) -> Session:
    """The session of these files. Raises: as `Session.open`."""
    return Session(NOWHERE, MemoryFiles(files))


def read_all(session: Session, *, sql_table: str | None = None) -> None:
    """Everything that verbs and window ask a session for; what comes back must agree with itself.

    Raises: Wrong.
    """
    steps: list[Callable[[], object]] = [
        *(functools.partial(_read_segment, session, index) for index in range(len(session.segments))[:_MOST_SEGMENTS]),
        functools.partial(_read_names, session),
        functools.partial(_read_frames, session),
        lambda: verify(session),
        lambda: list(lying_caches(session)),
    ]
    if sql_table is not None:
        steps.append(functools.partial(_ask, session, sql_table))
    each(*steps)
    if session.info().complete and any(problem.lost for problem in session.problems):
        raise Wrong("a session is complete and lacks something")


def _ask(session: Session, table: str) -> None:
    from capture.session.query import Limits, query  # noqa: PLC0415 - DuckDB is big, and few inputs come to it

    query(session, f"SELECT * FROM {table}", limits=Limits(rows=10_000, bytes=64 << 20, seconds=60))


def _read_names(session: Session) -> None:
    msgspec.json.encode([session.processes(), session.tracks(), session.sites(), session.state_keys()])


def _read_segment(session: Session, index: int) -> None:
    if len(session.events(index)) not in (0, session.segments[index].events):
        raise Wrong("a segment has events that its manifest does not list")
    for name in TABLE:
        if TABLE[name].lives != "definition":
            table = session.segment_table(index, name)
            table.validate(full=True)
            table.slice(0, 100).to_pylist()
    session.keyframe(index)


def _read_frames(session: Session) -> None:
    frames = FrameReader(session)
    for time_ns in sorted({session.start_ns, (session.start_ns + session.end_ns) // 2, session.end_ns}):
        frames.at(time_ns)
