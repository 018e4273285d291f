"""The verbs that touch a running program: attach, run, stop, doctor."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from capture.attach import doctor as attach_doctor
from capture.attach.launch import EndedEarly
from capture.errors import ScopeError, TargetProblem
from capture.measured_cost import told
from capture.settings import CaptureSettings
from capture.shown_text import one_line
from scope_gui.blindness import last_words
from scope_gui.recording import control
from scope_gui.recording.choice import program_name
from scope_gui.recording.recorder import Outcome, Recording
from scope_gui.recording.signals import PassedOn, shell_status, stopped_by_signals
from scope_gui.recording.watching_window import watched_by_window
from scope_gui.streams import let_go_of_inherited, print_json, reader_may_leave, words_to
from views.words.timespec import text_from_ns

CHUNKS_PER_MIB = 16
NOT_STARTED = 125


def attach(arguments: argparse.Namespace) -> int:
    """Records a running process."""
    _speak_to(arguments.words_fd)
    settings = _settings(arguments)
    pid: int = arguments.pid
    path = arguments.output or Path(f"pid-{pid}-{time.strftime('%Y%m%d-%H%M%S')}.scope")
    observe = settings.mode == "observe"
    diagnosis = attach_doctor.examine(pid)
    if diagnosis.tier is None or (diagnosis.tier == "observe" and not observe):
        raise TargetProblem(diagnosis.refusal())
    recording = Recording(path, settings, ["attach", str(pid)], arguments.duration, _say)
    with stopped_by_signals(recording.ask_to_stop):
        if observe:
            recording.observe(pid)
        else:
            recording.attach(pid)
        _say(f"recording process {pid} into {path}; Ctrl+C detaches and saves")
        return 1 if _record(recording, arguments).trouble else 0


def run(arguments: argparse.Namespace) -> int:
    """Starts a program and records it; its own exit status, or 125 if it could not be started."""
    command: list[str] = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        print("scope-gui run: say what to run, for example: scope-gui run -- python app.py", file=sys.stderr)
        return 2
    _speak_to(arguments.words_fd)
    settings = _settings(arguments)
    path = arguments.output or Path(f"{program_name(command)}-{time.strftime('%Y%m%d-%H%M%S')}.scope")
    with contextlib.ExitStack() as stack:
        signals = PassedOn() if arguments.words_fd is None else None
        try:
            recording = Recording(path, settings, command, arguments.duration, _say, signals)
            stack.enter_context(signals or stopped_by_signals(recording.ask_to_stop))
            recording.run(command)
            let_go_of_inherited()
        except ScopeError as problem:
            _say(str(problem))
            return shell_status(problem.status) if isinstance(problem, EndedEarly) and problem.status else NOT_STARTED
        if arguments.end_program:
            stack.callback(recording.end_program)
        outcome = _record(recording, arguments)
        if outcome.exit_status is None and not arguments.end_program:
            _say("the program goes on without being recorded; how it will end, this command's status does not say")
        status = shell_status(outcome.exit_status) if outcome.exit_status is not None else 0
        return status or (1 if outcome.trouble else 0)


def stop(arguments: argparse.Namespace) -> int:
    """Asks the recorder of a session to detach and save."""
    control.ask(arguments.session, "stop")
    _say(f"asked the recorder of {arguments.session} to stop")
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Says what attaching needs; 0 when nothing is in the way."""
    diagnosis = attach_doctor.examine(arguments.pid)
    with reader_may_leave():
        if arguments.json:
            print_json(diagnosis)
        else:
            print(diagnosis.text())
    return 0 if diagnosis.ok else 1


def _settings(arguments: argparse.Namespace) -> CaptureSettings:
    return CaptureSettings.checked(
        mode=arguments.mode,
        include=tuple(arguments.include),
        exclude=tuple(arguments.exclude),
        state=tuple(arguments.state),
        redact=tuple(arguments.redact),
        when_full=arguments.when_full,
        chunk_count=arguments.memory * CHUNKS_PER_MIB,
    )


def _record(recording: Recording, arguments: argparse.Namespace) -> Outcome:
    """Records to the end, with a window beside it unless none is wanted."""
    window = contextlib.nullcontext() if arguments.no_window else watched_by_window(recording.session_path, _say)
    with window:
        outcome = recording.record()
    _report(outcome)
    return outcome


def _speak_to(descriptor: int | None) -> None:
    """Has everything that we say go there; the program that we start keeps the real standard error."""
    if descriptor is not None:
        os.set_inheritable(descriptor, False)
        sys.stderr = words_to(descriptor)


def _say(*lines: str) -> None:
    print(f"scope-gui: {chr(10).join(map(one_line, lines))}", file=sys.stderr, flush=True)


def _report(outcome: Outcome) -> None:
    if outcome.trouble:
        _say(outcome.trouble)
    how = f" with status {outcome.exit_status}" if outcome.exit_status else ""
    if outcome.exit_status is not None and outcome.exit_status < 0:
        how = f" by {_signal_name(-outcome.exit_status)}"
    took = text_from_ns(outcome.duration_ns // 10**6 * 10**6)
    _say(f"{outcome.ended}{how} after {took}; {'kept' if outcome.trouble else 'saved'} {outcome.session_path}")
    of_what = " of the program's CPU time"
    if outcome.overhead is not None:
        _say(f"recording took about {told(outcome.overhead, of_what)}")
    for paragraph in last_words(outcome.session_path):
        _say(*paragraph.splitlines())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
