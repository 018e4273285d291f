"""`scope-gui attach`: records a running process."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from capture.attach import doctor as attach_doctor
from capture.errors import TargetProblem
from scope_gui.recording.recorder import Recording
from scope_gui.recording.signals import stopped_by_signals
from scope_gui.streams import say
from scope_gui.verbs.record import capture_settings, record_to_end, recording_flags, speak_to


def flags(parser: argparse.ArgumentParser) -> None:
    """Which process, and what of it."""
    parser.add_argument("pid", type=int, metavar="PID")
    recording_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Records a running process."""
    speak_to(arguments.words_fd)
    settings = capture_settings(arguments)
    pid: int = arguments.pid
    path = arguments.output or Path(f"pid-{pid}-{time.strftime('%Y%m%d-%H%M%S')}.scope")
    observe = settings.mode == "observe"
    diagnosis = attach_doctor.examine(pid)
    if diagnosis.tier is None or (diagnosis.tier == "observe" and not observe):
        raise TargetProblem(diagnosis.refusal())
    recording = Recording(path, settings, ["attach", str(pid)], arguments.duration, say)
    with stopped_by_signals(recording.ask_to_stop):
        if observe:
            recording.observe(pid)
        else:
            recording.attach(pid)
        say(f"recording process {pid} into {path}; Ctrl+C detaches and saves")
        return 1 if record_to_end(recording, arguments).trouble else 0
