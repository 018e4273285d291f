"""With whose rights something of a target may be run: its interpreter, which its owner may have put anything into.

Root that starts the interpreter of somebody's process as root runs that somebody's code as root: the program, its
libraries and its standard library are files of theirs. So it is started as they could have started it themselves, and
where that cannot be made so, not at all.
"""

import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

_NAMESPACES = ("user", "mnt", "pid")
_MOST_STATUS_BYTES = 1 << 20


class Rights(NamedTuple):
    """What the kernel lets a process do. Of users and groups: real, effective, saved, file system."""

    uids: tuple[int, ...]
    gids: tuple[int, ...]
    groups: frozenset[int]
    capabilities: int
    is_filtered: bool
    namespaces: tuple[str, ...]


def rights_of(pid: int | str) -> Rights:
    """The rights of a process; of ours: 'self'. Raises: OSError when it is gone or hides them."""
    folder = Path("/proc", str(pid))
    with (folder / "status").open("rb") as file:
        lines = file.read(_MOST_STATUS_BYTES).split(b"\n")
    fields = {name: value.split() for name, _, value in (line.partition(b":") for line in lines)}
    if not {b"Uid", b"Gid", b"Groups", b"CapEff", b"CapPrm"} <= fields.keys():
        raise OSError(f"{folder}/status lacks the users")
    return Rights(
        uids=tuple(map(int, fields[b"Uid"])),
        gids=tuple(map(int, fields[b"Gid"])),
        groups=frozenset(map(int, fields[b"Groups"])),
        capabilities=int(fields[b"CapEff"][0], 16) | int(fields[b"CapPrm"][0], 16),
        is_filtered=fields.get(b"Seccomp", [b"0"]) != [b"0"],
        namespaces=tuple(str((folder / "ns" / kind).readlink()) for kind in _NAMESPACES),
    )


def as_owner(target: Rights, ours: Rights) -> dict[str, Any] | None:
    """How `subprocess` starts something with no more rights than the target has; None where it cannot.

    A target of two users (a set-user-ID program) or of another namespace has rights that a child of ours cannot get.

    >>> root = Rights((0,) * 4, (0,) * 4, frozenset(), 0x1FF, False, ("a", "b", "c"))
    >>> user = root._replace(uids=(7,) * 4, gids=(8,) * 4, groups=frozenset({9}), capabilities=0)
    >>> as_owner(user, root), as_owner(root, root), as_owner(root._replace(capabilities=0), root)
    ({'user': 7, 'group': 8, 'extra_groups': [9]}, {}, None)
    >>> as_owner(user, user), as_owner(user, user._replace(capabilities=0x80000))
    ({}, None)
    """
    if len({*target.uids}) != 1 or len({*target.gids}) != 1 or target.namespaces != ours.namespaces:
        return None
    if target.is_filtered and not ours.is_filtered:
        return None
    if ours.uids == target.uids:
        beyond = ours.capabilities & ~target.capabilities
        more_groups = {*ours.gids, *ours.groups} - {*target.gids, *target.groups}
        return None if beyond or more_groups else {}
    if set(ours.uids) != {0}:
        return None
    return {"user": target.uids[0], "group": target.gids[0], "extra_groups": sorted(target.groups)}


def run_program_of(pid: int, command: list[str], environment: dict[str, str], timeout_s: float) -> bool:
    """Runs the program that a process runs once more, with no more rights than its own; whether it ended with 0.

    It gets nothing of ours: no descriptor, terminal, folder or variable, and what it prints is not read. False where
    the rights cannot be its own: nothing has run then.
    """
    try:
        before, ours = rights_of(pid), rights_of("self")
        program = os.open(f"/proc/{pid}/exe", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A process can get other rights and another program meanwhile; so both are taken between two equal looks.
        started_as = as_owner(before, ours)
        if started_as is None or rights_of(pid) != before:
            return False
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
