"""One process of a recording: its pool, the drain, the line to its agent, what is seen from outside, and its end.

A program that is no Python, or becomes another one, is watched from outside, and the first Python that can be entered
in it is recorded from then on, under a number of its own: at any time at most one agent is in it.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from capture import clock
from capture.attach.attach import attach
from capture.attach.channel import AgentChannel, Message, reason_in
from capture.attach.launch import launch
from capture.drain.drain import Drain
from capture.drain.journal import BlockType, JournalWriter
from capture.drain.pool import Pool
from capture.drain.probe import described, image_of, program_of
from capture.errors import ScopeError, TargetProblem
from capture.names import json_bytes
from capture.settings import CaptureSettings
from scope_gui.recording.children import CHILDREN_INTERVAL_NS
from scope_gui.recording.os_watch import OsWatch
from scope_gui.recording.python_finder import PythonFinder
from scope_gui.recording.shared_memory import SharedMemory
from scope_gui.recording.sleep_watch import SleepWatch
from scope_gui.recording.standing import ProcessStanding, Standing

PROBE_INTERVAL_NS = 250_000_000
LOOK_SHARE = 6  # of the time that a look takes, until the next one; a first look for children may take 4 ms
FIND_INTERVAL_NS = 25_000_000
OBSERVED_NS = 1_000_000_000
GOING_NS = 200_000_000  # how long a process whose agent is gone may take to end
STOP_DEADLINE_S = 8.0
END_DEADLINE_S = 5.0
FIRST_PROCESS = 1
FIRST_FOUND = 1001  # what programs have started; there are fewer programs than that
MOST_ERRORS = 10
GONE = "The program ended before it could be recorded by other settings."


class Ended(enum.StrEnum):
    """Why a recording ended."""

    DURATION = "the time was up"
    ASKED = "stopped on request"
    TARGET = "the program ended"
    AGENT = "the agent in the program went away"
    SIZE = "the session is as large as --max-size lets it be"
    FUSE = "stopped by a safety limit"


@dataclass
class Shared:
    """What the processes of a recording have in common; `settings` are those that each of them begins with."""

    settings: CaptureSettings
    journal: JournalWriter
    memory: SharedMemory
    standing: Standing
    say: Callable[[str], None]
    programs: itertools.count[int] = field(default_factory=lambda: itertools.count(FIRST_PROCESS))
    found: itertools.count[int] = field(default_factory=lambda: itertools.count(FIRST_FOUND))

    def fact(self, fact: str, /, **fields: object) -> None:
        """Appends one fact to the journal."""
        self.journal.append(BlockType.FACTS, FIRST_PROCESS, json_bytes({"fact": fact, **fields}))


class RecordedProcess:
    """A process that is recorded, or watched, until it is over or somebody closes its books."""

    def __init__(self, shared: Shared) -> None:
        """Nothing is done yet: `attach`, `run` or `observe` does."""
        self._shared = shared
        self.settings = shared.settings  # those that it is recorded by; others may be by others
        self._root_serial = self._serial = next(shared.programs)
        self._standing = ProcessStanding()
        shared.standing.add(self._standing)
        self._channel: AgentChannel | None = None
        self._pool: Pool | None = None
        self._drain: Drain | None = None
        self._watch: OsWatch | None = None
        self._sleep_watch: SleepWatch | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._program = ""
        self._finder: PythonFinder | None = None
        self._root_pid = 0
        self._recorded: tuple[int, tuple[bytes, str]] = 0, (b"", "")  # whose calls are recorded, and its image
        self._observed_since_ns: int | None = None
        self._going_since_ns: int | None = None  # since when the agent is gone
        self._asked: threading.Thread | None = None
        self._errors_told = 0
        self._asked_for: deque[tuple[CaptureSettings, int]] = deque()  # not answered yet, and since when
        self._change_problem: str | None = None
        self._due = {"probe": 0, "children": 0, "find": 0}
        self.over: Ended | None = None  # why it can be recorded no longer
        self.is_closed = False
        self.trouble: str | None = None

    # -- getting in

    def attach(self, pid: int) -> None:
        """Gets into a running process. Raises: TargetProblem, SessionProblem, PoolProblem."""
        folder = self._shared.memory.prepare(self._serial)
        self._channel = attach(pid, self.settings, folder, self._serial)
        self._begin(pid)

    def run(self, argv: list[str], signal_mask: set[int] | None) -> None:
        """Starts a program; one that is no Python is watched. Raises: as `attach`, EndedEarly."""
        settings = self.settings
        folder = self._shared.memory.prepare(self._serial)
        self._child, self._channel, pid = launch(argv, settings, folder, self._serial, signal_mask)
        self._begin(pid, argv if pid == self._child.pid else ())
        self._program = described(Path(argv[0]).name, argv)
        if settings.mode != "observe":
            self._finder = PythonFinder(self._child.pid)

    def observe(self, pid: int) -> None:
        """Watches a process from outside only. Raises: TargetProblem."""
        self._begin(pid)

    def _begin(self, pid: int, given: Sequence[str] = ()) -> None:
        if self._channel is not None:
            self._pool = self._shared.memory.open_pool(self._serial)
            self._drain = Drain(self._pool, self._shared.journal, self._serial)
        self._standing.begin(pid, self._drain, self._channel)
        self._root_pid = pid
        self._recorded = pid, self._channel.image if self._channel is not None else image_of(pid)
        self._observed_since_ns = None if self._channel else clock.monotonic_ns()
        fact = self._shared.fact
        observes = self._channel is None
        self._watch = OsWatch(pid, self._serial, fact, observe_threads=observes, new_serials=self._shared.found)
        self._watch.begin(
            tier="observe" if observes else "python",
            python=self._channel.hello.get("python", "") if self._channel else "",
            clock_kind=self._pool.clock_kind if self._pool else clock.CLOCK_MONOTONIC,
            given=given,
        )
        self._sleep_watch = SleepWatch(pid, self._serial, fact)

    # -- a turn of the recorder's loop

    @property
    def pid(self) -> int:
        """Of the process whose calls are recorded, or that is watched."""
        return self._recorded[0]

    def is_of(self, pid: int) -> bool:
        """Whether it is that process: the one that was started or attached to, or the Python that was found in it."""
        return pid in (self.pid, self._root_pid)

    @property
    def pid_fd(self) -> int | None:
        """Readable once the process has ended."""
        return self._watch.pid_fd if self._watch is not None else None

    @property
    def is_drained(self) -> bool:
        """Whether events come from it at present."""
        return self._drain is not None

    @property
    def table_bytes(self) -> int:
        """Of the target's memory, see `Pool.table_bytes`."""
        return self._pool.table_bytes if self._pool is not None else 0

    def has_ended(self) -> None:
        """Takes note that the process has ended."""
        assert self._watch is not None
        self._watch.ended = True

    def turn(self, now_ns: int, *, among: int, drains: bool = True) -> int:
        """Bytes moved, none if it is not to drain. `among` so many processes the recorder divides the time that it
        takes to look at them.

        Raises: TargetProblem, PoolProblem as `Drain.drain_once` does.
        """
        assert self._watch is not None
        assert self._sleep_watch is not None
        self._standing.glance(self._pool)
        moved = self._drain.drain_once() if self._drain and drains else 0
        if now_ns >= self._due["probe"]:
            self._watch.look()
            self._standing.look(self._pool)
            self._wait_with("probe", now_ns, PROBE_INTERVAL_NS, among)
        self._sleep_watch.look(now_ns, among=among)
        if now_ns >= self._due["children"]:
            began_ns = clock.monotonic_ns()
            self._watch.look_for_children()
            self._wait_with("children", began_ns, CHILDREN_INTERVAL_NS, among)
        self._judge(now_ns)
        if self.over is None and self._channel is None and self._finder is not None and now_ns >= self._due["find"]:
            self._due["find"] = now_ns + FIND_INTERVAL_NS
            self._find_python()
        return moved

    def _wait_with(self, what: str, began_ns: int, least_ns: int, among: int) -> None:
        took_ns = clock.monotonic_ns() - began_ns
        self._due[what] = began_ns + max(least_ns, LOOK_SHARE * among * took_ns)

    def _judge(self, now_ns: int) -> None:
        """Whether it is over, or goes on without an agent."""
        assert self._watch is not None
        if self._watch.ended:
            self.over = Ended.TARGET
        elif self._channel is not None and self._agent_gone():
            self._going_since_ns = self._going_since_ns or now_ns
            if now_ns - self._going_since_ns < GOING_NS:
                return
            self._going_since_ns = None
            if self._child is None:
                self.over = Ended.AGENT
            else:
                self._go_on_outside()

    def _agent_gone(self) -> bool:
        assert self._channel is not None
        for event in self._channel.receive():
            if event.get("event") == "error":
                self._errors_told += 1
                if self._errors_told <= MOST_ERRORS:  # each is a line on the user's terminal
                    self._shared.say(f"the agent reports: {reason_in(event)}")
            elif event.get("event") == "agent_thread" and isinstance(thread_id := event.get("agent_thread"), int):
                self._standing.agent_goes_on_as(thread_id)
            elif event.get("event") == "configured" and self._asked_for:
                self._note_change(*self._asked_for.popleft(), event)
        return self._channel.eof

    # -- what is recorded changes

    @property
    def can_change(self) -> bool:
        """Whether there is an agent that could record something else."""
        return self._channel is not None and not self._channel.eof and not self.is_closed

    def configure(self, settings: CaptureSettings) -> None:
        """Asks the agent to record by these from now on; `change_outcome` says what has become of it.

        Raises: TargetProblem when it is gone or does not listen.
        """
        assert self._channel is not None
        self._channel.ask("configure", settings.live_orders())
        self._change_problem = None
        self._asked_for.append((settings, clock.monotonic_ns()))

    def change_outcome(self) -> str | None:
        """Of the last change: None while it has not been answered, "" when it is done, else what went wrong."""
        if self._asked_for and self.can_change:
            return None
        return GONE if self._asked_for else self._change_problem or ""

    def _note_change(self, settings: CaptureSettings, asked_ns: int, event: Message) -> None:
        """The agent has changed what is recorded, or could not. When is its own word: it was after it was asked."""
        if "problem" in event:
            self._change_problem = f"The agent in the program could not change it: {reason_in(event, 'problem')}."
            return
        now_ns = clock.monotonic_ns()
        since_ns, until_ns = event.get("since_ns"), event.get("until_ns")
        if type(since_ns) is not int or type(until_ns) is not int or not asked_ns <= since_ns <= until_ns <= now_ns:
            since_ns, until_ns = asked_ns, now_ns
        flags = settings.live_facts()
        self._shared.fact("configured", process_serial=self._serial, since_ns=since_ns, mono_ns=until_ns, flags=flags)
        self.settings = settings  # what is found in the program later is recorded by them too

    # -- a program that is no Python, or no longer the one that it was

    def _go_on_outside(self) -> None:
        """The agent is gone and the program is not: it became another one, or closed our connection.

        A program that closed it is the one that it was. It is not entered again: it may close descriptors over and
        over, and the agent has said that the recording ended there.
        """
        assert self._channel is not None
        pid, image = self._recorded
        now = image_of(pid)
        if now == image:
            self._finder = None
        elif now[0]:
            self._unseen("exec", program_of(pid))
        self._channel.close()
        self._channel = None
        self._close_target()
        self.remove_pool()
        self._observed_since_ns = None  # said already
        self._shared.say("the agent in the program is gone; from here on the program is watched from outside")

    def _find_python(self) -> None:
        """Records the first Python in a program that is none itself, from now on."""
        assert self._finder is not None
        assert self._watch is not None
        pid = self._finder.find()
        if pid is None:
            if self._observed_since_ns is not None and clock.monotonic_ns() - self._observed_since_ns > OBSERVED_NS:
                self._say_observed()
            return
        self.remove_pool()  # made for a launch that no agent has called from
        serial = self._watch.serial_for(pid)
        try:
            self._channel = attach(pid, self.settings, self._shared.memory.prepare(serial), serial)
            self._pool = self._shared.memory.open_pool(serial)
            self._watch.record(pid, serial, self._channel.hello.get("python", ""))
        except (ScopeError, psutil.NoSuchProcess):
            if self._channel is not None:
                self._channel.close()
                self._channel = None
            self._close_pool()
            self._shared.memory.remove_pool(serial)
            return
        finally:
            self._finder.forget(pid)
        self._serial = serial
        self._drain = Drain(self._pool, self._shared.journal, serial)
        self._standing.begin(pid, self._drain, self._channel)
        self._recorded = pid, self._channel.image
        self._observed_since_ns = None
        if self._sleep_watch is not None:
            self._sleep_watch.end()
        self._sleep_watch = SleepWatch(pid, serial, self._shared.fact)
        self._unseen("late", f"{program_of(pid)} (pid {pid})", serial)
        self._shared.say(f"found a Python in the program, process {pid}; its calls are recorded from here on")

    def _say_observed(self) -> None:
        self._observed_since_ns = None
        self._unseen("observed", self._program)

    def _unseen(self, code: str, detail: str = "", serial: int = 0) -> None:
        self._shared.fact("unseen", process_serial=serial or self._root_serial, code=code, detail=detail)

    # -- the program that we have started

    def end_program(self) -> None:
        """Ends it, if we have started it and it still runs."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(END_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def send_signal(self, number: int) -> None:
        """Hands it a signal, if we have started it."""
        if self._child is not None:
            self._child.send_signal(number)

    def status_of_program(self, ended: Ended) -> int | None:
        """How the program that we have started ended, as subprocess says it; None when it runs on or is not ours."""
        if self._child is None:
            return None
        if ended == Ended.TARGET:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._child.wait(END_DEADLINE_S)
        return self._child.poll()

    # -- the end

    def ask_agent_to_stop(self, ended: Ended) -> None:
        """Begins to take the hooks out; see `is_stopping`."""
        if self._channel is None or self._pool is None or self._drain is None:
            return
        self._pool.drop_when_full()
        if ended in {Ended.ASKED, Ended.DURATION, Ended.SIZE, Ended.FUSE}:
            self._asked = threading.Thread(target=self._request_stop, daemon=True)
            self._asked.start()

    def is_stopping(self, wait_s: float) -> bool:
        """Whether the agent has still to confirm; drains meanwhile, for its last snapshots need room in the pool."""
        if self._asked is None or self._drain is None or not self._asked.is_alive():
            return False
        self._drain.drain_once()
        self._asked.join(wait_s)
        return True

    def close(self, ended: Ended) -> int:
        """Journals the rest and closes the books; `remove_pool` can follow. Returns when its recording ended, ns.

        Raises: TargetProblem, PoolProblem.
        """
        self.is_closed = True
        if self._asked is not None and not self._has_confirmed():
            self.trouble = (
                "The program did not confirm within 8 s that the recorder's hooks are out; it may be blocked "
                "in native code and detaches as soon as it runs Python again."
            )
        if self._channel is not None and self._drain is not None:
            self._channel.close()
        if self._observed_since_ns is not None and self._finder is not None:
            self._say_observed()
        self._trigger_if_killed(ended)
        self._close_target()
        end_ns = clock.monotonic_ns()  # the last look at the threads comes after it: who waits then is known
        if self._sleep_watch is not None:
            self._sleep_watch.end()
        if self._watch is not None:
            self._watch.end(str(ended))
            end_ns = clock.monotonic_ns() if self._watch.ended else end_ns
        return end_ns

    def _trigger_if_killed(self, ended: Ended) -> None:
        """A flight recorder saves what a program did last that had no chance to say that it ends."""
        if self.settings.flight and ended == Ended.TARGET and self._pool is not None and not self._pool.stopped:
            reason = f"process {self.pid} was killed, or ended at once"
            self._shared.fact("trigger", mono_ns=clock.monotonic_ns(), reason=reason)

    def give_up(self, *, remove: bool) -> None:
        """After a failure of our own side (a full disk): the target must go on unharmed; its pool is kept."""
        if self._pool is not None:
            self._pool.drop_when_full()
        if self._channel is not None:
            self._request_stop()
            self._channel.close()
        self._close_pool()
        if remove:
            self.remove_pool()

    def undo(self) -> None:
        """Nothing was recorded: lets go of everything, whatever there is of it."""
        if self._channel is not None:
            self._channel.close()
        self._close_pool()
        self.remove_pool()

    def remove_pool(self) -> None:
        """Deletes the memory that it had, if there is any."""
        self._shared.memory.remove_pool(self._serial)

    def _has_confirmed(self) -> bool:
        """Whether the hooks are out."""
        return self._pool is None or self._pool.stopped or self._channel is None or self._channel.eof

    def _request_stop(self) -> None:
        assert self._channel is not None
        with contextlib.suppress(TargetProblem):
            self._channel.request("stop", timeout_s=STOP_DEADLINE_S)

    def _close_target(self) -> None:
        """Journals the rest of a pool and its counters."""
        if self._drain is not None and self._pool is not None:
            self._drain.drain_rest()
            self._standing.look(self._pool)
            if (overhead := self._shared.standing.overhead) is not None:
                values = msgspec.structs.asdict(overhead)
                self._shared.fact("overhead", process_serial=self._serial, overhead=values)
            self._drain.journal_counters()
        self._drain = None
        self._close_pool()

    def _close_pool(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None
