"""Names that are alike are cut where they are alike, as long as they can be told apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from views.words.elision import cut_where_alike, telling_parts

POOL = ["ThreadPoolExecutor-0_0", "ThreadPoolExecutor-0_1", "ThreadPoolExecutor-1_0", "ThreadPoolExecutor-10_0"]


def cut(names: list[str], room: int) -> list[str]:
    parts = telling_parts(names)
    return [cut_where_alike(name, parts[name], lambda text: len(text) <= room) for name in names]


def test_a_pool_s_threads_are_told_apart_in_little_room() -> None:
    assert cut(POOL, 30) == POOL
    for room in (6, 9, 14):
        shown = cut(POOL, room)
        assert len(set(shown)) == len(POOL), shown
        assert all(len(text) <= room for text in shown)


def test_names_that_end_alike_lose_their_end() -> None:
    assert cut(["audit-of-the-warehouse", "stock-of-the-warehouse"], 8) == ["audit-o…", "stock-o…"]
    assert cut(["read-worker-thread"], 7) == ["read-w…"]


names = st.text(st.sampled_from("ab-01"), min_size=1, max_size=12)


@given(st.lists(names, min_size=1, max_size=8, unique=True), st.integers(1, 14))
def test_a_cut_name_fits_and_holds_its_telling_part_where_that_has_room(known: list[str], room: int) -> None:
    for name, (start, end) in telling_parts(known).items():
        assert 0 <= start < end <= len(name)
        shown = cut_where_alike(name, (start, end), lambda text: len(text) <= room)
        assert len(shown) <= room
        if end - start + 2 <= room:
            assert name[start:end] in shown
