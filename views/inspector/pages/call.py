"""The page of a call: how long, its place among the calls of its function, how it ended, who called it, what with, what
it called and wrote. No Qt.

Call                        function    Store.put                            [function]
                            lasted      12.3 ms                              [begin] [end]
                            of 4 120    3rd longest, 12 times the median     [longest] [previous] [next]
                            returned    True
Called with                 qty         3
Calls that it made (14)     parse                                    12 ×     8.1 ms
"""

from __future__ import annotations

import msgspec

from dags.analyses.call_facts import Among, Callee, CallFacts
from dags.frame_parts import LINE_WORDS, Frame, FrameArgument, StackFrame
from views.inspector.diff import Piece
from views.inspector.pages.parts import fact, own_write_row, place_row, to_call
from views.inspector.sections import NAME_LENGTH, Link, Row, Section, SourcePlace
from views.loop.events import Event, GoToCall, Select, Visit
from views.loop.state import Selection
from views.words.figures import count_text, duration_text
from views.words.plain_text import plain

FEW = 10
"""Up to that place it is told as a place, beyond as a share."""
ALIKE = 1.5
"""So many times the median is about the median."""


def sections(facts: CallFacts, frame: Frame) -> tuple[Section, ...]:
    """The call, its arguments, the functions it called, the values it wrote; what there is nothing of is left out."""
    found = [Section(key="call", title="Call", rows=_call_rows(facts, frame), form="facts")]
    running = _running(facts, frame)
    if arguments := facts.arguments or (running and running.arguments):
        found.append(Section(key="arguments", title="Called with", rows=_argument_rows(arguments), form="facts"))
    if facts.callees:
        title = f"Calls that it made ({count_text(facts.made_calls)})"
        found.append(Section(key="callees", title=title, rows=_callee_rows(facts, frame), form="lines"))
    if facts.writes:
        rows = tuple(own_write_row(write, frame.time_ns) for write in facts.writes)
        count = count_text(len(facts.writes) + facts.more_writes)
        found.append(
            Section(
                key="wrote", title=f"Values that it wrote ({count})", rows=_more(rows, facts.more_writes), form="lines"
            )
        )
    return tuple(found)


def _call_rows(facts: CallFacts, frame: Frame) -> tuple[Row, ...]:
    call = facts.call
    picked = Selection("call", call.call_id, call.track_id)
    ends = [Link("begin", Visit(time_ns=call.start_ns, selection=picked))]
    if facts.end_ns is not None:
        ends.append(Link("end", Visit(time_ns=facts.end_ns, selection=picked)))
    more = "" if facts.end_ns is not None else ", open at the end"
    return (
        fact(
            "function",
            "function",
            call.function,
            Link("function", Select(selection=Selection("site", call.site_id, call.track_id))),
        ),
        fact("lasted", "lasted", f"{duration_text(facts.lasted_ns)}{more}", *ends),
        *_among_rows(facts),
        fact("own", "own time", f"{duration_text(facts.own_ns)}{_share(facts.own_ns, facts.lasted_ns)}"),
        fact("waited", "waited", "not captured"),
        *_outcome_rows(facts),
        _caller_row(facts, frame),
        _place_row(facts, frame),
    )


def _argument_rows(arguments: tuple[FrameArgument, ...]) -> tuple[Row, ...]:
    return tuple(
        fact(f"argument {at}", plain(one.name, NAME_LENGTH) or "more", one.value) for at, one in enumerate(arguments)
    )


def _among_rows(facts: CallFacts) -> tuple[Row, ...]:
    site_id = facts.call.site_id
    links = (
        Link("longest", GoToCall(which="longest", site_id=site_id)),
        Link("previous", GoToCall(which="previous", site_id=site_id)),
        Link("next", GoToCall(which="next", site_id=site_id)),
    )
    rows = [
        fact("among", "place", place_text(facts.among), *links if facts.among is None or facts.among.calls > 1 else ())
    ]
    usual = "" if facts.among is None else usual_text(facts.lasted_ns, facts.among)
    return (*rows, fact("usual", "median", usual)) if usual else tuple(rows)


def place_text(among: Among | None) -> str:
    """Which of the calls of its function it is, by how long they took.

    >>> among = Among(calls=4_120, longer=2, is_counted=True, median_ns=9)
    >>> place_text(among).replace("\\u202f", " ")
    '3rd longest of 4 120'
    """
    if among is None:
        return "counting the calls of its function \N{HORIZONTAL ELLIPSIS}"
    if among.calls == 1:
        return "the only call of its function"
    of = f"of {count_text(among.calls)}"
    if among.longer == 0:
        return f"the longest {of}"
    if among.longer < FEW and among.is_counted:
        return f"{among.longer + 1}{_ending(among.longer + 1)} longest {of}"
    share = 100 * (among.calls - 1 - among.longer) // (among.calls - 1)
    return f"longer than {'' if among.is_counted else 'about '}{max(0, share)} % {of}"


