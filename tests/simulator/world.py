"""Simulated processes that take turns on one machine, as a seed says: who goes on at which point, and who is killed.

A process is one or more actors, threads of which only one runs at a time. The one that runs hands over at points: file
operations, sleeps, and each atomic access of the C code. A killed process raises `Killed` at its next point, which ends
all that it was at; while it unwinds it can change nothing any more: what `finally` would have tidied stays as it was.
"""

from __future__ import annotations

import ctypes
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

from capture.hostlib import host_library
from tests.simulator import native
from tests.simulator.native import Scheduler

NO_PID = 1 << 22  # no process of this machine can have it, or a greater one
START_NS = 5_000_000_000
MOST_NS = START_NS + 600_000_000_000
MOST_SWITCHES = 4_000_000  # a program that outlives its recorder by ten seconds has half a million


class Killed(BaseException):
    """The process of the actor that runs is dead: no statement of it has an effect any more."""


class Stuck(AssertionError):
    """A simulated process waits for something that does not come."""


class Process:
    """What the kernel takes back when it ends: its descriptors, by number with what they lead to."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.is_over = False
        self.was_killed = False
        self.operations = 0
        self.descriptors: dict[int, str] = {}
        self.locked: set[str] = set()  # what it has taken a lock of, or got one with
        self.dies_with: Process | None = None
        self.guarded: list[object] = []
        self.actors: list[Actor] = []


class Actor:
    """One thread of a simulated process."""

    def __init__(self, world: World, name: str, process: Process, work: Callable[[], object]) -> None:
        self.name = name
        self.process = process
        self.wake_ns = 0
        self.is_done = False
        self.error: BaseException | None = None
        self.turn = threading.Semaphore(0)
        self._world = world
        self._work = work
        self.thread = threading.Thread(target=self._run, name=f"simulated {name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.turn.acquire()
        try:
            if not self.process.is_over:
                self._work()
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self._world.ended(self)


class World:
    """The machine: its clock, its processes, and whose turn it is."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.log: list[str] = []
        self.processes: list[Process] = []
        self.actors: list[Actor] = []
        self.due: list[tuple[int, Callable[[], object]]] = []  # what happens at a time, besides
        self.switches = 0
        self._library = native.library()
        self._now = ctypes.c_int64.in_dll(self._library, "sim_now_ns")
        self._countdown = ctypes.c_int64.in_dll(self._library, "sim_countdown")
        self._now.value = START_NS
        self._mean_points = self.random.choice((6, 40, 300))
        self._running: Actor | None = None
        self._running_ident = 0
        self._everybody_done = threading.Semaphore(0)
        self._scheduler = Scheduler(self._asked_from_c)
        ctypes.c_void_p.in_dll(self._library, "sim_scheduler").value = ctypes.cast(
            self._scheduler, ctypes.c_void_p
        ).value

    # -- what actors ask

    @property
    def now_ns(self) -> int:
        """The time, which goes on a little with each look."""
        self._now.value += 50
        return self._now.value

    def here(self) -> Actor | None:
        """The actor that calls; None when it is not one of this world."""
        return self._running if threading.get_ident() == self._running_ident else None

    @property
    def process(self) -> Process:
        """The process that runs."""
        assert self._running is not None
        return self._running.process

    def point(self) -> None:
        """Somebody else may go on here. Raises: Killed."""
        assert self._running is not None
        if self._running.process.is_over:
            raise Killed
        self._countdown.value -= 1
        if self._countdown.value <= 0:
            self._ask(0)

    def sleep(self, for_ns: int) -> None:
        """Others go on until then. Raises: Killed."""
        self._ask(max(1, for_ns))

    def work(self, most_ns: int) -> None:
        """Time passes in which nobody else's turn comes."""
        self._now.value += self.random.randrange(most_ns)

    def wait_until(self, is_so: Callable[[], bool], step_ns: int = 200_000) -> None:
        """Raises: Killed."""
        while not is_so():
            self.sleep(step_ns)

    def say(self, what: str) -> None:
        """One line of the log: when, who, what."""
        who = self._running.name if self._running is not None else "-"
        self.log.append(f"{(self._now.value - START_NS) / 1e6:12.4f} ms  {who:<12} {what}")

    # -- processes

    def start(self, name: str, work: Callable[[], object]) -> Process:
        """A new process, whose end is that of its first actor."""
        process = Process(name, NO_PID + 100 + len(self.processes))
        self.processes.append(process)
        self.spawn(process, name, work)
        return process

    def spawn(self, process: Process, name: str, work: Callable[[], object]) -> Actor:
        """A thread of a process."""
        actor = Actor(self, name, process, work)
        process.actors.append(actor)
        self.actors.append(actor)
        return actor

    def kill(self, *processes: Process) -> None:
        """SIGKILL. Raises: Killed when it was the caller's own."""
        for process in processes:
            if not process.is_over:
                self.say(f"kills {process.name}")
                process.is_over = process.was_killed = True
        if self._running is not None and self._running.process.is_over:
            raise Killed

    def run(self) -> None:
        """Returns when all processes have ended. Raises: Stuck."""
        first = self._choose()
        if first is None:
            return
        self._new_countdown()
        self._hand_to(first)
        self._everybody_done.acquire()
        for actor in self.actors:
            actor.thread.join()
        self.actors = []

    # -- whose turn it is

    def _asked_from_c(self, slept_ns: int) -> int:
        try:
            self._ask(slept_ns)
        except Killed:
            return 1
        return 0

    def _ask(self, slept_ns: int) -> None:
        here = self._running
        assert here is not None
        self.switches += 1
        now_ns = self._now.value = self._now.value + self.random.randrange(100, 20_000)
        here.wake_ns = now_ns + slept_ns
        while self.due and self.due[0][0] <= now_ns:
            self.due.pop(0)[1]()
        if now_ns > MOST_NS or self.switches > MOST_SWITCHES:
            self.say("does not end")
            for process in self.processes:
                process.is_over = process.was_killed = True
            here.error = Stuck("it does not end")
        if here.process.is_over:
            raise Killed
        self._new_countdown()
        chosen = self._choose()
        assert chosen is not None
        if chosen is not here:
            self._hand_to(chosen)
            here.turn.acquire()
        if here.process.is_over:
            raise Killed

    def _new_countdown(self) -> None:
        self._countdown.value = 1 + int(self.random.expovariate(1 / self._mean_points))

    def _choose(self) -> Actor | None:
        waiting = [actor for actor in self.actors if not actor.is_done]
        if not waiting:
            return None
        now_ns = self._now.value
        ready = [actor for actor in waiting if actor.wake_ns <= now_ns or actor.process.is_over]
        if not ready:
            now_ns = self._now.value = min(actor.wake_ns for actor in waiting)
            ready = [actor for actor in waiting if actor.wake_ns <= now_ns]
        return ready[self.random.randrange(len(ready))] if len(ready) > 1 else ready[0]

    def _hand_to(self, actor: Actor) -> None:
        self._running = actor
        self._running_ident = actor.thread.ident or 0
        actor.turn.release()

    def ended(self, actor: Actor) -> None:
        """The last thing that a thread does."""
        process = actor.process
        actor.is_done = True
        if actor is process.actors[0]:
            process.is_over = True
            for other in self.processes:
                if other.dies_with is process and not other.is_over:
                    self.say(f"takes {other.name} with it")
                    other.is_over = other.was_killed = True
        if all(each.is_done for each in process.actors):
            for number in list(process.descriptors):
                os.close(number)
            process.descriptors.clear()
            for base in process.guarded:
                host_library().scope_pool_unguard(base)
            process.guarded.clear()
            self.say("is gone")
        following = self._choose()
        if following is None:
            self._running, self._running_ident = None, 0
            self._everybody_done.release()
        else:
            self._hand_to(following)
