"""`scope-gui run`: starts a program under the recorder."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from capture.attach.launch import EndedEarly
from capture.errors import ScopeError
from scope_gui.recording.choice import program_name
from scope_gui.recording.recorder import Recording
from scope_gui.recording.signals import PassedOn, shell_status, stopped_by_signals
from scope_gui.streams import let_go_of_inherited, say
from scope_gui.verbs.record import capture_settings, record_to_end, recording_flags, speak_to

NOT_STARTED = 125


def flags(parser: argparse.ArgumentParser) -> None:
    """Which program, and what of it."""
    recording_flags(parser)
    parser.add_argument("--end-program", action="store_true", help="end the program, too, when its recording ends")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- python app.py ARGS | -m module ARGS")


def run(arguments: argparse.Namespace) -> int:
    """Starts a program and records it; its own exit status, or 125 if it could not be started."""
    command: list[str] = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        print("scope-gui run: say what to run, for example: scope-gui run -- python app.py", file=sys.stderr)
        return 2
    speak_to(arguments.words_fd)
    settings = capture_settings(arguments)
    path = arguments.session_path or Path(f"{program_name(command)}-{time.strftime('%Y%m%d-%H%M%S')}.scope")
    with contextlib.ExitStack() as stack:
        signals = PassedOn() if arguments.words_fd is None else None
        try:
            recording = Recording(path, settings, command, arguments.duration, say, signals)
            stack.enter_context(signals or stopped_by_signals(recording.ask_to_stop))
            recording.run(command)
            let_go_of_inherited()
        except ScopeError as problem:
            say(str(problem))
            return shell_status(problem.status) if isinstance(problem, EndedEarly) and problem.status else NOT_STARTED
        if arguments.end_program:
            stack.callback(recording.end_program)
        outcome = record_to_end(recording, arguments)
        if outcome.exit_status is None and not arguments.end_program:
            say("the program goes on without being recorded; how it will end, this command's status does not say")
        status = shell_status(outcome.exit_status) if outcome.exit_status is not None else 0
        return status or (1 if outcome.trouble else 0)
