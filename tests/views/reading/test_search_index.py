"""The box that finds anything: what matches, in which order, and where it leads."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.session.session import Session
from dags.analyses.exceptions_seen import exceptions_seen
from dags.analyses.function_statistics import function_statistics
from tests.sessions import FUNCTIONS, build_session
from views.reading.search_index import (
    NO_MATCH,
    FoundKind,
    FoundRow,
    Name,
    Place,
    SessionIndex,
    folded,
    found_rows,
    session_index,
)

HOUR_NS = 3600 * 10**9
NOON_NS = 1_800_000_000 * 10**9  # 2027-01-15 08:00:00 UTC


def name(title: str, kind: FoundKind = "function", around: str = "", number: int = 0) -> Name:
    return Name(kind, title, title.rfind(".") + 1, around, "", Place(kind, number))


def titles(rows: list[FoundRow]) -> list[str]:
    return [row.title for row in rows]


def test_the_better_a_name_matches_the_earlier_it_comes() -> None:
    ladder = ["put", "Store.put", "a.puts", "putting.by", "Store.do_put_it", "Play.undo_tree", "Input.read", "read"]
    index = SessionIndex([name(title) for title in reversed(ladder[:-1])] + [name("read", around="computers")])
    assert titles(found_rows(index, "put")) == [
        "put",  # is it
        "Store.put",  # its last part is
        "a.puts",  # the last part begins so
        "putting.by",  # the name does
        "Store.do_put_it",  # a word does
        "Play.undo_tree",  # words begin with its letters
        "Input.read",  # it stands in it
        "read",  # in its module
    ]
    assert titles(found_rows(index, "PUT")) == titles(found_rows(index, "put"))
    assert titles(found_rows(index, "put")) == titles(found_rows(index, " put  put "))


def test_initials_of_words_find_a_name_in_any_spelling() -> None:
    index = SessionIndex([name("Store.put_item"), name("StorePutItem"), name("HTTPServer.doGet2"), name("spin.off")])
    assert titles(found_rows(index, "spi")) == ["spin.off", "Store.put_item", "StorePutItem"]
    assert titles(found_rows(index, "hsdg")) == ["HTTPServer.doGet2"]
    [row] = found_rows(index, "sdg2")
    assert [row.title[start:end] for start, end in row.marks] == ["S", "d", "G", "2"]


def test_each_word_must_be_found_and_the_worst_counts() -> None:
    index = SessionIndex([name("Store.put"), name("Shop.put"), name("put_store"), name("Put.store")])
    assert titles(found_rows(index, "store put")) == ["Store.put", "Put.store", "put_store"]
    assert found_rows(index, "store get") == []
    [row, *_] = found_rows(index, "sto pu")
    assert row.marks == ((0, 3), (6, 8))


def test_no_kind_crowds_out_another() -> None:
    many = [name(f"make_{at:04d}") for at in range(500)]
    index = SessionIndex([*many, name("shop.make_believe", "value"), name("lumber-makers", "thread")])
    rows = found_rows(index, "make", most=20)
    assert [row.kind for row in rows] == ["function"] * 20 + ["value", "thread"]
    assert titles(rows)[:20] == [f"make_{at:04d}" for at in range(20)]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("1.5s", [1_500_000_000]),
        ("50%", [HOUR_NS]),
        ("end", [2 * HOUR_NS]),
        ("3h", []),
        ("01:30", [90 * 10**9]),
        ("00:00:01.25", [1_250_000_000]),
        ("09:03:04", [HOUR_NS // 2 + 184 * 10**9]),  # half past eight on the wall in this zone is the beginning
        ("1:03:04,5", [HOUR_NS + 184 * 10**9 + 500_000_000]),
        ("12:99", []),
        ("noon", []),
    ],
)
def test_a_time_is_found_from_the_start_and_by_the_clock_on_the_wall(text: str, times: list[int]) -> None:
    zone = timezone(timedelta(minutes=30))
    index = SessionIndex([name("append")], (0, 2 * HOUR_NS), NOON_NS)
    found = [row for row in found_rows(index, text, time_zone=zone) if row.kind == "time"]
    assert [row.place.time_ns for row in found] == times


def test_a_clock_is_read_on_the_day_that_was_recorded_even_beyond_midnight() -> None:
    late_ns = NOON_NS + 15 * HOUR_NS  # 23:00
    index = SessionIndex([], (0, 3 * HOUR_NS), late_ns)
    [row] = found_rows(index, "01:30:00", time_zone=UTC)[-1:]
    assert row.place.time_ns == 5 * HOUR_NS // 2
    assert row.detail == "at 01:30:00 on 2027-01-16"


def test_what_a_session_names_is_found_with_what_is_known_of_it(tmp_path: Path) -> None:
    with Session.open(build_session(tmp_path / "s.scope", events=2_000).path) as session:
        statistics = function_statistics(session)
        index = session_index(session, statistics, exceptions_seen(session))
        plain = session_index(session)
        assert len(index) == len(plain) + len(exceptions_seen(session))
        [put, *_] = found_rows(index, "put")
        assert (put.title, put.place.kind, put.place.id) == ("Store.put", "function", FUNCTIONS.index("Store.put") + 1)
        row = statistics.row_of(put.place.id)
        assert row is not None
        assert put.place.time_ns == statistics.first_ns[row]
        assert put.detail.startswith(f"{statistics.calls[row]} calls, ")
        assert put.detail.endswith("srv/orders.py:40")
        assert found_rows(index, "orders.put") == [], "a module and a function are two words"
        assert titles(found_rows(index, "orders put"))[:1] == ["Store.put"]
        [value] = found_rows(index, "stock")
        assert value == FoundRow("value", "orders.stock", "global", Place("value", 1), ((7, 12),))
        assert [(row.kind, row.place.id) for row in found_rows(index, "worker-3")] == [("thread", 3)]
        error = found_rows(index, "keyerr")[0]
        assert (error.kind, error.title) == ("exception", "KeyError")
        assert error.place.time_ns is not None
        assert session.start_ns <= error.place.time_ns <= session.end_ns


TEXTS = st.text(alphabet="aBé_.İ9", min_size=1, max_size=8)


@given(st.lists(TEXTS, max_size=12), TEXTS)
def test_every_name_that_holds_the_text_is_found_in_an_order_that_is_always_the_same(
    names: list[str], text: str
) -> None:
    index = SessionIndex([name(title, number=at) for at, title in enumerate(names)])
    rows = found_rows(index, text, most=99)
    found = {row.place.id for row in rows if row.kind == "function"}
    for at, title in enumerate(names):
        if folded(text) in folded(title):
            assert at in found
    again = SessionIndex([name(title, number=at) for at, title in reversed(list(enumerate(names)))])
    assert found_rows(again, text, most=99) == rows
    for row in rows:
        assert all(0 <= start < end <= len(row.title) for start, end in row.marks)


@given(st.lists(TEXTS, max_size=12), TEXTS)
def test_the_rank_is_what_the_list_of_ranks_says(names: list[str], text: str) -> None:
    index, word = SessionIndex([name(title) for title in names]), folded(text)
    for one, lower, rank in zip(index.names, index.titles, index.ranks(word).tolist(), strict=True):
        last = lower[one.last :]
        if word in (lower, last):
            assert rank == 0
        elif last.startswith(word):
            assert rank == 1
        elif lower.startswith(word):
            assert rank == 2
        else:
            assert rank >= 3
            assert (rank in {3, 4, 5}) >= (word in lower)
            assert rank != NO_MATCH or word not in lower