def usual_text(lasted_ns: int, among: Among) -> str:
    """How its time compares with the median of whole calls; '' where there is none, or no other call."""
    if among.median_ns is None or among.calls < 2:
        return ""
    median, times = duration_text(among.median_ns), lasted_ns / max(1, among.median_ns)
    if 1 / ALIKE <= times <= ALIKE:
        return f"{median}, this one about as long"
    if times < 1:
        return f"{median}, this one {max(1, round(100 * times))} % of it"
    many = f"{times:.1f}" if times < FEW else count_text(round(times))
    return f"{median}, this one {many} times as long"


def _ending(number: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 % 10 != 1 else "th"


def _share(part_ns: int, whole_ns: int) -> str:
    return f" \N{MIDDLE DOT} {100 * part_ns / whole_ns:.0f} %" if whole_ns > 0 else ""


def _outcome_rows(facts: CallFacts) -> tuple[Row, ...]:
    said = {
        "return": "returned",
        "yield": "was suspended (yield or await)",
        "raise": "an exception left it",
        "open": "not while it was recorded",
    }
    rows = [fact("outcome", "ended", said.get(facts.outcome, facts.outcome))]
    if facts.result is not None:
        rows = [fact("result", "yielded" if facts.outcome == "yield" else "returned", facts.result)]
    if (told := facts.exception) is not None:
        name = told.type or "an exception"
        message = f": {told.message}" if told.message else ""
        there = Visit(time_ns=told.time_ns, selection=Selection("event", told.exception_id, told.track_id))
        rows = [fact("outcome", "ended by", f"{name}{message}", Link("exception", there))]
    return tuple(rows)


def _caller_row(facts: CallFacts, frame: Frame) -> Row:
    caller = facts.caller
    if caller is not None:
        link = Link("caller", to_call(caller, frame, facts.call.start_ns))
        if not facts.call_line:
            return fact("caller", "called by", caller.function, link)
        place = SourcePlace(caller.file, facts.call_line)
        return msgspec.structs.replace(
            fact("caller", "called by", f"{caller.function}, line {facts.call_line}", link), source=place
        )
    return fact("caller", "called by", "a call that is not known" if facts.depth else "none that is recorded")


def _place_row(facts: CallFacts, frame: Frame) -> Row:
    """Where it is in the code: at the line that runs at the cursor, or as near as that is known."""
    call, running = facts.call, _running(facts, frame)
    if running is None or running.line_is == "defined":
        return place_row(call.file, call.line)
    text = f"{LINE_WORDS[running.line_is]} {running.file.rsplit('/', 1)[-1]}:{running.line}"
    return Row(
        key="place",
        label="runs",
        pieces=(Piece(plain(text, NAME_LENGTH)),),
        source=SourcePlace(running.file, running.line),
    )


def _running(facts: CallFacts, frame: Frame) -> StackFrame | None:
    """The call on the stack at the cursor, where it is there."""
    stack = next((track.stack for track in frame.tracks if track.track_id == facts.call.track_id), [])
    return next((one for one in stack if one.call_id == facts.call.call_id), None)


def _callee_rows(facts: CallFacts, frame: Frame) -> tuple[Row, ...]:
    rows = tuple(_callee_row(callee, facts, frame) for callee in facts.callees)
    return _more(rows, facts.more_callees, "functions")


def _callee_row(callee: Callee, facts: CallFacts, frame: Frame) -> Row:
    """Its name leads to the longest call of it, which is the way down to where the time went."""
    longest = callee.longest
    to: Event = Select(selection=Selection("site", callee.site_id, facts.call.track_id))
    if longest is not None:
        to = to_call(longest, frame)
    one = f", longest {duration_text(callee.longest_ns)}" if callee.calls > 1 and longest is not None else ""
    return Row(
        key=str(callee.site_id),
        label=plain(callee.function, NAME_LENGTH),
        pieces=(Piece(f"{count_text(callee.calls)} \N{MULTIPLICATION SIGN}"),),
        note=f"{duration_text(callee.total_ns)}{_share(callee.total_ns, facts.lasted_ns)}{one}",
        links=(Link("longest", to),),
    )


def _more(rows: tuple[Row, ...], more: int, what: str = "") -> tuple[Row, ...]:
    return (*rows, Row(key="more", label=f"and {count_text(more)} more {what}".rstrip())) if more else rows
