"""One recording: get in, drain until told to stop, hand everything to the sealer, clean up.

This loop does nothing but move bytes: it must keep up with the targets while the sealer, a process of its own at a
lower priority, turns the journal into segments and may lag behind. Whoever dies, the journal and the pools hold
what was recorded, and `scope-gui recover` finishes the work. What is done for each process is in `recorded_process`.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from capture import clock
from capture.drain import ids
from capture.drain.fuse import MIB, Fuse, session_bytes
from capture.drain.journal import ROLL_BYTES, BlockType, JournalWriter
from capture.errors import ScopeError, SessionProblem, TargetProblem
from capture.flight_words import SIGNAL
from capture.folder_names import JOURNAL
from capture.measured_cost import Overhead
from capture.names import command_line
from capture.own_folder import OwnFolder, remove_folder
from capture.redaction import hide_names
from capture.session.left_pools import remove_left_pools
from capture.settings import CaptureSettings
from scope_gui.recording.change import Changes
from scope_gui.recording.control import ControlServer, Reply
from scope_gui.recording.recorded_process import FIRST_PROCESS, Ended, RecordedProcess, Shared
from scope_gui.recording.sealer_process import SealerProcess
from scope_gui.recording.shared_memory import SharedMemory
from scope_gui.recording.signals import PassedOn
from scope_gui.recording.standing import Standing

SYNC_INTERVAL_NS = 1_000_000_000
FUSE_INTERVAL_NS = 1_000_000_000
SIZE_INTERVAL_NS = 250_000_000
MOST_WAITING_BYTES = 256 << 20
"""Of the journal of a flight recorder: while more waits to be sealed, what the program does fills its pool, and then is
dropped and counted, or waits (--when-full)."""
MOST_REASON = 200
BY_SIGNAL = "the recorder got SIGUSR2"
LEAST_ROLL_BYTES = 1 << 20
FILES_OF_JOURNAL = 16
SHORTEST_WAIT_S = 0.0005
LONGEST_WAIT_S = 0.008
WATCHING_WAIT_S = 0.02
BUSY_BYTES = 32 << 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a recording went."""

    session_path: Path
    ended: Ended
    duration_ns: int  # until the program ended or the recording of it did; saving is not in it
    trouble: str | None = None
    exit_status: int | None = None  # of the program that `run` has started, as subprocess gives it; None: it runs on
    overhead: Overhead | None = None
    saved: tuple[Path, ...] | None = None  # by a flight recorder, which leaves nothing in `session_path`


