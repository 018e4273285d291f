"""Starting a program with its recording on before its first line.

A Python program is started by its own interpreter through capture/agent/_scope_launch.py, which starts the agent and
then becomes the program. Anything else is started as it is, to be observed from outside.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from capture.attach.bootstrap import Bootstrap
from capture.attach.channel import AgentChannel
from capture.errors import TargetProblem
from capture.settings import CaptureSettings
from capture.target.host_facts import AGENT_DIR
from capture.target.python_command import parse_command
from capture.target.pythons import NEWEST, OLDEST
from capture.typed import converted

START_PATIENCE_S = 20.0
"""Until the agent calls: an interpreter on a slow disk, with a heavy `site`. A program whose agent does not call by
then runs without one (the launcher has said why on its standard error) and is observed: it is the user's, not ours to
end."""
_ASK_S = 20.0
_ASK = """
import json, sys
print(json.dumps([sys.implementation.name, sys.hexversion, sys.version.split()[0], "t" in getattr(sys, "abiflags", ""),
                  sys.executable]))
"""
_OBSERVE = "`--mode observe` starts it and records its memory, CPU and threads from outside."


class EndedEarly(TargetProblem):
    """The program ended before its recording could begin; `status` is its own, as subprocess gives it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The program ended (exit status {status}) before its recording could begin.")
        self.status = status


class InterpreterAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What an interpreter says of itself."""

    implementation: str
    hexversion: int
    version: str
    free_threaded: bool
    executable: str


class Launched(NamedTuple):
    """A program that was started; `channel` is the line to its agent, None where it can only be observed.

    `pid` is the process to record: the program's own, or the Python that a wrapper (`timeout`, `uv run`) has started.
    """

    process: "subprocess.Popen[bytes]"
    channel: AgentChannel | None
    pid: int


def launch(
    argv: list[str],
    settings: CaptureSettings,
    pool_dir: Path,
    process_serial: int,
    signal_mask: Collection[int] | None = None,
) -> Launched:
    """Starts a program, recorded from its first line if it is a Python.

    Its standard input and output are ours; `signal_mask` is what it blocks, if not what we do. `argv` is what follows
    `scope-gui run --`.
    Raises: TargetProblem if it cannot be started or its interpreter cannot be recorded; nothing runs then.
    """
    command = None if settings.mode == "observe" else parse_command(argv)
    if command is None:
        process = _start(_plain(argv), signal_mask)
        return Launched(process, None, process.pid)
    if not command.wrapper:
        command = command._replace(interpreter=_checked(command.interpreter))
    elif found := shutil.which(command.interpreter):
        _checked(found)  # what the wrapper starts has the same name, if perhaps another path
    with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
        config = bootstrap.write_config(settings, pool_dir, process_serial)
        process = _start(command.through(AGENT_DIR / "_scope_launch.py", config), signal_mask)
        try:
            if _is_recording(process, bootstrap.channel, is_wrapped=bool(command.wrapper)):
                pid = int(bootstrap.channel.hello.get("pid", process.pid)) if command.wrapper else process.pid
                return Launched(process, bootstrap.channel, pid)
        except BaseException:
            _end(process)
            raise
        bootstrap.channel.close()
        return Launched(process, None, process.pid)


def _is_recording(process: "subprocess.Popen[bytes]", channel: AgentChannel, *, is_wrapped: bool) -> bool:
    """Whether the agent has called and its recording has begun.

    Raises: TargetProblem if the program ended before, or the agent could not begin.
    """
    pidfd = os.pidfd_open(process.pid)
    try:
        caller = None if is_wrapped else process.pid  # a wrapper may start the Python as a child of its own
        called = channel.accept(START_PATIENCE_S, uid=os.geteuid(), pid=caller, pidfd=pidfd)
        if called:
            channel.wait_until_recording(timeout_s=START_PATIENCE_S, pidfd=pidfd)
        return called
    except TargetProblem:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(0.2)
            raise EndedEarly(status) from None
        raise
    finally:
        os.close(pidfd)


def _plain(argv: list[str]) -> list[str]:
    """`argv` with an interpreter, where it starts with an option or a script that needs one."""
    command = parse_command(argv)
    if command is None or Path(argv[0]).name == Path(command.interpreter).name:
        return argv
    return [command.interpreter, *command.options, *command.program]


def _start(command: list[str], signal_mask: Collection[int] | None) -> "subprocess.Popen[bytes]":
    if not command:
        raise TargetProblem("There is no program to run.", "Name one after `--`: `scope-gui run -- python app.py`.")

    def prepare() -> None:
        if signal_mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)
        if is_activated:
            os.putenv("LISTEN_PID", str(os.getpid()))

    is_activated = os.environ.get("LISTEN_PID") == str(os.getpid())
    try:  # nothing of ours is inherited, and all that we were given: a job server of make, sockets of systemd, <(...)
        return subprocess.Popen(command, close_fds=False, preexec_fn=prepare)  # noqa: PLW1509 - no other thread yet
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetProblem(f"The program {command[0]!r} cannot be started: {reason}.") from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _checked(interpreter: str) -> str:
    """The interpreter to start, past a script in front of it (pyenv's shims).

    Raises: TargetProblem if Scope cannot record it.
    """
    path = Path(interpreter)
    answer = _ask_interpreter(str(path), path.stat().st_mtime_ns)
    if answer is None:
        raise TargetProblem(f"{path} does not answer like a Python interpreter.", _OBSERVE)
    minor = (answer.hexversion >> 24, answer.hexversion >> 16 & 0xFF)
    if answer.implementation != "cpython":
        raise TargetProblem(f"{path} is {answer.implementation}; Scope records CPython.", _OBSERVE)
    if minor < OLDEST:
        raise TargetProblem(f"{path} is Python {answer.version}; Scope records 3.10 and later.", _OBSERVE)
    if minor > NEWEST:
        raise TargetProblem(f"{path} is Python {answer.version}, which this Scope does not know yet.", _OBSERVE)
    if answer.free_threaded:
        raise TargetProblem(f"{path} is a free-threaded Python, which Scope cannot record yet.", _OBSERVE)
    with path.open("rb") as file:
        is_script = file.read(2) == b"#!"
    return answer.executable if is_script and answer.executable else str(path)


@lru_cache(maxsize=64)
def _ask_interpreter(path: str, modified_ns: int) -> InterpreterAnswer | None:
    try:
        asked = subprocess.run(
            [path, "-I", "-S", "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_S,
            check=True,
        )
        return converted(json.loads(asked.stdout), InterpreterAnswer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
