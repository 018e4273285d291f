"""What the operating system says of a process: memory, CPU, threads, children. No code enters the process.

Source: psutil. RSS and not VMS: a virtual size says nothing about memory in use.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from capture.events import metrics
from capture.events.metrics import OS_STATES
from capture.foreign_files import read_start
from capture.named import named
from capture.names import command_line, command_words, kernel_name
from capture.target.python_build import PROGRAM_NAME
from capture.target.python_command import given_program

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_MOST_STATES = 32


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """What a look at a process has found. Units of `values`: those of the rows of METRICS."""

    pid: int
    values: dict[str, float]
    thread_ids: frozenset[int]
    children: tuple[ChildProcess, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A process as it is looked at: what METRICS takes its figures of. `children` None: they are not looked for."""

    process: psutil.Process
    thread_ids: frozenset[int]
    children: tuple[ChildProcess, ...] | None
    with_state: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is; empty where it had ended before it was asked."""

    parent_pid: int
    name: str
    command: str
    program: str = ""


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A direct child. Key: (pid, start time), because pids are reused."""

    pid: int
    create_time: float
    name: str
    command: str


@dataclass
class ProcessProbe:
    """Samples one process; keeps psutil's previous CPU times between looks.

    Raises (constructor): psutil.NoSuchProcess.
    """

    pid: int
    _process: psutil.Process = field(init=False)
    _known: dict[tuple[int, float], ChildProcess] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._process = psutil.Process(self.pid)
        self._process.cpu_percent()

    @property
    def create_time(self) -> float:
        return float(self._process.create_time())

    def identity(self, given: Sequence[str] = ()) -> Identity:
        """Who the process is, as far as it still tells; `given` are its words as they were typed, if known."""
        parent_pid = 0
        with contextlib.suppress(psutil.Error):
            parent_pid = self._process.ppid()
        name, words = _name_and_words(self.pid)
        words = list(given) or words
        return Identity(parent_pid, name, command_line(words), described(name, words))

    def sample(self, *, with_children: bool = True, with_state: bool = False) -> ProcessSample | None:
        """The process now, or None when it has ended (or its pid is somebody else's by now)."""
        try:
            if not self._process.is_running():
                return None
            with self._process.oneshot():
                if self._process.status() == psutil.STATUS_ZOMBIE:
                    return None
                children = self._children() if with_children else None
                look = Look(self._process, thread_ids(self.pid), children, with_state)
                found = [(metric.name, named(metric.source)(look)) for metric in metrics.METRICS if metric.source]
        except psutil.NoSuchProcess:
            return None
        except psutil.AccessDenied:
            return ProcessSample(self.pid, {}, frozenset(), ())
        values = {name: float(value) for name, value in found if value is not None}
        return ProcessSample(self.pid, values, look.thread_ids, children or ())

    def _children(self) -> tuple[ChildProcess, ...]:
        found = []
        for child in self._process.children():
            try:
                key = (child.pid, child.create_time())
                known = self._known.get(key)
                if known is None:
                    name, words = _name_and_words(child.pid)
                    known = ChildProcess(*key, name, command_line(words))
                    self._known[key] = known
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            found.append(known)
        return tuple(found)


def cpu_percent(look: Look) -> float:
    """CPU time since the look before, in percent of one core."""
    return float(look.process.cpu_percent())


def rss_bytes(look: Look) -> int | None:
    """Resident memory; None of a process that has given back all of it: it ends, and is not a zombie yet."""
    return int(look.process.memory_info().rss) or None


def thread_count(look: Look) -> int:
    """How many threads the process has."""
    return len(look.thread_ids)


def child_count(look: Look) -> int | None:
    """How many direct children the process has; None where they are not looked for."""
    return None if look.children is None else len(look.children)


def state_place(look: Look) -> int | None:
    """The place in OS_STATES of what the process does; None where that is not asked, or not known."""
    state = os_state(look.process.pid, look.thread_ids) if look.with_state else ""
    return OS_STATES.index(state) if state else None


def thread_ids(pid: int) -> frozenset[int]:
    """The ids of a process's threads; empty when it is gone.

    psutil opens three files for each of them, which for 5 000 threads took three quarters of a core.
    """
    try:
        return frozenset(map(int, os.listdir(f"/proc/{pid}/task")))  # noqa: PTH208  four times a second, 5 000 names
    except OSError:
        return frozenset()


