"""Who runs in the simulated world: a target, its recorder, the sealer, and recoveries; all but the target as they are.

`Recording`, `Sealer` with its loop, and `recover` are the real ones; what they would ask of other processes and of
sockets is answered here.
"""

from __future__ import annotations

import contextlib
import selectors
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import msgspec

from capture import clock as capture_clock
from capture import own_folder
from capture.drain import ids
from capture.drain import pool as capture_pool
from capture.errors import ScopeError, SessionProblem, TargetProblem
from capture.folder_names import SOCKET
from capture.own_folder import OwnFolder
from capture.session import left_pools
from capture.settings import CaptureSettings
from scope_gui.recording import recorded_process, recorder, recovery, sealer
from tests.simulator import native
from tests.simulator.kernel import FRESH, STDIN, Kernel
from tests.simulator.native import KILLED
from tests.simulator.runtime import Executor, Host, Selector, Thread
from tests.simulator.world import NO_PID, Killed, Process, World

SITES = 12
FIRST_KEY = 1


class Target:
    """The program that is recorded; its threads write into the ring through the recorder's own C code."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.library = native.library()
        self.process: Process | None = None
        self.has_begun = self.has_stopped = self.is_asked_to_stop = False
        self.listens_to: Process | None = None  # the recorder, as long as the connection is open
        self.changes = 0

    @property
    def is_alive(self) -> bool:
        return self.process is not None and not self.process.is_over

    def begin(self, pool_folder: Path, recorder_process: Process) -> None:
        self.listens_to = recorder_process
        self._pool_folder = pool_folder
        self.process = self.world.start("target", self._work)

    def _call(self, name: str, *args: object) -> int:
        """Raises: Killed."""
        status = int(getattr(self.library, name)(*args))
        if status == KILLED:
            raise Killed
        return status

    def _work(self) -> None:
        world, plan, at_random = self.world, self.plan, self.world.random
        paths = [bytes(self._pool_folder / name) for name in ("pool.bin", "defs.bin")]
        if self._call("sim_begin", *paths, plan.blocks, plan.waits_when_full):
            return  # shared memory is full, and the recorder is told so
        for site in range(1, SITES + 1):
            words = (f"f{site}", "m", "m.py", str(10 * site), f"f{site}")
            self._call("sim_define", 1, site, *(word.encode() for word in words))
        self._call("sim_define", 3, FIRST_KEY, b"m", b"key", b"global", None, None)
        threads = [at for at in range(plan.threads) if not self._call("sim_thread_begins", at, f"t{at}".encode())]
        self.has_begun = True
        for number in range(plan.events):
            if self._has_to_stop():
                break
            if threads:
                at = at_random.choice(threads)
                self._one_event(at)
                if at_random.random() < 0.01 and not self._call("sim_thread_ends", at):
                    threads.remove(at)
            if number and number % plan.burst == 0:
                world.sleep(int(at_random.expovariate(1 / plan.pause_ns)))
        if not plan.ends_with_program:
            world.wait_until(self._has_to_stop, 3_000_000)
        if self.listens_to is None or self.listens_to.is_over:
            world.sleep(at_random.randrange(1, 5_000_000))  # until the agent has heard that its recorder is gone
        for at in threads:
            if at_random.random() < 0.5:
                self._call("sim_thread_ends", at)
        self._call("sim_stops")
        self.has_stopped = True
        if not plan.ends_with_program:
            world.wait_until(lambda: world.now_ns > plan.program_ends_ns, 50_000_000)

    def _one_event(self, at: int) -> None:
        at_random, depth = self.world.random, int(self.library.sim_depth(at))
        choice = at_random.random()
        if choice < self.plan.big_states:
            self.changes += 1
            text = f"{at}.{self.changes}." + "x" * at_random.choice((0, 10, 3000))
            self._call("sim_changes", at, FIRST_KEY, text.encode(), len(text))
        elif depth == 0 or (choice < 0.6 and depth < 20):
            self._call("sim_enters", at, at_random.randrange(1, SITES + 1))
        else:
            self._call("sim_leaves", at)

    def _has_to_stop(self) -> bool:
        self.world.point()
        return self.is_asked_to_stop or self.listens_to is None or self.listens_to.is_over


class Plan(msgspec.Struct):
    """What a seed has decided about a recording."""

    blocks: int
    threads: int
    events: int
    burst: int
    pause_ns: int
    big_states: float
    waits_when_full: bool
    ends_with_program: bool
    program_ends_ns: int
    duration_s: float | None


class Channel:
    """The recorder's end of the connection with the agent."""

    def __init__(self, world: World, target: Target) -> None:
        self.hello = {"python": "3.12.1"}
        self.image = b"image", "program"
        self.recording: dict[str, object] = {}
        self._world, self._target = world, target

    def receive(self) -> list[dict[str, object]]:
        return []

    @property
    def eof(self) -> bool:
        return self._target.has_stopped or not self._target.is_alive

    def request(self, verb: str, timeout_s: float) -> dict[str, object]:
        assert verb == "stop"
        self._target.is_asked_to_stop = True
        until_ns = self._world.now_ns + int(timeout_s * 1e9)
        while not self.eof:
            if self._world.now_ns > until_ns:
                raise TargetProblem("the agent does not answer")
            self._world.sleep(500_000)
        return {}

    def close(self) -> None:
        self._target.listens_to = None


