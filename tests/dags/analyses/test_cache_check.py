"""A cache that is whole and lies is found by `verify`; one that nobody believes is no lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from capture.session.caches import unframed, write_cache
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses import detail
from dags.analyses.cache_check import lying_caches
from dags.correlate.keyframe import decode_keyframe
from tests.dags.frame.test_reader import seal, story
from tests.scope_command import scope, scope_here


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(detail, "KEPT_FROM_EVENTS", 1)
    path = tmp_path / "a.scope"
    seal(path, story()).close()
    store = SegmentStore.reopen(path, sync=False)
    store._may_merge = False
    store.set_counts(store.next_event_id - 1, store.next_event_id - 1, 0)
    store.finish()
    assert scope_here(["index", str(path)]).returncode == 0
    return path


def test_sound_caches_agree_with_the_replay(session: Path) -> None:
    with Session.open(session) as opened:
        assert len(opened.segments) > 1
        assert list(lying_caches(opened)) == []
    scope("verify", session)


def test_a_keyframe_of_other_facts_is_a_lie(session: Path) -> None:
    with Session.open(session) as opened:
        name = opened.segments[1].keyframe_name
        found = decode_keyframe(opened.keyframe(1) or b"")
    write_cache(session, name, msgspec.msgpack.encode(msgspec.structs.replace(found, time_ns=found.time_ns + 1)))
    assert "its keyframe does not say what its events say" in scope("verify", session, expect=1).stdout
    write_cache(session, name, msgspec.msgpack.encode(msgspec.structs.replace(found, version=99)))
    scope("verify", session)
    assert scope_here(["index", str(session)]).returncode == 0
    scope("verify", session)


def test_a_level_of_detail_of_other_facts_is_a_lie(session: Path) -> None:
    with Session.open(session) as opened:
        name = opened.segments[0].detail_name
        kept: dict[str, Any] = msgspec.msgpack.decode(unframed(opened.raw(name)))
    kept["longest_from_ns"] += 1
    write_cache(session, name, msgspec.msgpack.encode(kept))
    assert "its level of detail does not say what its events say" in scope("verify", session, expect=1).stdout


def test_a_summary_of_calls_of_other_facts_is_a_lie(session: Path) -> None:
    with Session.open(session) as opened:
        name = opened.segments[0].calls_name
        kept: dict[str, Any] = msgspec.msgpack.decode(unframed(opened.raw(name)))
        other: dict[str, Any] = msgspec.msgpack.decode(unframed(opened.raw(opened.segments[1].calls_name)))
    write_cache(session, name, msgspec.msgpack.encode({**kept, "parts": other["parts"]}))
    assert "its summary of calls does not say what its events say" in scope("verify", session, expect=1).stdout
