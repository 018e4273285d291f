"""Whether a program can carry a recorder: its Python, its libraries, what it was told, what the kernel rations it."""

from collections.abc import Callable
from typing import NamedTuple

from capture.attach.rules import OBSERVE, Judge, Rule, rule
from capture.target.host_facts import Host, user_name
from capture.target.pythons import NEWEST, OLDEST
from capture.target.room import Room
from capture.target.seccomp import UNKNOWN
from capture.target.targets import Target


def _readable(target: Target, host: Host) -> Rule:
    user = user_name(target.uid)
    problem = (
        f"The user {user} cannot read {host.unreadable}, which the process must load." if host.unreadable else None
    )
    remedy = f"Install Scope where {user} can read it, for example below /opt."
    return rule("agent", problem, "it can read Scope's agent", remedy)


def _machine(target: Target, host: Host) -> Rule:
    strange = target.machine not in (None, host.machine)
    problem = f"Process {target.pid} is a {target.machine} program on a {host.machine} Scope." if strange else None
    return rule("processor", problem, f"both are {host.machine}", f"Use a Scope for {target.machine}; {OBSERVE}")


def _libc(target: Target, host: Host) -> Rule:
    problem = None
    if target.is_static:
        problem = f"Process {target.pid} is a static program, which cannot load a recorder."
    elif target.is_musl:
        problem = f"Process {target.pid} uses the C library musl, for which Scope's recorder is not built."
    return rule("C library", problem, "its C library can load Scope's recorder", f"Use a glibc Python; {OBSERVE}")


def _version(target: Target, host: Host) -> Rule:
    problem, found = None, target.python
    if found and found.minor < OLDEST:
        problem = f"Process {target.pid} runs Python {found.version}; Scope records 3.10 and later."
    elif found and found.minor > NEWEST:
        problem = f"Process {target.pid} runs Python {found.version}, which this Scope does not know yet."
    fine = f"Scope records Python {found.version}" if found else ""
    return rule("Python version", problem, fine, f"Use another Python; {OBSERVE}")


def _gil(target: Target, host: Host) -> Rule:
    free = target.python is not None and target.python.free_threaded
    problem = f"Process {target.pid} runs a free-threaded Python, which Scope cannot record yet." if free else None
    return rule("GIL", problem, "it has a GIL", f"Use the build with the GIL; {OBSERVE}")


def _invited(target: Target, host: Host) -> Rule:
    by = target.remote_debug_disabled_by
    problem = f"Process {target.pid} was started with remote debugging disabled, by {by}." if by else None
    return rule("remote debugging", problem, "it does not forbid debuggers", f"Start it without that; {OBSERVE}")


def _entry(target: Target, host: Host) -> Rule:
    problem = None
    if target.ignores_segv:
        problem = f"Process {target.pid} ignores the signal SIGSEGV, which entering it would have to change."
    elif target.has_shadow_stack:
        problem = f"Process {target.pid} has a shadow stack, which does not let a call be made from outside."
    return rule("entry", problem, "a call can be made in it", f"Start it with `scope-gui run -- ...`; {OBSERVE}")


def _recorded(target: Target, host: Host) -> Rule:
    problem = f"Process {target.pid} is being recorded already (into {target.pool})." if target.pool else None
    return rule("not recorded", problem, "nobody records it", "Stop that recording first: `scope-gui stop`.")


class _Need(NamedTuple):
    """What a recording needs inside a process of what the kernel rations."""

    left: Callable[[Room], int | None]
    needed: Callable[[Room, Host], int]
    sentence: str
    remedy: str


_FILES, _THREADS = 16, 2
_MEMORY_BYTES = 32 << 20
"""The recorder's code, its tables of names, and what the C library sets aside for a new thread."""
_TOUCHED_BYTES = 16 << 20
"""What of that is really used: control groups count no address space. 9 MiB with a pool that is emptied in time."""
_DEFINITION_BYTES = 64 << 20
_RAISE = "Give it more: `sudo prlimit --pid {pid} --"

