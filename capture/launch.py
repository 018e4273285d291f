"""Starting a program with its recording on before its first line.

A Python program is started by its own interpreter through capture/agent/_scope_launch.py, which starts the agent and
then becomes the program. Anything else is started as it is, to be observed from outside.
"""

import contextlib
import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path

import msgspec

from capture.bootstrap import Bootstrap
from capture.channel import AgentChannel
from capture.errors import TargetProblem
from capture.host_facts import AGENT_DIR
from capture.python_command import PythonCommand, parse_command
from capture.rules_program import NEWEST, OLDEST
from capture.settings import CaptureSettings

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


class InterpreterAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What an interpreter says of itself."""

    implementation: str
    hexversion: int
    version: str
    free_threaded: bool
    executable: str


def launch(
    argv: list[str], settings: CaptureSettings, pool_dir: Path, process_serial: int
) -> tuple["subprocess.Popen[bytes]", AgentChannel | None]:
    """The started program, and the line to its agent; None for a program that can only be observed.

    Its standard input and output are ours. `argv` is what follows `scope-gui run --`.
    Raises: TargetProblem if it cannot be started or its interpreter cannot be recorded; nothing runs then.
    """
    command = None if settings.mode == "observe" else parse_command(argv)
    if command is None:
        return _start(_plain(argv)), None
    command = command._replace(interpreter=_checked(command))
    with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
        config = bootstrap.write_config(settings, pool_dir, process_serial)
        process = _start(command.through(AGENT_DIR / "_scope_launch.py", config))
        try:
            if _is_recording(process, bootstrap.channel):
                return process, bootstrap.channel
        except BaseException:
            _end(process)
            raise
        bootstrap.channel.close()
        return process, None


def _is_recording(process: "subprocess.Popen[bytes]", channel: AgentChannel) -> bool:
    """Whether the agent has called and its recording has begun.

    Raises: TargetProblem if the program ended before, or the agent could not begin.
    """
    pidfd = os.pidfd_open(process.pid)
    try:
        called = channel.accept(START_PATIENCE_S, uid=os.geteuid(), pid=process.pid, pidfd=pidfd)
        if called:
            channel.wait_until_recording(timeout_s=START_PATIENCE_S, pidfd=pidfd)
        return called
    except TargetProblem:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(0.2)
            raise TargetProblem(f"The program ended (exit status {status}) before its recording could begin.") from None
        raise
    finally:
        os.close(pidfd)


def _plain(argv: list[str]) -> list[str]:
    """`argv` with an interpreter, where it starts with an option or a script that needs one."""
    command = parse_command(argv)
    if command is None or Path(argv[0]).name == Path(command.interpreter).name:
        return argv
    return [command.interpreter, *command.options, *command.program]


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    if not command:
        raise TargetProblem("There is no program to run.", "Name one after `--`: `scope-gui run -- python app.py`.")
    try:
        return subprocess.Popen(command)
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


def _checked(command: PythonCommand) -> str:
    """The interpreter to start, past a script in front of it (pyenv's shims).

    Raises: TargetProblem if Scope cannot record it.
    """
    path = Path(command.interpreter)
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
        return msgspec.convert(json.loads(asked.stdout), InterpreterAnswer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
