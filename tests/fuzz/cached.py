"""What a cache file of a segment is fuzzed with: the one of the small session, or one that says anything."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from unittest import mock

from capture.session.caches import framed
from capture.session.session import Session
from dags.analyses import detail
from tests.fuzz.small_session import opened, sound_files, sound_manifest


@functools.cache
def sound_cache(rebuilt: Callable[[Session, int], bytes | None]) -> bytes:
    """The content of the first segment's cache file, as `rebuilt` makes it."""
    with opened(sound_files()) as session:
        data = rebuilt(session, 0)
    assert data is not None
    return data


@contextlib.contextmanager
def opened_with_cache(attribute: str, data: bytes) -> Iterator[Session]:
    """The small session with this as the content of a cache file, whose name that attribute of its segment is; the
    checksum is right.
    """
    name = getattr(sound_manifest().segments[0], attribute)
    with mock.patch.object(detail, "KEPT_FROM_EVENTS", 1), opened({**sound_files(), name: framed(data)}) as session:
        yield session
