"""Our side of an attach: who we are, what the kernel allows us, and whether a target can reach our files."""

import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from capture.flags import DEFAULT_CHUNKS
from capture.target.seccomp import FILTERED, UNKNOWN, Confinement, confinement
from capture.target.targets import Target

AGENT_DIR = Path(__file__).resolve().parents[1] / "agent"
DEFAULT_POOL_BYTES = DEFAULT_CHUNKS << 16
_CAP_SYS_PTRACE = 1 << 19


class Host(NamedTuple):
    """Our side: what decides together with the target's facts. `unreadable` = a file of the agent that the
    target's user cannot read; `hidden` = a folder of ours that the target sees otherwise."""

    uid: int
    can_ptrace: bool
    capabilities: int
    yama_scope: int
    machine: str
    own_pids: frozenset[int]
    descendants: frozenset[int]
    unreadable: str | None = None
    hidden: str | None = None
    tracer_name: str = ""
    confinement: Confinement = Confinement()
    pool_bytes: int = DEFAULT_POOL_BYTES


def host_facts(target: Target, pool_bytes: int = DEFAULT_POOL_BYTES) -> Host:
    capabilities = _own_capabilities()
    me = psutil.Process()
    shared = [AGENT_DIR, Path("/dev/shm")]
    return Host(
        uid=os.geteuid(),
        can_ptrace=bool(capabilities & _CAP_SYS_PTRACE),
        capabilities=capabilities,
        yama_scope=_yama_scope(),
        machine=os.uname().machine,
        own_pids=frozenset({me.pid, *(p.pid for p in me.parents() if "scope-gui" in p.name())}),
        descendants=frozenset(child.pid for child in me.children(recursive=True)),
        unreadable=_first_unreadable(_agent_files(), target),
        hidden=next((str(path) for path in shared if not _is_same_for(target.pid, path)), None),
        tracer_name=_name_of(target.tracer_pid),
        confinement=_confinement(target),
        pool_bytes=pool_bytes,
    )


def _confinement(target: Target) -> Confinement:
    """What seccomp does to a program that could be recorded; others are not stopped to be asked."""
    if target.python is None or target.state in "ZXTt" or target.tracer_pid:
        return Confinement()
    try:
        return confinement(target.pid)
    except OSError:
        return Confinement(FILTERED, UNKNOWN)


def _agent_files() -> list[Path]:
    return [AGENT_DIR, *sorted(AGENT_DIR.glob("_scope_*"))]


def _own_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _yama_scope() -> int:
    try:
        return int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return 0


def _is_same_for(pid: int, path: Path) -> bool:
    try:
        return path.samefile(f"/proc/{pid}/root{path}")
    except PermissionError:
        return True  # another rule explains that we may not look
    except OSError:
        return False


def _first_unreadable(paths: Iterable[Path], target: Target) -> str | None:
    """The first of `paths` that the target's user cannot open, by the permission bits on the way."""
    if target.uid in (0, os.geteuid()):
        return None
    for path in paths:
        for step in (*reversed(path.parents), path):
            status = step.stat()
            shift = 6 if status.st_uid == target.uid else 3 if status.st_gid == target.gid else 0
            needed = 0o5 if step == AGENT_DIR else 0o1 if step.is_dir() else 0o4
            if (status.st_mode >> shift) & needed != needed:
                return str(step)
    return None


def _name_of(pid: int) -> str:
    try:
        return psutil.Process(pid).name() if pid else ""
    except psutil.Error:
        return ""


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
