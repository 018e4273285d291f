"""With whose rights something of a target may be run: its interpreter, which its owner may have put anything into.

Root that starts the interpreter of somebody's process as root runs that somebody's code as root: the program, its
libraries and its standard library are files of theirs. So it is started as they could have started it themselves, and
where that cannot be made so, not at all.
"""

import contextlib
import ctypes
import os
import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from capture.errors import TargetProblem
from capture.foreign_files import read_start

_NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
_MOST_STATUS_BYTES = 1 << 20
_MOST_LABEL_BYTES = 4096
_LIMIT = re.compile(rb"Max .*?  +(\S+) +(\S+)")  # of each kind a line, in the order of their numbers
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_JOIN_SESSION_KEYRING = 1


class Rights(NamedTuple):
    """What the kernel lets a process do. Of users and groups: real, effective, saved, file system.

    `is_filtered`: by seccomp; `gains_nothing`: no program that it starts gets more (PR_SET_NO_NEW_PRIVS); `label`: what
    SELinux or AppArmor calls it.
    """

    uids: tuple[int, ...]
    gids: tuple[int, ...]
    groups: frozenset[int]
    capabilities: int
    is_filtered: bool
    namespaces: tuple[str, ...]
    gains_nothing: bool = False
    label: bytes = b""


def rights_of(pid: int | str) -> Rights:
    """The rights of a process; of ours: 'self'. Raises: OSError when it is gone or hides them."""
    folder = Path("/proc", str(pid))
    spaces = [path for path in sorted((folder / "ns").iterdir()) if path.name in _NAMESPACES]
    lines = read_start(folder / "status", _MOST_STATUS_BYTES).split(b"\n")
    fields = {name: value.split() for name, _, value in (line.partition(b":") for line in lines)}
    if not {b"Uid", b"Gid", b"Groups", b"CapEff", b"CapPrm"} <= fields.keys():
        raise OSError(f"{folder}/status lacks the users")
    return Rights(
        uids=tuple(map(int, fields[b"Uid"])),
        gids=tuple(map(int, fields[b"Gid"])),
        groups=frozenset(map(int, fields[b"Groups"])),
        capabilities=int(fields[b"CapEff"][0], 16) | int(fields[b"CapPrm"][0], 16),
        is_filtered=fields.get(b"Seccomp", [b"0"]) != [b"0"],
        namespaces=tuple(str(path.readlink()) for path in spaces),
        gains_nothing=fields.get(b"NoNewPrivs", [b"0"]) != [b"0"],
        label=_label(folder),
    )


def refuse_if_changed(pid: int, rights: Rights) -> None:
    """Raises: TargetProblem when a process has other rights than these."""
    try:
        is_same = rights_of(pid) == rights
    except OSError:
        raise TargetProblem(f"Process {pid} ended while Scope was attaching to it.") from None
    if not is_same:
        raise TargetProblem(
            f"Process {pid} became another user's, or got other rights, while Scope was attaching to it, so it is left "
            "alone."
        )


def as_owner(target: Rights, ours: Rights) -> dict[str, Any] | None:
    """How `subprocess` starts something with no more rights than the target has; None where it cannot.

    A target of two users (a set-user-ID program), of another namespace or kept by a sandbox has rights that a child of
    ours cannot get.

    >>> root = Rights((0,) * 4, (0,) * 4, frozenset(), 0x1FF, False, ("a", "b", "c"))
    >>> user = root._replace(uids=(7,) * 4, gids=(8,) * 4, groups=frozenset({9}), capabilities=0)
    >>> as_owner(user, root), as_owner(root, root), as_owner(root._replace(capabilities=0), root)
    ({'user': 7, 'group': 8, 'extra_groups': [9]}, {}, None)
    >>> as_owner(user, user), as_owner(user, user._replace(capabilities=0x80000))
    ({}, None)
    """
    if len({*target.uids}) != 1 or len({*target.gids}) != 1 or target.namespaces != ours.namespaces:
        return None
    if target.label != ours.label or (target.is_filtered and not ours.is_filtered):
        return None
    if target.gains_nothing and not ours.gains_nothing:
        return None
    if ours.uids == target.uids:
        beyond = ours.capabilities & ~target.capabilities
        more_groups = {*ours.gids, *ours.groups} - {*target.gids, *target.groups}
        return None if beyond or more_groups else {}
    if set(ours.uids) != {0}:
        return None
    return {"user": target.uids[0], "group": target.gids[0], "extra_groups": sorted(target.groups)}


def run_program_of(
    pid: int, command: list[str], environment: dict[str, str], timeout_s: float, rights: Rights | None = None
) -> bool:
    """Runs the program that a process runs once more, with no more rights than its own; whether it ended with 0.

    It gets nothing of ours: no descriptor, terminal, folder, variable or key, and what it prints is not read. False
    where the rights cannot be its own, or are not `rights` any more: nothing has run then.
    """
    try:
        before, ours = rights_of(pid), rights_of("self")
        program = os.open(f"/proc/{pid}/exe", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A process can get other rights and another program meanwhile; so both are taken between two equal looks.
        started_as = as_owner(before, ours)
        if started_as is None or rights_of(pid) != before or (rights is not None and rights != before):
            return False
        if "user" in started_as:
            started_as["preexec_fn"] = _as_limited_as(pid)
        ended = subprocess.run(
            command,
            executable=f"/proc/self/fd/{program}",
            pass_fds=[program],
            env=environment,
            cwd="/",
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
            **started_as,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        os.close(program)
    return ended.returncode == 0


def _as_limited_as(pid: int) -> Callable[[], None]:
    """What a child does before it starts a program of a process's owner: it takes over that process's limits, and lets
    go of the keys of our session.
    """
    lines = read_start(f"/proc/{pid}/limits", _MOST_STATUS_BYTES).split(b"\n")[1:]
    limits = [tuple(map(_limit, found.groups())) for found in map(_LIMIT.match, lines) if found]
    number = _KEYCTL.get(os.uname().machine)
    libc = ctypes.CDLL(None)

    def take_over() -> None:
        for limit, (soft, hard) in enumerate(limits):
            with contextlib.suppress(ValueError):  # ours are lower, and a child of ours is left with them
                resource.setrlimit(limit, (soft, hard))
        if number is not None:
            libc.syscall(number, _JOIN_SESSION_KEYRING, None)

    return take_over


def _limit(told: bytes) -> int:
    return resource.RLIM_INFINITY if told == b"unlimited" else int(told)


def _label(folder: Path) -> bytes:
    """b"" without such a module, or where it does not tell."""
    try:
        return read_start(folder / "attr" / "current", _MOST_LABEL_BYTES).rstrip(b"\0\n")
    except OSError:
        return b""