_NEEDS = (
    _Need(
        lambda room: room.files,
        lambda room, host: _FILES,
        "may open only {left} more files, and Scope needs some for itself",
        _RAISE + "nofile=4096:`.",
    ),
    _Need(
        lambda room: room.file_bytes,
        lambda room, host: host.pool_bytes + _DEFINITION_BYTES,
        "would be sent the signal SIGXFSZ for a file larger than {left} bytes, as Scope's is",
        _RAISE + "fsize=unlimited:`.",
    ),
    _Need(
        lambda room: room.address_bytes,
        lambda room, host: host.pool_bytes + room.stack_bytes + _MEMORY_BYTES,
        "has only {left} bytes of address space left (RLIMIT_AS), of which a recording needs {needed}",
        _RAISE + "as=unlimited:`, or record with less `--memory`.",
    ),
    _Need(
        lambda room: room.data_bytes,
        lambda room, host: room.stack_bytes + _MEMORY_BYTES,
        "has only {left} bytes for data left (RLIMIT_DATA), of which a recording needs {needed}",
        _RAISE + "data=unlimited:`.",
    ),
    _Need(
        lambda room: room.locked_bytes,
        lambda room, host: host.pool_bytes + room.stack_bytes + _MEMORY_BYTES,
        "keeps its memory locked and may lock only {left} bytes more, of which a recording could need {needed}",
        _RAISE + "memlock=unlimited:`.",
    ),
    _Need(
        lambda room: room.group_bytes,
        lambda room, host: host.pool_bytes + _TOUCHED_BYTES,
        "has only {left} bytes of memory left in its control group, of which a recording could need {needed}",
        "Raise the group's limit (`memory.max`, of a container `--memory`), or record with less `--memory`.",
    ),
    _Need(
        lambda room: room.threads,
        lambda room, host: _THREADS,
        "may start only {left} more threads, and Scope needs one",
        "Raise the limit (`ulimit -u`, or `pids.max` of its control group), or end other processes of that user.",
    ),
)


def _room(target: Target, host: Host) -> Rule:
    """Whether the kernel lets the process have what a recording takes."""
    for need in _NEEDS:
        left, needed = need.left(target.room), need.needed(target.room, host)
        if left is not None and left < needed:
            sentence = need.sentence.format(left=left, needed=needed)
            return rule("room", f"Process {target.pid} {sentence}.", "", need.remedy.format(pid=target.pid))
    return rule("room", None, "it may have the files, memory and thread that a recording needs")


def _seccomp(target: Target, host: Host) -> Rule:
    mode, refuses = host.confinement.mode, host.confinement.refuses
    problem, remedy = None, OBSERVE
    if refuses == UNKNOWN:
        problem = (
            f"Process {target.pid} has a seccomp filter, which only an administrator may read; a system call of "
            "Scope's that it forbids could end the process."
        )
        remedy = f"Let Scope read it: `sudo scope-gui attach {target.pid}`; {OBSERVE}"
    elif refuses:
        problem = f"The seccomp filter of process {target.pid} forbids the system call {refuses}, which Scope needs."
        remedy = f"Allow that call in the filter (systemd's SystemCallFilter=, docker's seccomp profile); {OBSERVE}"
    return rule("system calls", problem, "nothing forbids Scope's calls" if mode else "no filter is set", remedy)


def files(target: Target, host: Host) -> Rule:
    problem = (
        f"Process {target.pid} runs {target.lost_file}, which was deleted or replaced on the disk."
        if target.lost_file
        else None
    )
    return rule(
        "libraries",
        problem,
        "its libraries can be read",
        f"Restart the program, or attach as an administrator: `sudo scope-gui attach {target.pid}`.",
    )


RULES: tuple[Judge, ...] = (_seccomp, _room, files)
RULES_FOR_PYTHON: tuple[Judge, ...] = (_version, _gil, _machine, _libc, _invited, _entry, _recorded, _readable)


def python(target: Target, host: Host) -> Rule:
    """The rule for a process in which no Python was found that can be recorded."""
    problem = f"Process {target.pid} ({target.name}) is not a CPython program."
    if target.is_closed:
        problem = f"Process {target.pid} ({target.name}) holds a Python that keeps its functions to itself."
    return rule("Python", problem, "", OBSERVE)
