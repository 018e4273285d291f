"""A change of what is recorded, from the question of another process to its answer, while the recording goes on."""

from __future__ import annotations

from collections.abc import Sequence

from capture import clock
from capture.errors import TargetProblem, WrongUsage
from scope_gui.recording.control import OVER, Reply
from scope_gui.recording.recorded_process import RecordedProcess

PATIENCE_NS = 8_000_000_000
BUSY = "What is recorded is being changed already; ask again when that is done."
WATCHED = "The program is only watched from outside: there is nothing in it that could record something else."
SLOW = (
    "The program did not take the change within 8 s; it may be blocked in native code, and takes it as soon as it runs "
    "Python again."
)


class Changes:
    """One change at a time, of all processes of a recording or of one; owned by the recorder's loop."""

    def __init__(self, processes: Sequence[RecordedProcess]) -> None:
        """`processes`: all of the recording, also such that come later."""
        self._processes = processes
        self._asked: list[RecordedProcess] = []
        self._reply: Reply | None = None
        self._until_ns = 0

    def begin(self, words: dict[str, object], reply: Reply) -> None:
        """Asks the agents to record by what they record by, changed to what `words` say, or answers why not.

        Of all processes, or of that whose `pid` the words have.
        """
        given, pid = words.get("flags"), words.get("pid")
        meant = [process for process in self._processes if not process.is_closed]
        if isinstance(pid, int):
            meant = [process for process in meant if process.is_of(pid)]
            if not meant:
                reply.give(problem=f"Process {pid} is not among those that are recorded here.")
                return
        try:
            changed = [(one, one.settings.changed(**given if isinstance(given, dict) else {})) for one in meant]
        except WrongUsage as problem:
            reply.give(problem=str(problem), is_usage=True)
            return
        able = [(process, settings) for process, settings in changed if process.can_change]
        if self._reply is not None or not able:
            reply.give(problem=BUSY if self._reply is not None else WATCHED)
            return
        self._reply, self._asked = reply, []
        self._until_ns = clock.monotonic_ns() + PATIENCE_NS
        try:
            for process, settings in able:
                process.configure(settings)
                self._asked.append(process)
        except TargetProblem as problem:
            self._answer(problem=str(problem))

    def turn(self, now_ns: int) -> None:
        """Answers who asked, once all agents have, or the time is up."""
        if self._reply is None:
            return
        outcomes = [process.change_outcome() for process in self._asked]
        if None not in outcomes:
            problems = [outcome for outcome in outcomes if outcome]
            if problems:
                self._answer(problem=problems[0])
            else:
                self._answer(processes=[{"pid": one.pid, "settings": one.settings.facts()} for one in self._asked])
        elif now_ns > self._until_ns:
            self._answer(problem=SLOW)

    def give_up(self) -> None:
        """The recording is over."""
        if self._reply is not None:
            self._answer(problem=OVER)

    def _answer(self, **answer: object) -> None:
        assert self._reply is not None
        self._reply.give(**answer)
        self._reply = None
