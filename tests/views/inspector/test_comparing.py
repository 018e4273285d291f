"""What is different between two moments."""

from __future__ import annotations

from tests.views.frames import call, frame, process, state, track
from views.inspector.comparing import MAX_CELLS, comparison
from views.inspector.layout import inspector_sections
from views.inspector.sections import Row, Section
from views.loop.events import Mark, SeekTo
from views.loop.state import Selection
from views.words.figures import THIN

BEFORE = frame(
    1_000,
    processes=[process(1, rss_bytes=20 << 20)],
    tracks=[track(2, stack=[call(1, "main", 100), call(2, "Store.put", 900)]), track(3)],
    states=[state(5, "stock", "12", 400), state(6, "open", "True", 700)],
)
AFTER = frame(
    5_000,
    processes=[process(1, rss_bytes=32 << 20)],
    tracks=[track(2, stack=[call(1, "main", 100), call(7, "Store.get", 4_500)]), track(4)],
    states=[
        state(9, "stock", "19", 4_000, writer_track_id=4),
        state(6, "open", "True", 700),
        state(8, "new", "1", 3_000),
    ],
)


def rows(section: Section) -> dict[str, Row]:
    return {row.key: row for row in section.rows}


def changes(row: Row) -> list[tuple[str, str]]:
    return [(piece.only_in, piece.text) for piece in row.pieces if piece.only_in != "both"]


def test_the_whole_program_shows_memory_threads_and_values_that_changed() -> None:
    found = rows(comparison(AFTER, BEFORE))
    assert changes(found["memory 1"]) == [("old", f"20{THIN}MiB"), ("new", f"32{THIN}MiB")]
    assert found["memory 1"].note == f"+12{THIN}MiB"
    assert (found["started"].label, found["started"].pieces[0].text) == ("1 thread began", "worker-4")
    assert (found["ended"].label, found["ended"].pieces[0].text) == ("1 thread ended", "worker-3")
    assert changes(found["0:orders:stock"]) == [("old", "12"), ("new", "19")]
    assert found["0:orders:stock"].links[0].event == SeekTo(time_ns=4_000, visit=True)
    assert found["0:orders:stock"].note.endswith("by worker-4")
    assert changes(found["0:orders:new"]) == [("new", "1")]
    assert "0:orders:open" not in found


def test_the_latest_change_comes_first() -> None:
    keys = [row.key for row in comparison(AFTER, BEFORE).rows]
    assert keys.index("0:orders:stock") < keys.index("0:orders:new")


def test_the_marked_moment_can_be_gone_to_and_forgotten() -> None:
    mark = rows(comparison(AFTER, BEFORE))["mark"]
    assert mark.pieces[0].text == f"4{THIN}µs before this one"
    assert [link.event for link in mark.links] == [SeekTo(time_ns=1_000, visit=True), Mark(forget=True)]


def test_differences_read_from_the_earlier_to_the_later_moment_wherever_the_mark_is() -> None:
    backwards = rows(comparison(BEFORE, AFTER))
    assert backwards["mark"].pieces[0].text == f"4{THIN}µs after this one"
    assert changes(backwards["0:orders:stock"]) == [("old", "12"), ("new", "19")]


def test_a_thread_shows_its_own_stack_and_what_it_wrote() -> None:
    found = rows(comparison(AFTER, BEFORE, track_id=2))
    assert changes(found["stack"]) == [("old", "Store.put"), ("new", "Store.get")]
    assert found["stack"].note == "the outermost call is the same"
    assert "0:orders:new" in found and "0:orders:stock" not in found
    assert rows(comparison(AFTER, BEFORE, track_id=4))["stack"].label == "The thread was not there yet"


def test_a_value_that_went_is_struck_and_one_written_again_is_said() -> None:
    gone = rows(comparison(frame(2_000), BEFORE))["0:orders:stock"]
    assert (changes(gone), gone.note) == ([("old", "12")], "gone")
    again = frame(2_000, states=[state(7, "stock", "12", 1_500), state(6, "open", "True", 700)])
    assert rows(comparison(again, BEFORE))["0:orders:stock"].note.startswith("the same value again")


def test_equal_moments_say_so() -> None:
    same = frame(2_000, processes=BEFORE.processes, tracks=BEFORE.tracks, states=BEFORE.states)
    assert [row.key for row in comparison(same, BEFORE).rows] == ["mark", "same"]


def test_very_many_changes_are_cut_and_counted() -> None:
    many = frame(2_000, states=[state(10 + at, f"k{at}", "1", 1_500 + at) for at in range(MAX_CELLS + 5)])
    assert rows(comparison(many, frame(1_000)))["more"].label == "5 more values changed"


def test_the_inspector_compares_only_with_another_moment() -> None:
    assert inspector_sections(AFTER, None, marked=BEFORE)[0].key == "compare"
    assert all(section.key != "compare" for section in inspector_sections(AFTER, None, marked=AFTER))
    of_thread = inspector_sections(AFTER, Selection("track", 2, 2), marked=BEFORE)[0]
    assert "stack" in rows(of_thread)
