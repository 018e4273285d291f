"""Ids of sessions are told apart and never become part of a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.drain import ids


def test_new_ids_differ_and_are_recognised() -> None:
    made = {ids.new_session_id() for _ in range(50)}
    assert len(made) == 50
    assert all(ids.is_session_id(one) for one in made)


@pytest.mark.parametrize(
    "text", ["", "../../etc/passwd", "0123456789abcde", "0123456789abcdefg", "0123456789abcde/", "é" * 16]
)
def test_what_is_no_id_never_becomes_part_of_a_path(text: str, tmp_path: Path) -> None:
    assert not ids.is_session_id(text)
    with pytest.raises(ValueError, match="not a session id"):
        ids.shared_pool_root(text)
    assert ids.find_pool_roots(text, tmp_path) == []


def test_pools_go_into_the_session_when_shared_memory_is_too_small(tmp_path: Path) -> None:
    session_id = ids.new_session_id()
    assert ids.pool_root(session_id, tmp_path, 1 << 60) == tmp_path / "pool"
    assert ids.pool_root(session_id, tmp_path, 1) in (ids.shared_pool_root(session_id), tmp_path / "pool")


def test_a_link_in_place_of_a_pool_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pool").symlink_to(tmp_path / "elsewhere")
    assert ids.find_pool_roots(ids.new_session_id(), tmp_path) == []
