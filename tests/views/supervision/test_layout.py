"""Rows of the supervision map."""

from __future__ import annotations

from tests.views.frames import SECOND_NS, call, calls_of, ended_call, frame, process, track
from views.supervision.layout import MAX_ENDED, SupervisionRow, supervision_rows
from views.words.figures import THIN

NONE = frozenset[int]()


def shape(rows: tuple[SupervisionRow, ...]) -> list[tuple[str, int]]:
    return [(row.name, row.depth) for row in rows]


def test_threads_come_below_their_process_and_children_after_them() -> None:
    at = frame(
        processes=[process(2, name="child", parent_id=1), process(1), process(3, name="other")],
        tracks=[track(1, kind="process"), track(2), track(3)],
    )
    rows = supervision_rows(at, calls_of([], at, 0, SECOND_NS), "activity", NONE)
    assert shape(rows) == [("orders.py", 0), ("worker-2", 1), ("worker-3", 1), ("child", 1), ("other", 0)]
    assert rows[0].children == 3


def test_a_folded_process_keeps_its_number_of_children_and_hides_them() -> None:
    at = frame(tracks=[track(1, kind="process"), track(2)])
    rows = supervision_rows(at, calls_of([], at, 0, SECOND_NS), "activity", frozenset({1}))
    assert shape(rows) == [("orders.py", 0)]
    assert (rows[0].folded, rows[0].children) == (True, 1)


def test_processes_that_claim_to_be_each_others_parents_do_not_hang() -> None:
    at = frame(processes=[process(1, parent_id=2), process(2, parent_id=1), process(3)])
    assert len(supervision_rows(at, calls_of([], at, 0, 1), "activity", NONE)) == 1


def test_the_heat_of_a_thread_is_its_rate_and_comes_with_the_figure() -> None:
    at = frame(tracks=[track(2, stack=[call(5, "Store.put", 10)]), track(3), track(4, confidence="not captured")])
    rows = [ended_call(n, (n * 1000, n * 1000 + 10), 3, 1, None) for n in range(1, 100)]
    shown = supervision_rows(at, calls_of(rows, at, 0, SECOND_NS), "activity", NONE)
    assert [(row.figure, row.level) for row in shown] == [
        (f"100{THIN}/s", "healthy"),
        (f"1{THIN}/s", "cold"),
        (f"99{THIN}/s", "healthy"),
        ("not captured", "unknown"),
    ]
    assert shown[1].detail == "Store.put"
    assert max(shown[2].spark) == 1.0


def test_what_was_not_captured_is_said_not_shown_as_cold() -> None:
    at = frame(processes=[process(1, cpu_percent=None, rss_bytes=None, tier="observe")])
    for heat_by in ("activity", "cpu", "memory"):
        row = supervision_rows(at, calls_of([], at, 0, 1), heat_by, NONE)[0]
        assert (row.heat, row.figure, row.level) == (None, "not captured", "unknown")


def test_the_largest_of_small_processes_is_not_hot() -> None:
    at = frame(processes=[process(1, rss_bytes=512 << 20), process(2, rss_bytes=8 << 20)])
    rows = supervision_rows(at, calls_of([], at, 0, 1), "memory", NONE)
    assert [(row.heat, row.figure.replace(THIN, " ")) for row in rows] == [(0.5, "512 MiB"), (0.0, "8 MiB")]


def test_names_from_the_session_are_made_plain() -> None:
    at = frame(processes=[process(name="a\u202eb")], tracks=[track(2, name="<b>x</b>\n")])
    rows = supervision_rows(at, calls_of([], at, 0, 1), "activity", NONE)
    assert rows[0].name == "a\N{REPLACEMENT CHARACTER}b"
    assert rows[1].name == "<b>x</b>\N{RETURN SYMBOL}"


def test_of_threads_that_have_ended_the_newest_of_the_stretch_come_last_and_the_rest_is_counted() -> None:
    ended = [track(10 + n, status="ended", end_ns=n * SECOND_NS // 100) for n in range(100)]
    at = frame(2 * SECOND_NS, tracks=[track(1, kind="process"), *ended, track(200)])
    rows = supervision_rows(at, calls_of([], at, SECOND_NS // 2, 2 * SECOND_NS), "activity", NONE)
    assert [row.track_id for row in rows] == [1, 200, *range(109, 109 - MAX_ENDED, -1)]
    assert rows[0].detail.endswith("80 more ended")
    long_ago = supervision_rows(at, calls_of([], at, SECOND_NS, 2 * SECOND_NS), "activity", NONE)
    assert [row.track_id for row in long_ago] == [1, 200]
    assert long_ago[0].detail.endswith("100 more ended")


def test_a_process_at_its_own_busiest_moment_is_hot_only_when_that_is_much() -> None:
    at = frame(processes=[process(1, heat=1.0, cpu_percent=3.0)], tracks=[track(2)])
    few = [ended_call(n, (n * 1000, n * 1000 + 10), 2, 1, None) for n in range(1, 9)]
    for heat_by in ("activity", "cpu"):
        row = supervision_rows(at, calls_of(few, at, 0, SECOND_NS), heat_by, NONE)[0]
        assert row.level == "cold"
    busy = [ended_call(n, (n * 1000, n * 1000 + 10), 2, 1, None) for n in range(1, 20_000)]
    assert supervision_rows(at, calls_of(busy, at, 0, SECOND_NS), "activity", NONE)[0].level == "warm"
