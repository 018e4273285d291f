"""What attach and run share: what of a program is recorded, and how the recording goes on and is told."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from capture.flags import add_flags, given_flags
from capture.measured_cost import told_overhead
from capture.settings import CaptureSettings
from capture.shown_text import one_line
from scope_gui.blindness import last_words
from scope_gui.recording.recorder import Outcome, Recording
from scope_gui.recording.watching_window import watched_by_window
from scope_gui.settings.table import capture_values, of_capture
from scope_gui.streams import say, words_to
from scope_gui.verbs.settled import settings_settled
from scope_gui.verbs.shared_flags import seconds
from views.words.timespec import text_from_ns

_log = logging.getLogger(__name__)


def recording_flags(parser: argparse.ArgumentParser) -> None:
    """What is recorded, where to, and how long."""
    parser.add_argument(
        "-o", "--session", dest="session_path", type=Path, metavar="S.scope",
        help="where to record (default: here, by name and time)",
    )  # fmt: skip
    parser.add_argument("--duration", type=seconds, metavar="SEC", help="stop by itself after so many seconds")
    parser.add_argument("--no-window", action="store_true", help="record without a window that follows it")
    # How the window hears its recorder, whose stderr is the program's own.
    parser.add_argument("--words-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--no-settings", action="store_true", help="what is not said here is as at first, whatever the settings say"
    )
    add_flags(parser)


def capture_settings(arguments: argparse.Namespace) -> CaptureSettings:
    """What the flags say; what they leave open is as it is settled. Names to hide are hidden in any case.

    Raises: WrongUsage.
    """
    given = given_flags(arguments)
    at_first = {} if arguments.no_settings else capture_values(settings_settled(of_capture()))
    settled_ones = CaptureSettings.checked(**at_first)
    typed = CaptureSettings.checked(**given)
    hidden = tuple(dict.fromkeys([*settled_ones.redact, *typed.redact]))
    return CaptureSettings.checked(**{**at_first, **given, "redact": hidden})


def record_to_end(recording: Recording, arguments: argparse.Namespace) -> Outcome:
    """Records to the end, with a window beside it unless none is wanted."""
    if recording.settings.flight:
        signal.signal(signal.SIGUSR2, lambda *_: recording.hear_signal())
    window = contextlib.nullcontext() if arguments.no_window else watched_by_window(recording.session_path, say)
    _log.info("records into %s", one_line(str(recording.session_path)))
    with window:
        outcome = recording.record()
    _log.info("%s", one_line(f"{outcome.session_path}: {outcome.trouble or outcome.ended}"))
    _report(outcome)
    return outcome


def speak_to(descriptor: int | None) -> None:
    """Has everything that we say go there; the program that we start keeps the real standard error."""
    if descriptor is not None:
        os.set_inheritable(descriptor, False)
        sys.stderr = words_to(descriptor)


def _report(outcome: Outcome) -> None:
    if outcome.trouble:
        say(outcome.trouble)
    how = f" with status {outcome.exit_status}" if outcome.exit_status else ""
    if outcome.exit_status is not None and outcome.exit_status < 0:
        how = f" by {_signal_name(-outcome.exit_status)}"
    took = text_from_ns(outcome.duration_ns // 10**6 * 10**6)
    say(f"{outcome.ended}{how} after {took}; {_what_is_left(outcome)}")
    of_what = " of the program's CPU time"
    if outcome.overhead is not None:
        say(f"recording took about {told_overhead(outcome.overhead, of_what)}")
    left = outcome.session_path if outcome.saved is None or outcome.trouble else None
    for paragraph in last_words(left) if left is not None else ():
        say(*paragraph.splitlines())


def _what_is_left(outcome: Outcome) -> str:
    """Where the recording is, in a clause."""
    if outcome.trouble or outcome.saved is None:
        return f"{'kept' if outcome.trouble else 'saved'} {outcome.session_path}"
    if not outcome.saved:
        return "nothing is kept, for no trigger of the flight recorder came"
    return f"saved {', '.join(map(str, outcome.saved))}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