@dataclass
class Recording:
    """A recording in progress, of one process or of several.

    Raises: TargetProblem when the session folder cannot be made (it exists, no permission, full disk).
    """

    session_path: Path
    settings: CaptureSettings
    command: Sequence[str]
    duration_s: float | None = None
    say: Callable[[str], None] = lambda message: None
    signals: PassedOn | None = None
    session_id: str = field(default_factory=ids.new_session_id)
    most_processes: int = 1  # room is sought for the memory of so many

    def __post_init__(self) -> None:
        hide_names(self.settings.redact)
        self._folder = _new_session_folder(self.session_path)
        try:
            self._journal = JournalWriter(self._folder.inside(JOURNAL), _roll_bytes(self.settings.max_size))
        except BaseException:
            self._remove_folder()
            raise
        self._start_ns = clock.monotonic_ns()
        self._begun_ns = 0  # when the recording was on; getting in may have taken seconds
        self._stop_asked = threading.Event()
        self._pulled: deque[str] = deque()  # why a flight recorder is to save
        self._is_behind = False
        self._standing = Standing(self.session_id, self._start_ns)
        self._beside = ThreadPoolExecutor(1, "sync")
        self._sync: Future[None] | None = None
        memory = SharedMemory(self.session_id, self.session_path, self.settings.chunk_count, self.most_processes)
        self._memory = memory
        self._shared = Shared(self.settings, self._journal, memory, self._standing, self.say)
        self._processes: list[RecordedProcess] = []
        self._changes = Changes(self._processes)
        with self._undone_on_failure():
            self._shared.fact(
                "session",
                session_id=self.session_id,
                start_mono_ns=self._start_ns,
                start_real_ns=clock.realtime_ns(),
                **self.settings.facts(),
                command=command_line(self.command),
            )

    # -- getting in

    def attach(self, *pids: int) -> None:
        """Gets into running processes, all or none. On failure the session folder is gone again."""
        for pid in pids:
            with self._one_more() as process:
                process.attach(pid)

    def run(self, argv: list[str]) -> None:
        """Starts a program under the recorder; one that is no Python is observed from outside."""
        with self._one_more() as process:
            process.run(argv, self.signals.before if self.signals is not None else None)

    def observe(self, *pids: int) -> None:
        """Watches processes from outside only."""
        for pid in pids:
            with self._one_more() as process:
                process.observe(pid)

    def end_program(self) -> None:
        """Ends the program that `run` has started, if it still runs."""
        for process in self._processes:
            process.end_program()

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[RecordedProcess]:
        with self._undone_on_failure():
            process = RecordedProcess(self._shared)
            self._processes.append(process)
            yield process
            self._begun_ns = self._begun_ns or clock.monotonic_ns()

    # -- the loop

    def ask_to_stop(self) -> None:
        """Ends the loop at its next turn; safe from any thread or signal handler."""
        self._stop_asked.set()

    def ask_to_save(self, reason: str) -> None:
        """Has a flight recorder save what it has; safe from any thread or signal handler."""
        self._pulled.append(reason)

    def hear_signal(self) -> bool:
        """SIGUSR2 has come: a flight recorder saves if it is to do that then; whether it was."""
        held = [process.settings for process in self._processes] or [self.settings]
        if not (self.settings.flight and any(SIGNAL in settings.trigger for settings in held)):
            return False
        self.ask_to_save(BY_SIGNAL)
        return True

    def record(self) -> Outcome:
        """Records until the targets end, the time is up or somebody asks to stop; then seals and cleans up."""
        sealer = SealerProcess(self._folder)
        control = ControlServer(self._folder)
        over_ns = 0
        self._beside.submit(remove_left_pools)
        try:
            ended, trouble = self._loop(control, sealer)
            over_ns = clock.monotonic_ns()
            self._standing.saved(0)
            self._changes.give_up()
            with control.served_beside(self._standing.status):
                trouble = self._finish(ended) or trouble
                unsealed = sealer.wait(self.say, self._standing.saved)
            if unsealed:
                trouble = f"{trouble or unsealed} Run: scope-gui recover {self.session_path}"
        except ScopeError as problem:
            ended, trouble = Ended.FUSE, f"{problem} Then run: scope-gui recover {self.session_path}"
            sealer.abandon()
            for process in self._processes:
                process.give_up(remove=self._folder.is_gone)  # there is nothing left that could be recovered
        finally:
            self._changes.give_up()
            control.close()
            self._beside.shutdown()
            self._journal.close()
            self._memory.let_go()
            self._folder.close()
        statuses = [process.status_of_program(ended) for process in self._processes]
        took_ns = (over_ns or clock.monotonic_ns()) - self._start_ns  # sealing may take longer than the recording did
        saved = tuple(sealer.saved) if self.settings.flight else None
        return Outcome(self.session_path, ended, took_ns, trouble, statuses[0], self._standing.overhead, saved)

    def _loop(self, control: ControlServer, sealer: SealerProcess) -> tuple[Ended, str | None]:
        end_ns = self._begun_ns + int(self.duration_s * 1e9) if self.duration_s is not None else None
        fuse = Fuse(self.session_path, folder=self._folder)
        due = {"sync": 0, "fuse": 0, "size": 0}
        wait_s = LONGEST_WAIT_S
        with selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            if self.settings.flight:
                selector.register(sealer, selectors.EVENT_READ)
            for process in self._processes:
                if process.pid_fd is not None:
                    selector.register(process.pid_fd, selectors.EVENT_READ, process)
            while True:
                now_ns = clock.monotonic_ns()
                drains = not self._is_behind
                moved = sum([one.turn(now_ns, among=len(self._processes), drains=drains) for one in self._live])
                if (ended := self._all_over(selector)) is not None:
                    return ended, None
                self._pass_signals_on()
                self._changes.turn(now_ns)
                self._tell_triggers()
                if self._stop_asked.is_set():
                    return Ended.ASKED, None
                if end_ns is not None and now_ns >= end_ns:
                    return Ended.DURATION, None
                if now_ns >= due["fuse"]:
                    due["fuse"] = now_ns + FUSE_INTERVAL_NS
                    if trouble := fuse.blown(sum(process.table_bytes for process in self._live)):
                        return Ended.FUSE, trouble
                if now_ns >= due["size"]:
                    due["size"] = now_ns + SIZE_INTERVAL_NS
                    if self._is_full():
                        return Ended.SIZE, None
                if now_ns >= due["sync"]:
                    due["sync"] = now_ns + SYNC_INTERVAL_NS
                    self._sync_beside()
                wait_s = SHORTEST_WAIT_S if moved >= BUSY_BYTES else min(wait_s * 1.5, LONGEST_WAIT_S)
                if not any(process.is_drained for process in self._live):
                    wait_s = WATCHING_WAIT_S
                for key, _ in selector.select(wait_s):
                    if key.fileobj is sealer:
                        if not sealer.hear(self.say):
                            selector.unregister(sealer)
                    elif key.fileobj is not control:
                        key.data.has_ended()
                    elif control.serve(self._standing.status, self._changes.begin, self._trigger_asked):
                        self._stop_asked.set()

    def _is_full(self) -> bool:
        """Whether the session has come to its --max-size. A flight recorder forgets instead; its journal is bounded."""
        most = self.settings.max_size
        if self.settings.flight:
            bound = min(MOST_WAITING_BYTES, most // 2) if most else MOST_WAITING_BYTES
            self._is_behind = session_bytes(self._folder.here, (JOURNAL,)) > bound
            return False
        if not most or session_bytes(self._folder.here) < most:
            return False
        self.say(f"{self.session_path} has come to {most // MIB} MiB, its --max-size, so recording stops")
        return True

    @property
    def _live(self) -> list[RecordedProcess]:
        return [process for process in self._processes if not process.is_closed]

    def _all_over(self, selector: selectors.BaseSelector) -> Ended | None:
        """Closes the books of processes that are over while others go on; with the last one, why that was over."""
        live = self._live
        for process in live:
            if process.over is None:
                continue
            if len(self._live) == 1:  # all are over: the end of the recording closes the books of this one
                return process.over
            if process.pid_fd is not None:
                selector.unregister(process.pid_fd)
            process.close(process.over)
            process.remove_pool()
        return None

    def _trigger_asked(self, words: dict[str, object], reply: Reply) -> None:
        if not self.settings.flight:
            reply.give(problem=f"{self.session_path} keeps everything; only a recording with --flight is triggered.")
            return
        self.ask_to_save(str(words.get("reason", ""))[:MOST_REASON] or "asked for")
        reply.give(triggered=True)

    def _tell_triggers(self) -> None:
        while self._pulled:
            self._shared.fact("trigger", mono_ns=clock.monotonic_ns(), reason=self._pulled.popleft())

    def _pass_signals_on(self) -> None:
        """Hands the program what others have sent us, and says where Ctrl+C went when somebody presses it again."""
        if self.signals is None:
            return
        before = self.signals.interrupts
        for number in self.signals.heard():
            if number == signal.SIGUSR2 and self.hear_signal():
                continue
            for process in self._processes:
                process.send_signal(number)
        if self.signals.interrupts > before and self.signals.interrupts > 1:
            self.say(
                "the program has got Ctrl+C and is recorded until it ends; "
                f"`scope-gui stop {self.session_path}` ends the recording alone"
            )

    def _sync_beside(self) -> None:
        """Starts the next sync in a thread: a disk that takes a second for it must not stop the drain.

        Raises: ScopeError that the sync before has met.
        """
        if self._sync is not None and not self._sync.done():
            return
        if self._sync is not None:
            self._sync.result()
        self._sync = self._beside.submit(self._journal.sync)

    # -- the end

    def _finish(self, ended: Ended) -> str | None:
        """Takes the hooks out, journals the rest and closes the books. Returns what went wrong, if anything."""
        live = self._live
        for process in live:
            process.ask_agent_to_stop(ended)
        while sum(process.is_stopping(SHORTEST_WAIT_S) for process in live):  # each of them drains
            pass
        ends_ns = [process.close(ended) for process in live]
        self._shared.fact("end", mono_ns=max(ends_ns, default=clock.monotonic_ns()), reason=str(ended))
        self._journal.append(BlockType.END, FIRST_PROCESS, b"")
        self._journal.sync()
        for process in live:
            process.remove_pool()  # as long as it is there, a block that a kill tore is no loss
        return " ".join(process.trouble for process in live if process.trouble) or None

    @contextlib.contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            for process in self._processes:
                process.undo()
            self._journal.close()
            self._memory.let_go()
            self._remove_folder()
            raise

    def _remove_folder(self) -> None:
        """Nothing was recorded: the same name can be used again at once."""
        with contextlib.suppress(OSError, SessionProblem):  # what cannot be deleted is not why there is no recording
            self._folder.clear()
        self._folder.close()
        remove_folder(self.session_path)


def _roll_bytes(most: int) -> int:
    """When a file of the journal is full: what is sealed goes with its file, and the last file always stays.

    >>> _roll_bytes(0) == ROLL_BYTES, _roll_bytes(64 << 20), _roll_bytes(1 << 20)
    (True, 4194304, 1048576)
    """
    return min(ROLL_BYTES, max(LEAST_ROLL_BYTES, most // FILES_OF_JOURNAL)) if most else ROLL_BYTES


def _new_session_folder(path: Path) -> OwnFolder:
    """The folder of a new session. Its lock says that recorder or sealer are alive, whether they answer or not.

    Raises: TargetProblem.
    """
    if path.suffix != ".scope":
        raise TargetProblem(f"{path} should end in .scope.")
    folder = OwnFolder.open(path, new=True)
    folder.lock()
    return folder
