"""Cache files are what was written, or count as missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import FormatError, SessionProblem
from capture.session.caches import framed, unframed, write_cache


@given(st.binary(max_size=200))
def test_what_was_written_comes_back(contents: bytes) -> None:
    assert unframed(framed(contents)) == contents


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_cut_and_any_flipped_bit_is_noticed(contents: bytes, data: st.DataObject) -> None:
    whole = framed(contents)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    for damaged in (bytes(flipped), whole[: data.draw(st.integers(0, len(whole) - 1))]):
        with pytest.raises(FormatError):
            unframed(damaged)


def test_a_packed_session_gets_none(tmp_path: Path) -> None:
    packed = tmp_path / "p.scope"
    packed.write_bytes(b"PK")
    with pytest.raises(SessionProblem, match="packed"):
        write_cache(packed, "cache/00000001.lod", b"")


def test_the_folder_is_made_when_somebody_deleted_it(tmp_path: Path) -> None:
    write_cache(tmp_path, "cache/00000001.lod", b"rows")
    assert unframed((tmp_path / "cache" / "00000001.lod").read_bytes()) == b"rows"
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
