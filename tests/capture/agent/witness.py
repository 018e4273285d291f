"""What `sys.settrace` sees of functions line by line, and what a recording says of the same: to be compared.

A span is what a frame does from where it is entered until it is left: a generator has several.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.capture.agent.poolfile import ENTER, LEAVE, SITE, Event, Pool
from tests.capture.agent.words import BOUND, IN_PLACE, SHOWN, UNBOUND

FIRST_KNOWN = 1
HELPERS = ("*:shown*", "*:watch*")
Locals = dict[str, str]
Step = tuple[int, Locals]  # the line that is about to run, 0: none any more; what is bound then

WATCH = (
    SHOWN
    + """
import json, sys
SPANS = []
def watch_locals(frame):
    if not frame.f_code.co_flags & 1:  # a class body: its names are in a dict
        return {}
    told = {name: shown(value) for name, value in frame.f_locals.items() if name[0] != "."}
    return {name: "<redacted>" if name == "password" else value for name, value in told.items()}
def watch_frame(frame, event, _):
    if frame.f_code.co_filename != __file__ or frame.f_code.co_name.startswith(("watch", "shown", "<module")):
        return None
    goes_on = frame.f_trace is not None
    span = [frame.f_code.co_name, [[frame.f_lineno, watch_locals(frame)]] if goes_on else []]
    SPANS.append(span)
    def watch_line(frame, event, _):
        if event in ("line", "return"):
            span[1].append([frame.f_lineno if event == "line" else 0, watch_locals(frame)])
        return watch_line
    return watch_line
def mark():
    pass
def watch(run):
    sys.settrace(watch_frame)
    try:
        run()
    finally:
        sys.settrace(None)
    mark()
    run()
    mark()
    print(json.dumps(SPANS))
"""
)
"""Before a program: `watch(run)` runs it twice, once under the tracer, and prints what that saw."""


@dataclass
class Span:
    """One span of a recording, as it unfolds."""

    name: str
    steps: list[Step] = field(default_factory=list)
    bound: Locals = field(default_factory=dict)
    begins_anew: bool = False

    def take(self, event: Event) -> None:
        """Raises: AssertionError of a change that is none."""
        if event.flags & FIRST_KNOWN and not self.begins_anew:
            self.bound = {}
        for change in event.local_changes:
            before = self.bound.get(change.name)
            if change.how == UNBOUND:
                assert before is not None, f"{change.name} was not bound"
                del self.bound[change.name]
                continue
            assert change.how in (BOUND, IN_PLACE)
            assert change.value is not None
            assert change.value != before, f"{change.name} has not changed"
            self.bound[change.name] = change.value
        self.begins_anew = bool(event.flags & FIRST_KNOWN)  # what follows at once goes on with it
        if event.kind == "line" or (event.flags & FIRST_KNOWN and event.a):
            self.steps.append((event.a, dict(self.bound)))


def without_addresses(steps: list[Step]) -> list[Step]:
    """Two runs have their objects in different places. And from 3.12 on a loop in one line is one step for us."""
    told: list[Step] = []
    for line, bound in steps:
        if not told or told[-1][0] != line:
            told.append((line, {name: re.sub(r" at 0x\w+", "", value) for name, value in sorted(bound.items())}))
    return told


def spans_of(pool: Pool) -> list[tuple[str, list[Step]]]:
    """What was recorded between the two calls of `mark`, in the order in which it began."""
    spans: list[Span] = []
    stack: list[Span] = []
    marks = 0
    for event in pool.events[1]:
        if event.kind in ENTER:
            name = pool.definitions[SITE][event.a][4]
            marks += name == "mark"
            stack.append(Span(name))
            if marks == 1 and name != "mark":
                spans.append(stack[-1])
        elif event.kind in ("line", "locals"):
            stack[-1].take(event)
        elif event.kind in LEAVE:
            span = stack.pop()
            span.steps.append((0, dict(span.bound)))
    return [(span.name, without_addresses(span.steps)) for span in spans]


def compare(pool: Pool, witnessed: list[tuple[str, list[Step]]]) -> None:
    """Raises: AssertionError at the first difference."""
    recorded = spans_of(pool)
    assert [name for name, _ in recorded] == [name for name, _ in witnessed]
    for number, ((name, ours), (_, theirs)) in enumerate(zip(recorded, witnessed, strict=True)):
        expected = without_addresses([(line, bound) for line, bound in theirs])
        for at, (our, their) in enumerate(zip(ours, expected, strict=False)):
            assert our == their, f"span {number}, {name}, step {at}"
        assert len(ours) == len(expected), f"span {number}, {name}"
