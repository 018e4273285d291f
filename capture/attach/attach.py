"""Getting into a process that runs: one function, which returns when its events are being recorded.

On Python 3.14 and later the interpreter itself is asked to run our bootstrap (PEP 768); it does so when its main thread
next runs Python. If that thread sits in a system call, and for older versions, a thread of it is entered with ptrace
(capture/attach/inject.py). Whichever comes first claims the orders; the other finds nothing to do.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from capture.attach.bootstrap import CLAIMED, SCRIPT, Bootstrap, recorder_library
from capture.attach.channel import AgentChannel
from capture.attach.doctor import judge
from capture.attach.inject import has_ended, inject
from capture.attach.rights import Rights, refuse_if_changed, rights_of, run_program_of
from capture.attach.target_code import loadable_path
from capture.drain.pool import BLOCK_BYTES
from capture.errors import TargetProblem
from capture.foreign_files import read_start
from capture.settings import CaptureSettings
from capture.target.host_facts import AGENT_DIR
from capture.target.python_build import PROGRAM_NAME
from capture.target.targets import Target, describe

REMOTE_PATIENCE_S = 0.15
"""How long the main thread of a 3.14 may take to come round to our script before a thread is entered instead."""
AGENT_PATIENCE_S = 8.0
"""How long another thread may keep the interpreter lock before we give up: a long call into C, typically."""
_ASK_S = 10.0
_ASK = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"
_NOTHING = AGENT_DIR / "_scope_nothing.py"
_BOOTSTRAP = """
def start(orders, claimed, library):
    names = __build_class__.__self__.__loader__.create_module.__globals__
    if not names["_thread"]._is_main_interpreter():
        return
    imp = names["_imp"]
    recorder = imp.create_dynamic(type("spec", (), {{"name": "_scope_recorder", "origin": library}}))
    imp.exec_dynamic(recorder)
    recorder.start(orders, claimed, False)
start({config!r}, {claimed!r}, {library!r})
"""
"""Only loads the library: `import`, `open` and `os` may be the program's own by now, and would be called by us. Its
built-in `__build_class__` leads to the import system's own names. The newest interpreter of several is asked, and only
the main one is recorded: any other has nothing to do, and a thread is entered instead."""


def attach(pid: int, settings: CaptureSettings, pool_dir: Path, process_serial: int) -> AgentChannel:
    """The line to an agent inside `pid` that has begun to record into `pool_dir`.

    Raises: TargetProblem with the reason; the process then runs on as before.
    """
    target = describe(pid)
    try:
        blocking = judge(target, settings.chunk_count * BLOCK_BYTES).blocking
        if blocking is not None:
            raise TargetProblem(blocking.message, blocking.remedy)
        return _get_in(target, settings, pool_dir, process_serial)
    except TargetProblem:
        if has_ended(pid):  # then whatever was found wanting is only a consequence
            raise _ended(pid) from None
        raise


def _get_in(target: Target, settings: CaptureSettings, pool_dir: Path, process_serial: int) -> AgentChannel:
    pid = target.pid
    with _held(target) as pidfd, Bootstrap(target.uid, target.gid, pid) as bootstrap:
        rights = _rights(target)
        recorder = recorder_library()
        orders = bootstrap.write_config(settings, pool_dir, process_serial)
        script = _write_script(target, bootstrap, orders, loadable_path(pid, recorder))
        bootstrap.hand_over()

        def has_called(patience_s: float) -> bool:
            return bootstrap.channel.accept(patience_s, uid=target.uid, pid=pid, pidfd=pidfd)

        with contextlib.ExitStack() as leftovers:
            called = script is not None and _remote_exec(target, script, rights) and has_called(REMOTE_PATIENCE_S)
            if script is not None and not called:
                # The target holds one request at a time; a script that does nothing takes the place of ours, whose
                # file is about to go.
                leftovers.callback(_remote_exec, target, _NOTHING, rights)
            if not called and (withdrawn := bootstrap.withdraw(orders)):
                inject(pid, recorder, str(withdrawn), rights=rights)
            if not called and not has_called(AGENT_PATIENCE_S):
                raise TargetProblem(
                    f"Process {pid} did not let Scope's agent run within {AGENT_PATIENCE_S:g} s: "
                    "a long call into C holds the interpreter lock, or an audit hook of the program forbids it.",
                    "Attach again when that call is over.",
                )
            bootstrap.channel.wait_until_recording(timeout_s=AGENT_PATIENCE_S, pidfd=pidfd)
        return bootstrap.channel


def _write_script(target: Target, bootstrap: Bootstrap, orders: Path, library: str) -> Path | None:
    """The script for an interpreter that can be asked to run one; None if it cannot be asked."""
    asks_itself = PROGRAM_NAME.match(Path(target.executable or "").name)
    if target.python is None or target.python.minor < (3, 14) or not asks_itself:
        return None
    claimed = str(bootstrap.folder / CLAIMED)
    source = _BOOTSTRAP.format(config=str(orders), claimed=claimed, library=library)
    return bootstrap.write(SCRIPT, source.encode())


def _rights(target: Target) -> Rights:
    """Its rights, which must be those that it was judged by: what is given to its user must reach nobody else.

    A process can become another user's while we are at it: it starts a set-user-ID program, in place of itself.

    Raises: TargetProblem.
    """
    try:
        rights = rights_of(target.pid)
    except OSError:
        raise _ended(target.pid) from None
    refuse_if_changed(target.pid, rights._replace(uids=target.uids))
    return rights


def _remote_exec(target: Target, script: Path, rights: Rights) -> bool:
    """Have the target's own interpreter, started anew as its owner, ask it to run `script`; False if that cannot be.

    Started as root it would be whatever the owner has made of it (capture/attach/rights.py).
    """
    command = [target.executable or "python", "-I", "-S", "-c", _ASK, str(target.pid), str(script)]
    environment = {"PATH": os.defpath}
    with contextlib.suppress(OSError):
        for variable in read_start(f"/proc/{target.pid}/environ").split(b"\0"):
            if variable.startswith(b"LD_LIBRARY_PATH="):
                environment["LD_LIBRARY_PATH"] = os.fsdecode(variable.partition(b"=")[2])
    return run_program_of(target.pid, command, environment, _ASK_S, rights)


@contextlib.contextmanager
def _held(target: Target) -> Iterator[int]:
    """A descriptor of the process that was described, also if its number is given to another meanwhile.

    Raises: TargetProblem if it has ended.
    """
    try:
        pidfd = os.pidfd_open(target.pid)
    except OSError:
        raise _ended(target.pid) from None
    try:
        if psutil.Process(target.pid).create_time() != target.create_time:
            raise _ended(target.pid)
        yield pidfd
    except psutil.NoSuchProcess:
        raise _ended(target.pid) from None
    finally:
        os.close(pidfd)


def _ended(pid: int) -> TargetProblem:
    return TargetProblem(f"Process {pid} ended while Scope was attaching to it.")