class SimulatedSealer:
    """`SealerProcess`, whose process is one of this world."""

    def __init__(self, simulation: Simulation, folder: OwnFolder) -> None:
        self._simulation = simulation
        world = simulation.world
        self._path, self._folder = folder.path, folder.again()  # the child's copy
        starter = world.process
        self._stdin = b""
        self._is_closed = False
        self._recorder = starter
        self.trouble: str | None = None
        self.status = -9
        self.process = world.start("sealer", self._work)
        self.process.descriptors[self._folder.fd] = starter.descriptors.pop(self._folder.fd)
        self.process.locked.add(self.process.descriptors[self._folder.fd])
        simulation.sealer = self

    def _work(self) -> None:
        self.status = sealer.main()

    def stdin(self) -> bytes | None:
        """What can be read: bytes, none at the end, None when nothing is there yet."""
        if self._is_closed or self._recorder.is_over:
            return b""
        data, self._stdin = self._stdin, b""
        return data or None

    def has_input(self) -> bool:
        return bool(self._stdin) or self._is_closed or self._recorder.is_over

    def arguments(self) -> list[str]:
        return ["sealer", str(self._path), str(self._folder.fd)]

    def tell(self, **message: Any) -> None:
        self._simulation.world.point()
        self.trouble = message.get("trouble", self.trouble)

    def wait(self, say: Callable[[str], None], sealed: Callable[[int], None]) -> str | None:
        self._stdin = b"end\n"
        status = self._until_over()
        return self.trouble or (f"Sealing failed with status {status}." if status else None)

    def abandon(self) -> int:
        self._is_closed = True
        return self._until_over()

    def _until_over(self) -> int:
        self._simulation.world.wait_until(lambda: self.process.is_over, 2_000_000)
        return self.status


class Control:
    """The recorder's socket: nobody calls."""

    def __init__(self, folder: OwnFolder) -> None:
        self._folder = folder

    def fileno(self) -> int:
        return -1

    def serve(self, status: Callable[[], dict[str, object]], configure: object = None) -> bool:
        return False

    @contextlib.contextmanager
    def served_beside(self, status: Callable[[], dict[str, object]]) -> Iterator[None]:
        yield

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._folder.remove(SOCKET)


