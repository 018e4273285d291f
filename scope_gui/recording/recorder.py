"""One recording: get in, drain until told to stop, hand everything to the sealer, clean up.

This loop does nothing but move bytes: it must keep up with the target while the sealer, a process of its own at a
lower priority, turns the journal into segments and may lag behind. Whoever dies, the journal and the pools hold
what was recorded, and `scope-gui recover` finishes the work.
"""

from __future__ import annotations

import contextlib
import enum
import selectors
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from capture import clock
from capture.attach.attach import attach
from capture.attach.channel import AgentChannel, reason_in
from capture.attach.launch import launch
from capture.drain import ids
from capture.drain.drain import Drain
from capture.drain.fuse import Fuse
from capture.drain.journal import BlockType, JournalWriter
from capture.drain.pool import Pool
from capture.drain.probe import described, image_of, program_of
from capture.errors import ScopeError, SessionProblem, TargetProblem
from capture.folder_names import JOURNAL
from capture.measured_cost import Overhead
from capture.names import command_line, json_bytes
from capture.own_folder import OwnFolder, remove_folder
from capture.redaction import hide_names
from capture.session.left_pools import remove_left_pools
from capture.settings import CaptureSettings
from scope_gui.recording.control import ControlServer
from scope_gui.recording.followed import PythonFinder
from scope_gui.recording.os_watch import OsWatch
from scope_gui.recording.sealing import SealerProcess
from scope_gui.recording.shared_memory import SharedMemory
from scope_gui.recording.signals import PassedOn
from scope_gui.recording.sleep_watch import SleepWatch
from scope_gui.recording.standing import Standing

SYNC_INTERVAL_NS = 1_000_000_000
PROBE_INTERVAL_NS = 250_000_000
FUSE_INTERVAL_NS = 1_000_000_000
SHORTEST_WAIT_S = 0.0005
LONGEST_WAIT_S = 0.008
BUSY_BYTES = 32 << 10
STOP_DEADLINE_S = 8.0
END_DEADLINE_S = 5.0
CHILDREN_INTERVAL_NS = 8_000_000
LOOK_SHARE = 6  # of the time that a look for children takes, until the next one; a first look may take 4 ms
FIND_INTERVAL_NS = 25_000_000
OBSERVED_NS = 1_000_000_000
FIRST_PROCESS = 1
MOST_ERRORS = 10


