"""The slow questions about the open session: a row for each. What asks, who answers off the thread that paints, what
comes back. No Qt.

To add one: an event that asks and one that answers, a function `find(asked)` that yields the answer's events, and a
row here. An answer about a session that is not open any more is dropped. One that takes longer than SLOW_S is said to
be under way, and ends when the person stops it or asks anew: wherever it reads a piece of the session it can stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from capture.named import named
from dags.frame_parts import Frame
from views.loop.events import Busy, Event
from views.loop.state import Assigns
from views.reading.source import Source

SLOW_S = 0.3
Send = Callable[[Event], None]


class Stopped(Exception):
    """The question is not asked any more. Raised where its answer reads on."""


Worker = Literal["reader", "finder", "counter", "teller", "adder"]


class Question(NamedTuple):
    """One question. Events and functions are "module:Name", imported when it is asked.

    `find` takes an Asked and yields events: those of `answer_event`, or others such as Tell. `words` say what is
    under way when it takes long, unless it `is_quiet` because a view says it. `in_hand`: for one that the state
    asks, not the event alone: a function of Assigns that says what is asked, None for nothing. `worker`: "reader"
    may ask for frames, and is the one that frames wait for; "counter" is for what may take many seconds, and keeps
    nobody waiting, "adder" likewise while somebody looks on; "teller" tells more and more of what is picked, and is
    stopped when something else is. `at_once`: so many pieces a quiet one reads before it gives way to who scrubs; what
    is told of them is there at once.
    """

    name: str
    ask_event: str
    find: str
    answer_event: str
    words: str
    in_hand: str = ""
    worker: Worker = "finder"
    is_quiet: bool = False
    at_once: int = 0


QUESTIONS: tuple[Question, ...] = (
    Question(
        "step",
        "views.loop.events:Step",
        "views.reading.short_answers:step",
        "views.loop.events:Stepped",
        "Looking for the next event",
        in_hand="views.reading.short_answers:step_in_hand",
    ),
    Question(
        "search",
        "views.loop.events:Search",
        "views.reading.short_answers:sites",
        "views.loop.events:SearchFound",
        "Searching",
    ),
    Question(
        "look",
        "views.loop.events:LookFor",
        "views.reading.box:look",
        "views.loop.events:BoxFound",
        "Looking for it",
        in_hand="views.reading.box:wanted",
    ),
    Question(
        "figures",
        "views.loop.events:OpenBox",
        "views.reading.box:figures",
        "views.loop.events:FiguresKnown",
        "Counting calls",
        worker="counter",
    ),
    Question(
        "place",
        "views.loop.events:GoTo",
        "views.reading.going:place",
        "views.loop.events:Select",
        "Looking where it is",
    ),
    Question(
        "findings",
        "views.loop.events:SessionOpened",
        "views.reading.worth_a_look:look",
        "views.loop.events:FindingsKnown",
        "Looking for what is worth a look",
        in_hand="views.reading.worth_a_look:wanted",
        worker="counter",
        is_quiet=True,
    ),
    Question(
        "finding",
        "views.loop.events:GoToFinding",
        "views.reading.worth_a_look:go",
        "views.loop.events:Select",
        "Looking where it is",
    ),
    Question(
        "occurrence",
        "views.loop.events:GoToOccurrence",
        "views.reading.worth_a_look:go",
        "views.loop.events:Select",
        "Looking where it is",
    ),
    Question(
        "span",
        "views.loop.events:FitSelection",
        "views.reading.short_answers:span",
        "views.loop.events:Show",
        "Looking how long it took",
    ),
    Question(
        "edge",
        "views.loop.events:FollowEdge",
        "views.reading.short_answers:edge",
        "views.loop.events:SeekTo",
        "Looking for cause and effect",
    ),
    Question(
        "pick",
        "views.loop.events:PickAtCursor",
        "views.reading.going:at_cursor",
        "views.loop.events:Select",
        "Looking what runs here",
        worker="reader",
    ),
    Question(
        "stack",
        "views.loop.events:PickOnStack",
        "views.reading.going:on_stack",
        "views.loop.events:Select",
        "Looking who calls whom",
        worker="reader",
    ),
    Question(
        "call",
        "views.loop.events:GoToCall",
        "views.reading.going:call",
        "views.loop.events:Select",
        "Looking for a call",
    ),
    Question(
        "write",
        "views.loop.events:GoToWrite",
        "views.reading.writes:found_write",
        "views.loop.events:Visit",
        "Looking for a write",
    ),
    Question(
        "page",
        "views.loop.events:Select",
        "views.inspector.asking:find",
        "views.inspector.state:FactsFound",
        "Reading about what is picked",
        in_hand="views.inspector.asking:wanted",
        worker="teller",
        is_quiet=True,
        at_once=40,
    ),
    Question(
        "exception",
        "views.loop.events:GoToException",
        "views.reading.going:exception",
        "views.loop.events:Select",
        "Looking for an exception",
    ),
    Question(
        "peak",
        "views.metrics.peak:GoToPeak",
        "views.metrics.peak:find",
        "views.loop.events:SeekTo",
        "Reading the metric",
    ),
    Question(
        "lanes",
        "views.loop.choosing_lanes:RankLanes",
        "views.reading.ranking:busiest_first",
        "views.loop.choosing_lanes:LanesRanked",
        "Counting the events of each thread",
    ),
    Question(
        "stretch",
        "views.loop.stretch:PickStretch",
        "views.inspector.counting:count_stretch",
        "views.inspector.state:StretchCounted",
        "Counting what happened in the stretch",
        in_hand="views.inspector.counting:wanted_stretch",
        worker="adder",
        is_quiet=True,
    ),
    Question(
        "tree",
        "views.inspector.state:ToggleCalls",
        "views.inspector.counting:count_tree",
        "views.inspector.state:TreeCounted",
        "Counting who called whom",
        in_hand="views.inspector.counting:wanted_tree",
        worker="adder",
        is_quiet=True,
    ),
    Question(
        "marked",
        "views.loop.events:Mark",
        "views.reading.short_answers:marked",
        "views.loop.events:MarkedFrameReady",
        "Reading the marked moment",
        worker="reader",
    ),
)


class Asking:
    """Which questions an event asks, given the state after it. Used by one thread."""

    def __init__(self) -> None:
        self._in_hand: dict[str, object] = {}
        self._rows: list[tuple[Question, Any]] = []

    def asked(self, event: Event, after: Assigns) -> Iterator[Question]:
        """Those, each once for what it asks."""
        if not self._rows:  # every event comes here: what the rows name is looked up once
            self._rows = [(row, named(row.in_hand or row.ask_event)) for row in QUESTIONS]
        for row, asks in self._rows:
            if row.in_hand:
                wanted = None if after.session is None else asks(after)
                is_new = wanted is not None and wanted != self._in_hand.get(row.name)
                self._in_hand[row.name] = wanted
            else:
                is_new = after.session is not None and isinstance(event, asks)
            if is_new:
                yield row


@dataclass
class Asked:
    """A question as it was asked: `assigns` is the state after its event. `source` and `frame_at` are set once it is
    its turn; `frame_at` is for the reader only.

    Any thread may stop it; everything else is for the thread that answers.
    """

    row: Question
    event: Event
    assigns: Assigns
    send: Send
    source: Source = field(default_factory=Source)
    frame_at: Callable[[int], Frame] | None = None

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._began_s = self._told_s = 0.0
        self._pieces = 0

    @property
    def key(self) -> int:
        """That of the session it is about."""
        return self.assigns.session.key if self.assigns.session is not None else 0

    def stop(self) -> None:
        """Nobody wants to know any more."""
        self._stopped.set()

    def reads_on(self) -> None:
        """Called before each piece of the session is read: what is quiet gives way. Raises: Stopped."""
        if self.row.is_quiet and self._pieces >= self.row.at_once:
            self.source.pool.give_way(self._stopped.is_set)
        if self._stopped.is_set():
            raise Stopped
        now_s, self._pieces = time.monotonic(), self._pieces + 1
        if not self.row.is_quiet and now_s - max(self._began_s, self._told_s) >= SLOW_S:
            self._told_s = now_s
            self.send(Busy(what=f"{self.row.words}, {self._pieces} pieces read"))

    def wait(self, seconds: float) -> None:
        """Lets a while pass, so that what every stroke of a held key asks anew is read once. Raises: Stopped."""
        if self._stopped.wait(seconds):
            raise Stopped

    def answer(self, source: Source, frame_at: Callable[[int], Frame]) -> None:
        """Sends what is found, as long as it is the open session's."""
        self.source, self.frame_at = source.pinned(self.reads_on), frame_at
        self._began_s = time.monotonic()
        try:
            found: Iterator[Any] = iter(named(self.row.find)(self))
            for event in found:
                if source.is_of(self.source):
                    self.send(event)
        except Stopped:
            pass
        finally:
            if self._told_s:
                self.send(Busy(what=""))
