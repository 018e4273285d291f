"""`scope-gui calls S.scope CALL_ID`: one call, as the inspector's page of it says the same."""

from __future__ import annotations

from collections.abc import Iterator

from capture.errors import SessionProblem
from capture.session.session import Session
from capture.shown_text import one_line
from dags.analyses.call_facts import CallFacts, call_facts
from dags.analyses.function_rows import NOT_CAPTURED
from scope_gui.streams import print_json
from scope_gui.verbs.stretch import reading
from views.inspector.pages.call import place_text, usual_text
from views.words.figures import count_text, duration_text
from views.words.timespec import text_from_ns


def print_call(session: Session, call_id: int, *, as_json: bool) -> None:
    """Prints what is known of a call. Raises: SessionProblem when there is none of that id."""
    reads_on = reading(session, (session.start_ns, session.end_ns), times=4)
    found = list(call_facts(session, call_id, session.start_ns, reads_on=reads_on))
    if not found:
        raise SessionProblem(
            f"There is no call {call_id} in {session.path}.", "`scope-gui calls` of a function has some."
        )
    if as_json:
        print_json(found[-1])
    else:
        print("\n".join(map(one_line, call_lines(found[-1]))))


def call_lines(facts: CallFacts) -> Iterator[str]:
    """What is known of it; each line may hold text of the session."""
    call = facts.call
    yield f"call {call.call_id}: {call.function} {call.file}:{call.line}, on {facts.thread}"
    until = "open when the recording ended" if facts.end_ns is None else f"until {text_from_ns(facts.end_ns)}"
    yield f"lasted {duration_text(facts.lasted_ns)}, from {text_from_ns(call.start_ns)}, {until}: {facts.outcome}"
    for one in facts.arguments or ():
        yield f"  {one.name or 'more'} = {one.value}"
    if facts.result is not None:
        yield f"{'yielded' if facts.outcome == 'yield' else 'returned'} {facts.result}"
    yield f"own {duration_text(facts.own_ns)}, waited {NOT_CAPTURED}"
    yield place_text(facts.among) + (" calls of its function" if facts.among and facts.among.calls > 1 else "")
    if facts.among is not None and (usual := usual_text(facts.lasted_ns, facts.among)):
        yield f"median {usual}"
    if facts.exception is not None:
        said = f": {facts.exception.message}" if facts.exception.message else ""
        yield f"ended by {facts.exception.type or 'an exception'}{said}, event {facts.exception.exception_id}"
    if facts.caller is not None:
        line = f", line {facts.call_line} of {facts.caller.file}" if facts.call_line else ""
        yield f"called by {facts.caller.function}{line}, call {facts.caller.call_id}"
    if facts.callees:
        yield f"made {count_text(facts.made_calls)} calls:"
    for callee in facts.callees:
        longest = ""
        if callee.longest is not None:
            longest = f", longest {duration_text(callee.longest_ns)}, call {callee.longest.call_id}"
        yield f"  {duration_text(callee.total_ns):>9}  {count_text(callee.calls):>9} x {callee.function}{longest}"
    if facts.more_callees:
        yield f"  and of {count_text(facts.more_callees)} more functions"
    if facts.writes:
        yield f"wrote {count_text(len(facts.writes) + facts.more_writes)} values:"
    for write in facts.writes:
        old = "" if write.old is None else f"{write.old} -> "
        yield f"  {text_from_ns(write.time_ns)}  {write.cell}  {old}{'deleted' if write.new is None else write.new}"