class Watch:
    """What the system says of the target: the facts that a session needs, and when it has ended."""

    def __init__(self, simulation: Simulation, serial: int, fact: Callable[..., None]) -> None:
        self._simulation, self._serial, self._fact = simulation, serial, fact
        self.pid_fd = None
        self.ended = False

    def begin(self, *, tier: str, python: str, clock_kind: int, given: object = ()) -> None:
        self._fact("process", process_serial=self._serial, pid=NO_PID, name="program", command="program", python=python,
                   tier=tier, clock_kind=clock_kind, start_real_ns=capture_clock.realtime_ns())  # fmt: skip

    def look(self) -> None:
        self.ended = not self._simulation.target.is_alive
        if not self.ended:
            values = {"rss_bytes": 1e6}
            self._fact("metric", mono_ns=capture_clock.monotonic_ns(), process_serial=self._serial, values=values)

    def look_for_children(self) -> None:
        pass

    def wait_for_end(self, seconds: float) -> bool:
        world = self._simulation.world
        until_ns = world.now_ns + int(seconds * 1e9)
        while self._simulation.target.is_alive and world.now_ns < until_ns:
            world.sleep(1_000_000)
        self.ended = not self._simulation.target.is_alive
        return self.ended

    def end(self, reason: str) -> None:
        if not self._simulation.target.is_alive:
            self._fact("process_end", process_serial=self._serial, mono_ns=capture_clock.monotonic_ns(), reason=reason)


class SimulatedProcess(recorded_process.RecordedProcess):
    """The real one, but for how it gets in: the target is a process of this world."""

    def begin_in(self, simulation: Simulation) -> None:
        folder = self._shared.memory.prepare(self._serial)
        self._channel = Channel(simulation.world, simulation.target)  # type: ignore[assignment]
        simulation.target.begin(folder, simulation.world.process)
        simulation.world.wait_until(lambda: simulation.target.has_begun or not simulation.target.is_alive)
        if not simulation.target.has_begun:
            raise TargetProblem("the program ended while it was entered")
        self._begin(NO_PID)


class SimulatedRecording(recorder.Recording):
    """The real one, of a process of this world."""

    simulation: ClassVar[Simulation]

    @contextlib.contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        with super()._undone_on_failure():
            try:
                yield
            except ScopeError:
                self.simulation.is_given_up = True
                raise

    def begin_in(self, simulation: Simulation) -> None:
        with self._one_more() as process:
            assert isinstance(process, SimulatedProcess)
            process.begin_in(simulation)


