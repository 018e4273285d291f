"""`scope-gui attach`: records a running process, or several in one session."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from capture.attach import doctor as attach_doctor
from capture.errors import TargetProblem, WrongUsage
from scope_gui.recording.recorder import Recording
from scope_gui.recording.signals import stopped_by_signals
from scope_gui.streams import say
from scope_gui.verbs.record import capture_settings, record_to_end, recording_flags, speak_to

MOST_PROCESSES = 100
MOST_IN_NAME = 3  # of a session that nobody has named


def flags(parser: argparse.ArgumentParser) -> None:
    """Which processes, and what of them."""
    parser.add_argument("pids", type=int, nargs="+", metavar="PID", help="several are recorded in one session")
    recording_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Records running processes, all of them or none."""
    speak_to(arguments.words_fd)
    settings = capture_settings(arguments)
    pids: list[int] = arguments.pids
    words = [str(pid) for pid in pids]
    if len(set(pids)) < len(pids) or len(pids) > MOST_PROCESSES:
        raise WrongUsage(f"At most {MOST_PROCESSES} processes are recorded in one session, each named once.")
    named = f"pid-{'-'.join(words[:MOST_IN_NAME])}-{time.strftime('%Y%m%d-%H%M%S')}.scope"
    path = arguments.session_path or Path(named)
    observe = settings.mode == "observe"
    for pid in pids:
        diagnosis = attach_doctor.examine(pid)
        if diagnosis.tier is None or (diagnosis.tier == "observe" and not observe):
            raise TargetProblem(diagnosis.refusal())
    recording = Recording(path, settings, ["attach", *words], arguments.duration, say, most_processes=len(pids))
    with stopped_by_signals(recording.ask_to_stop):
        if observe:
            recording.observe(*pids)
        else:
            recording.attach(*pids)
        what = f"process {words[0]}" if len(pids) == 1 else f"processes {', '.join(words)}"
        say(f"recording {what} into {path}; Ctrl+C detaches and saves")
        return 1 if record_to_end(recording, arguments).trouble else 0