def os_state(pid: int, threads: Collection[int]) -> str:
    """What a process does at this moment, as its threads do: runs when one does. One of OS_STATES; '' when not known.

    With more threads than a few nobody looks: to miss the one that runs would be to say that it waits.
    """
    if not 0 < len(threads) <= _MOST_STATES:
        return ""
    letters = set()
    for thread_id in threads:
        with contextlib.suppress(OSError):
            letters.add(Path(f"/proc/{pid}/task/{thread_id}/stat").read_bytes().rpartition(b")")[2][1:2])
    if b"R" in letters:
        return "running"
    if letters & {b"S", b"D", b"I"}:
        return "waiting"
    return "stopped" if letters & {b"T", b"t"} else ""


def cpu_seconds(pid: int, thread_id: int | None = None) -> float | None:
    """CPU time that a process, or one of its threads, has used so far; None when it is gone.

    Units: s; of a thread to the nanosecond where the kernel counts so (schedstat), else in steps of its clock (10 ms).
    """
    folder = Path(f"/proc/{pid}" if thread_id is None else f"/proc/{pid}/task/{thread_id}")
    if thread_id is not None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((folder / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    try:
        fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def cpu_clock(pid: int) -> float | None:
    """CPU time that a process has used so far; None when it is gone.

    Units: s, to the nanosecond, also while it runs; 0.6 us a look where /proc takes 20.
    Source: clock_getcpuclockid(3), which makes the clock's number like this on Linux.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def reaped_faults(pid: int) -> int:
    """Minor page faults of the children that a process has waited for: it grows with each of them. 0 when gone.

    Source: proc(5), /proc/PID/stat, cminflt. A fresh process cannot run without a fault.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[8])


def leaves_no_trace_of_children(pid: int) -> bool:
    """Whether the kernel takes a process's dead children away unasked, so that it is not charged for them.

    Source: wait(2), "ECHILD"; proc(5), /proc/PID/stat, sigignore.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return bool(int(fields[30]) >> (signal.SIGCHLD - 1) & 1)


def image_of(pid: int) -> tuple[bytes, str]:
    """What a process got when it began its program: equal for as long as it runs that one, another one after an exec.

    Source: proc(5), /proc/PID/auxv and exe: the kernel lays out a new stack, with fresh random bytes, for each exec.
    """
    folder = Path(f"/proc/{pid}")
    try:
        return (folder / "auxv").read_bytes(), str((folder / "exe").readlink())
    except OSError:
        return b"", ""


def program_of(pid: int) -> str:
    """What runs there, in a few words; 'process N' when it is gone."""
    name, words = _name_and_words(pid)
    return described(name, words) if name else f"process {pid}"


def described(name: str, words: list[str]) -> str:
    """A program as people speak of it: its name and the script or module that it was given, never its other words.

    >>> described("python3", ["/usr/bin/python3", "-u", "-m", "pip", "install"])
    'python3 -m pip'
    >>> described("python3", ["python3", "-W", "error", "app.py"])
    'python3 app.py'
    >>> described("sh", ["sh", "-c", "exit 3"])
    'sh -c …'
    """
    if PROGRAM_NAME.match(name):
        given = given_program(words) or []
    else:
        at = next((i for i, word in enumerate(words) if i and (word == "-c" or not word.startswith("-"))), len(words))
        given = words[at:]
    what = " ".join(["-c", "…"] if given[:1] == ["-c"] else given[: 2 if given[:1] == ["-m"] else 1])
    return "".join(c if c.isprintable() else " " for c in f"{name} {what}".strip()[:100])


def users_words(words: list[str]) -> list[str]:
    """A command line as the user wrote it: without the launcher that `scope-gui run` puts into it.

    >>> users_words(["python", "-u", "/opt/_scope_launch.py", "/tmp/c.json", "--", "app.py"])
    ['python', '-u', 'app.py']
    """
    at = next((i for i, word in enumerate(words) if word.endswith("/_scope_launch.py")), None)
    if at is None or "--" not in words[at:]:
        return words
    return words[:at] + words[words.index("--", at) + 1 :]


def thread_name(pid: int, thread_id: int) -> str:
    """The kernel's name of a thread, or '' when it is gone."""
    try:
        return kernel_name(Path(f"/proc/{pid}/task/{thread_id}/comm").read_bytes().removesuffix(b"\n"))
    except OSError:
        return ""


def _name_and_words(pid: int) -> tuple[str, list[str]]:
    """What a process is called and how its user has started it; empty where it has ended."""
    try:
        command = read_start(f"/proc/{pid}/cmdline")
        comm = Path(f"/proc/{pid}/comm").read_bytes().removesuffix(b"\n")
    except OSError:
        return "", []
    return kernel_name(comm, command), users_words(list(command_words(command)))