class Simulation:
    """One world with one session in it."""

    def __init__(self, world: World, kernel: Kernel, plan: Plan) -> None:
        self.world = world
        self.kernel = kernel
        self.plan = plan
        self.session = world.folder / "a.scope"
        self.session_id = f"{world.random.getrandbits(64):016x}"
        self.target = Target(world, plan)
        self.sealer: SimulatedSealer | None = None
        self.recorder: Process | None = None
        self.outcome: recorder.Outcome | ScopeError | None = None
        self.has_begun = self.is_given_up = False  # given up: it could not begin, and what there was is taken away
        SimulatedRecording.simulation = self
        kernel.stdin = self._read_stdin
        (world.folder / "shm").mkdir(mode=0o700)

    def record(self) -> Process:
        """Starts the recorder."""
        self.recorder = self.world.start("recorder", self._record)
        return self.recorder

    def _record(self) -> None:
        plan = self.plan
        settings = CaptureSettings.checked(
            chunk_count=plan.blocks, when_full="block" if plan.waits_when_full else "drop"
        )  # fmt: skip
        try:
            recording = SimulatedRecording(
                self.session, settings, ["program"], duration_s=plan.duration_s, session_id=self.session_id
            )  # fmt: skip
            recording.begin_in(self)
            self.has_begun = True
            self.outcome = recording.record()
            self.world.say(f"ended: {self._shown(self.outcome.ended)}; {self._shown(self.outcome.trouble)}")
        except ScopeError as problem:
            self.outcome = problem
            self.world.say(f"refused: {self._shown(problem)}")

    def recover(self, name: str) -> Recovered:
        """Starts a recovery."""
        recovered = Recovered(self, name)
        recovered.process = self.world.start(name, recovered.work)
        return recovered

    def _shown(self, what: object) -> str:
        return FRESH.sub(".new", str(what).replace(str(self.world.folder), ""))

    def _read_stdin(self) -> bytes:
        assert self.sealer is not None
        return self.sealer.stdin() or b""

    def _select(self, *args: Any) -> tuple[list[object], list[object], list[object]]:
        assert self.sealer is not None
        readable, timeout_s = args[0], args[3]
        until_ns = self.world.now_ns + int(timeout_s * 1e9)
        while not self.sealer.has_input() and self.world.now_ns < until_ns:
            self.world.sleep(min(20_000_000, max(1, until_ns - self.world.now_ns)))
        return (list(readable) if self.sealer.has_input() else []), [], []

    # -- what the code under test asks of the world

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Inside, the real code talks to this world."""
        world = self.world
        stdin = SimpleNamespace(fileno=lambda: STDIN)
        seen = SimpleNamespace(look=lambda now_ns, among: None, end=lambda: None)
        selecting = SimpleNamespace(DefaultSelector=lambda: Selector(world), EVENT_READ=selectors.EVENT_READ)
        thread = SimpleNamespace(Thread=self._thread, Event=threading.Event)
        replaced: list[tuple[object, str, object]] = [
            (ids, "SHARED_MEMORY", world.folder / "shm"),
            (capture_pool, "host_library", self._host),
            (capture_clock, "host_library", self._host),
            (recorder, "SealerProcess", lambda folder: SimulatedSealer(self, folder)),
            (recorder, "ControlServer", Control),
            (recorder, "RecordedProcess", SimulatedProcess),
            (recorded_process, "OsWatch", lambda pid, serial, fact, **others: Watch(self, serial, fact)),
            (recorded_process, "SleepWatch", lambda pid, serial, fact: seen),
            (recorded_process, "image_of", lambda pid: (b"image", "program")),
            (recorded_process, "threading", thread),
            (recorder, "ThreadPoolExecutor", lambda workers, name: Executor(world)),
            (recorder, "selectors", selecting),
            (own_folder, "held_by", self.kernel.held_by),
            (left_pools, "held_by", self.kernel.held_by),
            (recovery, "held_by", self.kernel.held_by),
            (recovery, "holders_of", self.kernel.holders_of),
            (sealer, "_die_with_recorder", self._die_with_recorder),
            (recovery, "control", SimpleNamespace(ask=self._ask_recorder)),
            (recovery, "processes_with", lambda name: SimpleNamespace(get=lambda inode, none: (NO_PID,))),
            (recovery, "_is_alive", lambda pid: self.target.is_alive),
            (sealer, "sys", _Sys(self, stdin)),
            (sealer, "select", SimpleNamespace(select=self._select)),
            (sealer, "_tell", lambda **message: self.sealer.tell(**message) if self.sealer else None),
        ]  # fmt: skip
        with contextlib.ExitStack() as stack:
            for owner, name, instead in replaced:
                stack.enter_context(mock.patch.object(owner, name, instead))
            stack.enter_context(self.kernel.installed())
            yield

    def _die_with_recorder(self, number: int) -> None:
        self.world.point()
        self.world.process.dies_with = self.recorder if number else None

    def _ask_recorder(self, path: Path, verb: str) -> dict[str, object]:
        self.world.point()
        if self.recorder is not None and not self.recorder.is_over and self.has_begun:
            return {}
        raise SessionProblem(f"no recorder is at work on {path}")

    def _thread(self, target: Callable[[], None], daemon: bool) -> Thread:
        return Thread(self.world, target)

    def _host(self) -> Host:
        return Host(self.world)


class Recovered:
    """One run of `scope-gui recover`, and how it went."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        self.process: Process | None = None
        self.problem: ScopeError | None = None
        self.is_through = False
        self.said: list[str] = []
        self._simulation = simulation

    def work(self) -> None:
        simulation = self._simulation
        try:
            recovery.recover(simulation.session, self._say)
            self.is_through = True
        except ScopeError as problem:
            self.problem = problem
            simulation.world.say(f"refused: {simulation._shown(problem)}")

    def _say(self, what: str) -> None:
        text = self._simulation._shown(what)
        self.said.append(text)
        self._simulation.world.say(f"says: {text}")


class _Sys:
    """`sys` of the sealer's process."""

    def __init__(self, simulation: Simulation, stdin: object) -> None:
        self._simulation = simulation
        self.stdin = stdin
        self.maxsize = (1 << 63) - 1

    @property
    def argv(self) -> list[str]:
        assert self._simulation.sealer is not None
        return self._simulation.sealer.arguments()
