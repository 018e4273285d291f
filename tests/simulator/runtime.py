"""What a simulated process runs on: threads, an executor, a selector and the host's library, all ruled by the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from capture.hostlib import host_library
from tests.simulator import native
from tests.simulator.native import KILLED
from tests.simulator.world import Killed, World


class Host:
    """The host's library, in which a process may be killed as well."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._library = native.library()
        self.scope_ticks = self._library.scope_ticks
        self.scope_clock_pair = self._library.scope_clock_pair

    def scope_pool_guard(self, base: Any, size: Any) -> int:
        if self._world.here() is not None:
            self._world.process.guarded.append(base)
        return int(host_library().scope_pool_guard(base, size))

    def scope_pool_unguard(self, base: Any) -> None:
        if self._world.here() is not None and base in self._world.process.guarded:
            self._world.process.guarded.remove(base)
        host_library().scope_pool_unguard(base)

    def scope_pool_scan(self, *args: Any) -> int:
        return self._call("sim_scan", *args)

    def scope_pool_advance(self, *args: Any) -> int:
        return self._call("sim_advance", *args)

    def scope_pool_drops(self, *args: Any) -> int:
        return self._call("sim_counters", *args)

    def _call(self, name: str, *args: Any) -> int:
        self._world.point()
        status = int(getattr(self._library, name)(*args))
        if status == KILLED:
            raise Killed
        return status


class Thread:
    """`threading.Thread` of a simulated process."""

    def __init__(self, world: World, target: Callable[[], object]) -> None:
        self._world, self._target = world, target

    def start(self) -> None:
        self._actor = self._world.spawn(self._world.process, f"{self._world.process.name}+", self._target)

    def is_alive(self) -> bool:
        return not self._actor.is_done

    def join(self, timeout_s: float) -> None:
        self._world.sleep(int(timeout_s * 1e9))


class Executor:
    """`ThreadPoolExecutor` of one thread: what is submitted runs beside the rest, one after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._jobs: list[Job] = []

    def submit(self, work: Callable[[], object]) -> Job:
        job = Job(self._world, work, self._jobs[-1] if self._jobs else None)
        self._jobs.append(job)
        return job

    def shutdown(self) -> None:
        for job in self._jobs:
            self._world.wait_until(job.done)


class Job:
    """What `submit` gives."""

    def __init__(self, world: World, work: Callable[[], object], before: Job | None) -> None:
        self._world, self._work, self._before = world, work, before
        self._is_done = False
        self._problem: Exception | None = None
        world.spawn(world.process, f"{world.process.name}+", self._run)

    def _run(self) -> None:
        if self._before is not None:
            self._world.wait_until(self._before.done)
        try:
            self._work()
        except Exception as problem:
            self._problem = problem
        self._is_done = True

    def done(self) -> bool:
        return self._is_done

    def result(self) -> None:
        if self._problem is not None:
            raise self._problem


class Selector:
    """`selectors.DefaultSelector`, on which nothing ever happens: the recorder looks for itself at each turn."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> Selector:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def register(self, what: object, events: int) -> None:
        pass

    def select(self, timeout_s: float) -> list[tuple[Any, int]]:
        self._world.sleep(int(timeout_s * 1e9))
        return []