class Ended(enum.StrEnum):
    """Why a recording ended."""

    DURATION = "the time was up"
    ASKED = "stopped on request"
    TARGET = "the program ended"
    AGENT = "the agent in the program went away"
    FUSE = "stopped by a safety limit"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recording went."""

    session_path: Path
    ended: Ended
    duration_ns: int  # until the program ended or the recording of it did; saving is not in it
    trouble: str | None = None
    exit_status: int | None = None  # of the program that `run` has started, as subprocess gives it; None: it runs on
    overhead: Overhead | None = None


@dataclass
class Recording:
    """A recording in progress.

    Raises: TargetProblem when the session folder cannot be made (it exists, no permission, full disk).
    """

    session_path: Path
    settings: CaptureSettings
    command: Sequence[str]
    duration_s: float | None = None
    say: Callable[[str], None] = lambda message: None
    signals: PassedOn | None = None
    session_id: str = field(default_factory=ids.new_session_id)

    def __post_init__(self) -> None:
        hide_names(self.settings.redact)
        self._folder = _new_session_folder(self.session_path)
        try:
            self._journal = JournalWriter(self._folder.inside(JOURNAL))
        except BaseException:
            self._remove_folder()
            raise
        self._start_ns = clock.monotonic_ns()
        self._begun_ns = 0  # when the recording was on; getting in may have taken seconds
        self._channel: AgentChannel | None = None
        self._pool: Pool | None = None
        self._drain: Drain | None = None
        self._watch: OsWatch | None = None
        self._sleep_watch: SleepWatch | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._serial = FIRST_PROCESS
        self._program = command_line(self.command)
        self._finder: PythonFinder | None = None
        self._recorded: tuple[int, tuple[bytes, str]] = 0, (b"", "")  # whose calls are recorded, and its image
        self._observed_since_ns: int | None = None
        self._stop_asked = threading.Event()
        self._standing = Standing(self.session_id, self._start_ns)
        self._beside = ThreadPoolExecutor(1, "sync")
        self._sync: Future[None] | None = None
        self._memory = SharedMemory(self.session_id, self.session_path, self.settings.chunk_count)
        self._errors_told = 0
        with self._undone_on_failure():
            self._fact(
                "session",
                session_id=self.session_id,
                start_mono_ns=self._start_ns,
                start_real_ns=clock.realtime_ns(),
                **self.settings.facts(),
                command=self._program,
            )

    # -- getting in

    def attach(self, pid: int) -> None:
        """Gets into a running process. On failure the session folder is gone again."""
        with self._undone_on_failure():
            self._channel = attach(pid, self.settings, self._memory.prepare(FIRST_PROCESS), FIRST_PROCESS)
            self._begin(pid)

    def run(self, argv: list[str]) -> None:
        """Starts a program under the recorder; one that is no Python is observed from outside."""
        with self._undone_on_failure():
            folder = self._memory.prepare(FIRST_PROCESS)
            mask = self.signals.before if self.signals is not None else None
            self._child, self._channel, pid = launch(argv, self.settings, folder, FIRST_PROCESS, mask)
            self._begin(pid, argv if pid == self._child.pid else ())
            self._program = described(Path(argv[0]).name, argv)
            if self.settings.mode != "observe":
                self._finder = PythonFinder(self._child.pid)

    def end_program(self) -> None:
        """Ends the program that `run` has started, if it still runs."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(END_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def observe(self, pid: int) -> None:
        """Watches a process from outside only."""
        with self._undone_on_failure():
            self._begin(pid)

    def _begin(self, pid: int, given: Sequence[str] = ()) -> None:
        if self._channel is not None:
            self._pool = self._memory.open_pool()
            self._drain = Drain(self._pool, self._journal, FIRST_PROCESS)
        self._begun_ns = self._begun_ns or clock.monotonic_ns()
        self._standing.begin(pid, self._drain, self._channel)
        self._recorded = pid, self._channel.image if self._channel is not None else image_of(pid)
        self._observed_since_ns = None if self._channel else clock.monotonic_ns()
        self._watch = OsWatch(pid, FIRST_PROCESS, self._fact, observe_threads=self._channel is None)
        self._watch.begin(
            tier="observe" if self._channel is None else "python",
            python=self._channel.hello.get("python", "") if self._channel else "",
            clock_kind=self._pool.clock_kind if self._pool else clock.CLOCK_MONOTONIC,
            given=given,
        )
        self._sleep_watch = SleepWatch(pid, FIRST_PROCESS, self._fact)

    # -- the loop

    def ask_to_stop(self) -> None:
        """Ends the loop at its next turn; safe from any thread or signal handler."""
        self._stop_asked.set()

    def record(self) -> Outcome:
        """Records until the target ends, the time is up or somebody asks to stop; then seals and cleans up."""
        sealer = SealerProcess(self._folder)
        control = ControlServer(self._folder)
        over_ns = 0
        self._beside.submit(remove_left_pools)
        try:
            ended, trouble = self._loop(control)
            over_ns = clock.monotonic_ns()
            self._standing.saved(0)
            with control.served_beside(self._standing.status):
                trouble = self._finish(ended) or trouble
                unsealed = sealer.wait(self.say, self._standing.saved)
            if unsealed:
                trouble = f"{trouble or unsealed} Run: scope-gui recover {self.session_path}"
        except ScopeError as problem:
            ended, trouble = Ended.FUSE, f"{problem} Then run: scope-gui recover {self.session_path}"
            sealer.abandon()
            self._give_up()
        finally:
            control.close()
            self._beside.shutdown()
            self._journal.close()
            self._memory.let_go()
            self._folder.close()
        exit_status = self._status_of_program(ended)
        took_ns = (over_ns or clock.monotonic_ns()) - self._start_ns  # sealing may take longer than the recording did
        return Outcome(self.session_path, ended, took_ns, trouble, exit_status, self._standing.overhead)

    def _loop(self, control: ControlServer) -> tuple[Ended, str | None]:
        assert self._watch is not None
        assert self._sleep_watch is not None
        end_ns = self._begun_ns + int(self.duration_s * 1e9) if self.duration_s is not None else None
        fuse = Fuse(self.session_path, folder=self._folder)
        due = {"sync": 0, "probe": 0, "fuse": 0, "children": 0, "find": 0}
        wait_s = LONGEST_WAIT_S
        with selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            if self._watch.pid_fd is not None:
                selector.register(self._watch.pid_fd, selectors.EVENT_READ)
            while True:
                now_ns = clock.monotonic_ns()
                self._standing.glance(self._pool)
                moved = self._drain.drain_once() if self._drain else 0
                if now_ns >= due["probe"]:
                    due["probe"] = now_ns + PROBE_INTERVAL_NS
                    self._watch.look()
                    self._standing.look(self._pool)
                self._sleep_watch.look(now_ns)
                if now_ns >= due["children"]:
                    self._watch.look_for_children()
                    took_ns = clock.monotonic_ns() - now_ns
                    due["children"] = now_ns + max(CHILDREN_INTERVAL_NS, LOOK_SHARE * took_ns)
                if self._watch.ended:
                    return Ended.TARGET, None
                if self._channel is not None and self._agent_gone():
                    if self._watch.wait_for_end(0.2):
                        return Ended.TARGET, None
                    if self._child is None:
                        return Ended.AGENT, None
                    self._go_on_outside()
                if self._channel is None and self._finder is not None and now_ns >= due["find"]:
                    due["find"] = now_ns + FIND_INTERVAL_NS
                    self._find_python()
                self._pass_signals_on()
                if self._stop_asked.is_set():
                    return Ended.ASKED, None
                if end_ns is not None and now_ns >= end_ns:
                    return Ended.DURATION, None
                if now_ns >= due["fuse"]:
                    due["fuse"] = now_ns + FUSE_INTERVAL_NS
                    if trouble := fuse.blown(self._pool.table_bytes if self._pool else 0):
                        return Ended.FUSE, trouble
                if now_ns >= due["sync"]:
                    due["sync"] = now_ns + SYNC_INTERVAL_NS
                    self._sync_beside()
                wait_s = SHORTEST_WAIT_S if moved >= BUSY_BYTES else min(wait_s * 1.5, LONGEST_WAIT_S)
                if self._drain is None:
                    wait_s = 0.02
                for key, _ in selector.select(wait_s):
                    if key.fileobj is not control:
                        self._watch.ended = True
                    elif control.serve(self._standing.status):
                        self._stop_asked.set()

    def _pass_signals_on(self) -> None:
        """Hands the program what others have sent us, and says where Ctrl+C went when somebody presses it again."""
        if self.signals is None or self._child is None:
            return
        before = self.signals.interrupts
        for number in self.signals.heard():
            self._child.send_signal(number)
        if self.signals.interrupts > before and self.signals.interrupts > 1:
            self.say(
                "the program has got Ctrl+C and is recorded until it ends; "
                f"`scope-gui stop {self.session_path}` ends the recording alone"
            )

    def _status_of_program(self, ended: Ended) -> int | None:
        """How the program that we have started ended, as subprocess says it; None when it runs on or is not ours."""
        if self._child is None:
            return None
        if ended == Ended.TARGET:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._child.wait(END_DEADLINE_S)
        return self._child.poll()

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
        self._memory.remove_pool()
        self._observed_since_ns = None  # said already
        self.say("the agent in the program is gone; from here on the program is watched from outside")

    def _find_python(self) -> None:
        """Records the first Python in a program that is none itself, from now on."""
        assert self._finder is not None
        assert self._watch is not None
        pid = self._finder.find()
        if pid is None:
            if self._observed_since_ns is not None and clock.monotonic_ns() - self._observed_since_ns > OBSERVED_NS:
                self._say_observed()
            return
        serial = self._watch.serial_for(pid)
        self._memory.remove_pool()  # made for a launch that no agent has called from
        try:
            self._channel = attach(pid, self.settings, self._memory.prepare(serial), serial)
            self._pool = self._memory.open_pool()
            self._watch.record(pid, serial, self._channel.hello.get("python", ""))
        except (ScopeError, psutil.NoSuchProcess):
            if self._channel is not None:
                self._channel.close()
                self._channel = None
            self._close_pool(remove=True)
            return
        finally:
            self._finder.forget(pid)
        self._serial = serial
        self._drain = Drain(self._pool, self._journal, serial)
        self._standing.begin(pid, self._drain, self._channel)
        self._recorded = pid, self._channel.image
        self._observed_since_ns = None
        if self._sleep_watch is not None:
            self._sleep_watch.end()
        self._sleep_watch = SleepWatch(pid, serial, self._fact)
        self._unseen("late", f"{program_of(pid)} (pid {pid})", serial)
        self.say(f"found a Python in the program, process {pid}; its calls are recorded from here on")

    def _say_observed(self) -> None:
        self._observed_since_ns = None
        self._unseen("observed", self._program)

    def _unseen(self, code: str, detail: str = "", serial: int = FIRST_PROCESS) -> None:
        self._fact("unseen", process_serial=serial, code=code, detail=detail)

    def _sync_beside(self) -> None:
        """Starts the next sync in a thread: a disk that takes a second for it must not stop the drain.

        Raises: ScopeError that the sync before has met.
        """
        if self._sync is not None and not self._sync.done():
            return
        if self._sync is not None:
            self._sync.result()
        self._sync = self._beside.submit(self._journal.sync)

    def _agent_gone(self) -> bool:
        assert self._channel is not None
        for event in self._channel.receive():
            if event.get("event") == "error":
                self._errors_told += 1
                if self._errors_told <= MOST_ERRORS:  # each is a line on the user's terminal
                    self.say(f"the agent reports: {reason_in(event)}")
            elif event.get("event") == "agent_thread" and isinstance(thread_id := event.get("agent_thread"), int):
                self._standing.agent_goes_on_as(thread_id)
        return self._channel.eof

    # -- the end

    def _finish(self, ended: Ended) -> str | None:
        """Takes the hooks out, journals the rest and closes the books. Returns what went wrong, if anything."""
        trouble = self._stop_agent(ended)
        if self._observed_since_ns is not None and self._finder is not None:
            self._say_observed()
        self._close_target()
        end_ns = clock.monotonic_ns()  # the last look at the threads comes after it: who waits then is known
        if self._sleep_watch is not None:
            self._sleep_watch.end()
        if self._watch is not None:
            self._watch.end(str(ended))
            end_ns = clock.monotonic_ns() if self._watch.ended else end_ns
        self._fact("end", mono_ns=end_ns, reason=str(ended))
        self._journal.append(BlockType.END, FIRST_PROCESS, b"")
        self._journal.sync()
        self._memory.remove_pool()  # as long as it is there, a block that a kill tore is no loss
        return trouble

    def _close_target(self) -> None:
        """Journals the rest of a pool and its counters."""
        if self._drain is not None and self._pool is not None:
            self._drain.drain_rest()
            self._standing.look(self._pool)
            if (overhead := self._standing.overhead) is not None:
                self._fact("overhead", process_serial=self._serial, overhead=msgspec.structs.asdict(overhead))
            self._drain.journal_counters()
        self._drain = None
        self._close_pool(remove=False)

    def _stop_agent(self, ended: Ended) -> str | None:
        if self._channel is None or self._pool is None or self._drain is None:
            return None
        self._pool.drop_when_full()
        trouble = None
        if ended in {Ended.ASKED, Ended.DURATION, Ended.FUSE}:
            asked = threading.Thread(target=self._ask_agent_to_stop, daemon=True)
            asked.start()
            while asked.is_alive():  # the agent's last snapshots need room in the pool
                self._drain.drain_once()
                asked.join(SHORTEST_WAIT_S)
            if not self._pool.stopped and not self._channel.eof:
                trouble = (
                    "The program did not confirm within 8 s that the recorder's hooks are out; it may be blocked "
                    "in native code and detaches as soon as it runs Python again."
                )
        self._channel.close()
        return trouble

    def _ask_agent_to_stop(self) -> None:
        assert self._channel is not None
        with contextlib.suppress(TargetProblem):
            self._channel.request("stop", timeout_s=STOP_DEADLINE_S)

    def _give_up(self) -> None:
        """After a failure of our own side (a full disk): the target must go on unharmed; its pool is kept."""
        if self._pool is not None:
            self._pool.drop_when_full()
        if self._channel is not None:
            self._ask_agent_to_stop()
            self._channel.close()
        self._close_pool(remove=self._folder.is_gone)  # there is nothing left that could be recovered

    def _close_pool(self, *, remove: bool) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if remove:
            self._memory.remove_pool()

    @contextlib.contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self._channel is not None:
                self._channel.close()
            self._journal.close()
            self._close_pool(remove=True)
            self._memory.let_go()
            self._remove_folder()
            raise

    def _remove_folder(self) -> None:
        """Nothing was recorded: the same name can be used again at once."""
        with contextlib.suppress(OSError, SessionProblem):  # what cannot be deleted is not why there is no recording
            self._folder.clear()
        self._folder.close()
        remove_folder(self.session_path)

    def _fact(self, fact: str, /, **fields: object) -> None:
        self._journal.append(BlockType.FACTS, FIRST_PROCESS, json_bytes({"fact": fact, **fields}))


def _new_session_folder(path: Path) -> OwnFolder:
    """The folder of a new session. Its lock says that recorder or sealer are alive, whether they answer or not.

    Raises: TargetProblem.
    """
    if path.suffix != ".scope":
        raise TargetProblem(f"{path} should end in .scope.")
    folder = OwnFolder.open(path, new=True)
    folder.lock()
    return folder
