"""The inspector's pages, made of facts: what they say and where their words lead."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import msgspec
import pytest

from capture.named import named
from dags.analyses.call_facts import Among, Callee, CallFacts
from dags.analyses.called import Called
from dags.analyses.event_facts import EventFacts
from dags.analyses.exception_facts import ExceptionFacts, Passed, Told
from dags.analyses.process_facts import Peak, ProcessFacts
from dags.analyses.thread_facts import Function, ThreadFacts
from dags.analyses.value_facts import ValueFacts
from dags.analyses.writes import Write
from dags.frame_parts import FrameArgument
from tests.views.frames import call, frame, track
from views.inspector.pages import notes, registry
from views.inspector.pages.call import place_text, usual_text
from views.inspector.pages.registry import PAGES, page_of, page_sections
from views.inspector.sections import Row, Section, SourcePlace
from views.loop.events import EditBookmark, Event, GoToCall, SeekTo, Select, Show, Visit
from views.loop.state import Bookmark, Kind, Selection
from views.words.figures import THIN

AT = frame(1_000, tracks=[track(2, stack=[call(1, "main", 100), call(2, "Store.put", 900)]), track(3)])
MAIN = Called(call_id=1, track_id=2, start_ns=100, site_id=1, function="main", file="/srv/orders.py", line=3)
PUT = Called(call_id=2, track_id=2, start_ns=900, site_id=2, function="Store.put", file="/srv/orders.py", line=40)
PARSE = Called(call_id=7, track_id=2, start_ns=950, site_id=3, function="parse")


def write(version_id: int, time_ns: int, new: str | None, **given: Any) -> Write:
    known = {"object_id": 0, "owner": "orders", "key": "stock", "old": str(version_id - 1), "track_id": 2}
    known |= {"thread": "worker-2", "call_id": 2, "function": "Store.put"}
    return Write(version_id=version_id, time_ns=time_ns, new=new, **{**known, **given})


CALL = CallFacts(
    call=PUT,
    thread="worker-2",
    end_ns=2_000,
    lasted_ns=1_100,
    own_ns=275,
    outcome="return",
    depth=1,
    caller=MAIN,
    callees=(Callee(site_id=3, function="parse", calls=12, total_ns=825, longest=PARSE, longest_ns=600),),
    more_callees=4,
    made_calls=40,
    writes=(write(5, 960, "19"),),
    more_writes=2,
    exception=None,
    among=Among(calls=4_120, longer=2, is_counted=True, median_ns=110),
)
TOLD = Told(exception_id=44, time_ns=970, track_id=2, call_id=2, site_id=2, type="orders.NoStock", message="paper")


def sections_of(facts: msgspec.Struct) -> dict[str, Section]:
    return {section.key: section for section in page_sections(facts, AT)}


def row(section: Section, key: str) -> Row:
    return next(row for row in section.rows if row.key == key)


def text(section: Section, key: str) -> str:
    return "".join(piece.text for piece in row(section, key).pieces).replace(THIN, " ")


def links(section: Section, key: str) -> dict[str, Event]:
    return {link.text: link.event for link in row(section, key).links}


def test_a_call_says_how_long_it_took_and_its_place_among_its_siblings() -> None:
    page = sections_of(CALL)["call"]
    assert text(page, "lasted") == "1.1 µs"
    assert text(page, "among") == "3rd longest of 4 120"
    assert text(page, "usual") == "110 ns, this one 10 times as long"
    assert text(page, "own") == "275 ns · 25 %"
    assert text(page, "waited") == "not captured"
    assert text(page, "outcome") == "returned"
    assert links(page, "lasted")["end"] == Visit(time_ns=2_000, selection=Selection("call", 2, 2))
    assert links(page, "among")["longest"] == GoToCall(which="longest", site_id=2)
    assert links(page, "caller") == {"caller": Select(selection=Selection("call", 1, 2))}
    assert row(page, "place").source is not None


def test_a_call_names_the_line_that_made_it_and_shows_it() -> None:
    page = sections_of(msgspec.structs.replace(CALL, call_line=7))["call"]
    assert (text(page, "caller"), text(sections_of(CALL)["call"], "caller")) == ("main, line 7", "main")
    assert row(page, "caller").source == SourcePlace("/srv/orders.py", 7)
    assert links(page, "caller") == {"caller": Select(selection=Selection("call", 1, 2))}


def test_a_caller_that_does_not_run_at_the_cursor_is_gone_to_where_it_made_the_call() -> None:
    other = msgspec.structs.replace(MAIN, call_id=77)
    page = sections_of(msgspec.structs.replace(CALL, caller=other))["call"]
    assert links(page, "caller") == {"caller": Visit(time_ns=900, selection=Selection("call", 77, 2))}


def test_a_call_that_runs_at_the_cursor_says_at_which_line() -> None:
    page = sections_of(CALL)["call"]
    assert text(page, "place") == "at orders.py:12"
    assert row(page, "place").source == SourcePlace("/srv/orders.py", 12)
    over = msgspec.structs.replace(CALL, call=msgspec.structs.replace(PUT, call_id=99))
    page = sections_of(over)["call"]
    assert text(page, "place") == "orders.py:40"
    assert row(page, "place").source == SourcePlace("/srv/orders.py", 40)


def test_a_call_says_what_it_was_called_with_and_what_it_gave() -> None:
    """Before it has ended the stack at the cursor says it, if that has it."""
    given = (FrameArgument(name="qty", value="3"), FrameArgument(name="", value="…"))
    called = msgspec.structs.replace(CALL, arguments=given, result="'paper'")
    page = sections_of(called)
    assert [(row.label, text(page["arguments"], row.key)) for row in page["arguments"].rows] == [
        ("qty", "3"),
        ("more", "…"),
    ]
    assert (row(page["call"], "result").label, text(page["call"], "result")) == ("returned", "'paper'")
    page = sections_of(msgspec.structs.replace(called, outcome="yield"))
    assert row(page["call"], "result").label == "yielded"
    assert "arguments" not in sections_of(CALL)


def test_what_a_call_made_leads_to_the_longest_and_what_it_wrote_to_the_version() -> None:
    page = sections_of(CALL)
    [parse, more] = page["callees"].rows
    assert page["callees"].title == "Calls that it made (40)"
    assert (parse.label, parse.note.replace(THIN, " ")) == ("parse", "825 ns · 75 %, longest 600 ns")
    assert parse.links[0].event == Visit(time_ns=950, selection=Selection("call", 7, 2))
    assert more.label == "and 4 more functions"
    assert page["wrote"].title == "Values that it wrote (3)"
    assert page["wrote"].rows[0].links[0].event == Visit(time_ns=960, selection=Selection("state", 5, 2))


@pytest.mark.parametrize(
    ("among", "words"),
    [
        (None, "counting the calls of its function …"),
        (Among(calls=1, longer=0, is_counted=True, median_ns=1), "the only call of its function"),
        (Among(calls=9, longer=0, is_counted=True, median_ns=1), "the longest of 9"),
        (Among(calls=40, longer=1, is_counted=True, median_ns=1), "2nd longest of 40"),
        (Among(calls=101, longer=37, is_counted=True, median_ns=1), "longer than 63 % of 101"),
        (Among(calls=101, longer=37, is_counted=False, median_ns=1), "longer than about 63 % of 101"),
        (Among(calls=101, longer=100, is_counted=True, median_ns=1), "longer than 0 % of 101"),
    ],
)
def test_the_place_of_a_call_in_words(among: Among | None, words: str) -> None:
    assert place_text(among) == words


@pytest.mark.parametrize(
    ("lasted_ns", "words"),
    [
        (100, "100 ns, this one about as long"),
        (1_000, "100 ns, this one 10 times as long"),
        (250, "100 ns, this one 2.5 times as long"),
        (25, "100 ns, this one 25 % of it"),
    ],
)
def test_a_calls_time_beside_the_usual_in_words(lasted_ns: int, words: str) -> None:
    among = Among(calls=9, longer=1, is_counted=True, median_ns=100)
    assert usual_text(lasted_ns, among).replace(THIN, " ") == words


def test_an_open_call_and_one_that_failed_say_so() -> None:
    still = msgspec.structs.replace(CALL, end_ns=None, outcome="open", caller=None, depth=0)
    page = sections_of(still)["call"]
    assert text(page, "lasted").endswith(", open at the end")
    assert text(page, "outcome") == "not while it was recorded"
    assert text(page, "caller") == "none that is recorded"
    failed = msgspec.structs.replace(CALL, outcome="raise", exception=TOLD)
    page = sections_of(failed)["call"]
    assert text(page, "outcome") == "orders.NoStock: paper"
    assert links(page, "outcome") == {"exception": Visit(time_ns=970, selection=Selection("event", 44, 2))}


HISTORY = ValueFacts(
    picked=write(5, 400, "19", changes=3),
    versions=(write(4, 300, "18"), write(5, 400, "19", changes=3), write(6, 1_400, None)),
    earlier=3,
    later=2,
)


def test_a_value_says_who_wrote_it_and_leads_to_its_neighbours() -> None:
    page = sections_of(HISTORY)["value"]
    assert (text(page, "new"), text(page, "old")) == ("19", "4")
    assert text(page, "writer") == "Store.put on worker-2"
    assert links(page, "writer") == {"writer": Visit(time_ns=400, selection=Selection("call", 2, 2))}
    assert text(page, "held") == "for 1 µs"
    assert text(page, "changes") == "3 changes, of which this is the last"
    there = links(page, "when")
    assert there["previous"] == Visit(time_ns=300, selection=Selection("state", 4, 2))
    assert there["next"] == Visit(time_ns=1_400, selection=Selection("state", 6, 2))


def test_a_history_is_newest_first_with_what_is_not_shown_counted() -> None:
    history = sections_of(HISTORY)["history"]
    assert history.title == "History (version 5 of 8)"
    labels = [one.label.replace(THIN, " ") for one in history.rows]
    assert labels == ["and 2 later", "in 400 ns", "600 ns ago", "700 ns ago", "and 3 earlier"]
    assert [one.picked for one in history.rows] == [False, False, True, False, False]
    assert [piece.only_in for piece in history.rows[1].pieces] == ["old"]
    first = msgspec.structs.replace(HISTORY, earlier=None, later=None)
    assert sections_of(first)["history"].title == "History"


def test_a_value_that_a_look_from_outside_found_has_no_writer() -> None:
    found = write(5, 400, "19", track_id=0, thread="", call_id=0, function="")
    page = sections_of(ValueFacts(picked=found, versions=(found,)))["value"]
    assert text(page, "writer") == "not known: a look from outside found it"
    assert text(page, "held") == "until the end of the recording"


THREAD = ThreadFacts(
    track_id=2,
    start_ns=200,
    end_ns=5_200,
    starter_id=3,
    starter="worker-3",
    visible_ns=(0, 1_000),
    calls=14,
    inside_ns=730,
    asleep_ns=500,
    busiest=(Function(site_id=2, function="Store.put", calls=9, own_ns=410),),
    all_calls=1_234,
    longest=PARSE,
    longest_ns=600,
    exceptions=2,
    first_exception=(44, 970),
)


def test_a_thread_tells_its_story() -> None:
    page = sections_of(THREAD)
    story = page["story"]
    assert text(story, "lived") == "5 µs"
    assert links(story, "starter") == {"starter": Visit(time_ns=200, selection=Selection("track", 3, 3))}
    assert text(story, "in calls") == "73 % of the visible 1 µs"
    assert text(story, "asleep") == "50 % of it (sampled)"
    assert text(story, "calls") == "14 visible, 1 234 in all"
    assert links(story, "longest") == {"call": Visit(time_ns=950, selection=Selection("call", 7, 2))}
    assert links(story, "exceptions") == {"first": Visit(time_ns=970, selection=Selection("event", 44, 2))}
    [busiest] = page["busiest"].rows
    assert busiest.links[0].event == Select(selection=Selection("site", 2, 2))
    fresh = msgspec.structs.replace(THREAD, all_calls=None, longest=None, exceptions=None, first_exception=None)
    assert text(sections_of(fresh)["story"], "exceptions") == "counting …"


def test_a_process_tells_its_story_and_its_threads() -> None:
    facts = ProcessFacts(
        process_id=1,
        pid=4001,
        name="orders.py",
        command="python orders.py",
        start_ns=-2_000,
        end_ns=None,
        peaks={"rss_bytes": Peak(30 << 20, 600)},
        calls=9,
        exceptions=0,
    )
    page = sections_of(facts)
    assert text(page["story"], "began") == "2 µs before the recording"
    assert text(page["story"], "rss_bytes") == "30 MiB at most"
    assert links(page["story"], "rss_bytes") == {"go there": SeekTo(time_ns=600, visit=True)}
    assert [one.label for one in page["threads"].rows] == ["worker-2", "worker-3"]
    assert page["threads"].rows[0].links[0].event == Select(selection=Selection("track", 2, 2))


FAILED = ExceptionFacts(
    told=TOLD,
    thread="worker-2",
    function="Store.put",
    file="/srv/orders.py",
    line=40,
    frames=(Passed(call_id=2, site_id=2, function="Store.put", file="/srv/orders.py", line=40, role="raised"),),
    more_frames=3,
    fate="caught",
    caught_in=MAIN,
    before=None,
    after=msgspec.structs.replace(TOLD, exception_id=50, time_ns=990),
    number=1,
    of_type=7,
)


def test_an_exception_says_what_became_of_it_and_leads_to_the_others() -> None:
    page = sections_of(FAILED)
    assert text(page["exception"], "type") == "orders.NoStock"
    assert text(page["exception"], "fate") == "main"
    assert links(page["exception"], "fate") == {"catcher": Select(selection=Selection("call", 1, 2))}
    assert text(page["exception"], "others") == "1 of 7 of this type"
    assert links(page["exception"], "others") == {"next": Visit(time_ns=990, selection=Selection("event", 50, 2))}
    assert [one.label for one in page["frames"].rows] == ["Store.put", "and 3 more"]
    left = sections_of(msgspec.structs.replace(FAILED, fate="left", caught_in=None))["exception"]
    assert text(left, "fate") == "by nobody: it left the outermost recorded call"


def test_an_event_of_no_page_says_what_its_kind_means() -> None:
    facts = EventFacts(
        event_id=9,
        kind="join begin",
        says="It begins to wait for another thread to end.",
        time_ns=400,
        track_id=2,
        thread="worker-2",
        site_id=0,
        function="",
        value="",
    )
    assert text(sections_of(facts)["event"], "says") == "It begins to wait for another thread to end."


NOTES = (Bookmark(time_ns=400, text="leak"), Bookmark(time_ns=900, end_ns=1_400, text="slow", author="ann"))


def test_notes_are_a_list_that_leads_there_edits_and_removes() -> None:
    [section] = notes.notes_section(NOTES, 1_000)
    assert section.title == "Notes (2)"
    leak, slow = section.rows
    assert leak.pieces[0].text == "leak"
    assert [link.event for link in leak.links if link.text in ("go there", "remove")] == [
        SeekTo(time_ns=400, visit=True),
        EditBookmark(time_ns=400, text=None),
    ]
    assert next(link.event for link in slow.links if link.text == "show") == Show(range_ns=(900, 1_400))
    assert slow.note.endswith("by ann")
    assert notes.notes_section((), 1_000) == ()


def test_the_note_at_the_cursor_or_of_a_stretch_around_it_is_a_page() -> None:
    assert notes.note_section(NOTES, 500) == ()
    [at] = notes.note_section(NOTES, 400)
    assert [one.picked for one in at.rows] == [True]
    [within] = notes.note_section(NOTES, 1_000)
    assert [one.pieces[0].text for one in within.rows] == ["slow"]


def test_of_thousands_of_notes_the_nearest_are_listed() -> None:
    many = [Bookmark(time_ns=at, text=str(at)) for at in range(5_000)]
    [section] = notes.notes_section(many, 2_500)
    assert len(section.rows) == notes.MOST_NOTES + 1
    assert section.rows[notes.MOST_NOTES // 2].pieces[0].text in {"2499", "2500", "2501"}


def test_each_row_of_the_table_names_what_is_there() -> None:
    assert len({page.name for page in PAGES}) == len(PAGES)
    for page in PAGES:
        assert page.picked is None or page.picked in get_args(Kind)
        assert not page.find or callable(named(page.find))
        assert issubclass(named(page.facts), msgspec.Struct)
        assert list(inspect.signature(named(page.sections)).parameters) == ["facts", "frame"]
    assert page_of(None) is None


class Nap(msgspec.Struct):
    """Made-up facts."""

    says: str


def nap_sections(facts: Nap, frame: object) -> tuple[Section, ...]:
    return (Section(key="nap", title=facts.says, rows=()),)


def test_a_made_up_page_is_a_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = PAGES[0]._replace(name="nap", picked="site", facts=f"{__name__}:Nap", sections=f"{__name__}:nap_sections")
    monkeypatch.setattr(registry, "PAGES", (made_up, *PAGES))
    assert page_of(Selection("site", 4)) is made_up
    assert [section.title for section in page_sections(Nap("dozes"), AT)] == ["dozes"]


@pytest.mark.parametrize("hostile", ["\u202egnp.exe", "a\nb\x00"])
def test_hostile_text_is_plain_on_every_page(hostile: str) -> None:
    bad = {"function": hostile, "thread": hostile}
    pages: list[msgspec.Struct] = [
        msgspec.structs.replace(CALL, call=msgspec.structs.replace(PUT, function=hostile, file=hostile)),
        msgspec.structs.replace(HISTORY, picked=write(5, 400, hostile, key=hostile, **bad)),
        msgspec.structs.replace(
            THREAD, starter=hostile, busiest=(Function(site_id=1, function=hostile, calls=1, own_ns=1),)
        ),
        msgspec.structs.replace(
            FAILED, told=msgspec.structs.replace(TOLD, type=hostile, message=hostile), thread=hostile
        ),
    ]
    found = [section for facts in pages for section in page_sections(facts, AT)]
    found += notes.notes_section([Bookmark(time_ns=4, text=hostile, author=hostile)], 1_000)
    for section in found:
        for one in section.rows:
            texts = [one.label, one.note, *(piece.text for piece in one.pieces), *(link.text for link in one.links)]
            assert not any(char in text for text in texts for char in "\u202e\n\x00")
