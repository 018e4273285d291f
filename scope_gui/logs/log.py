"""The log: what our own processes did and complained of, in a file that stays small; two of them at the most.

Modules log through the standard library under their own names. What is logged with its exception is a fault of ours:
its traceback goes to stderr, and into a crash report. Nothing is sent anywhere.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback

from capture.shown_text import one_line
from scope_gui.logs import log_file

OURS = ("capture", "dags", "views", "scope_gui")


def begin_log(what: str) -> None:
    """Logs from now on in this process. `what` it is ("window", "run") is said in crash reports."""
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    root = logging.getLogger()
    if not any(isinstance(handler, _LogFile) for handler in root.handlers):
        root.addHandler(_LogFile(what))
    threading.excepthook = _log_end_of_thread


def failed(error: Exception) -> None:
    """Logs that this process ends with a fault of ours."""
    logging.getLogger(__name__).error("ended by %s: %s", type(error).__name__, error, exc_info=error)


def _log_end_of_thread(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value
    if error is not None and not isinstance(error, SystemExit):
        name = args.thread.name if args.thread is not None else "a thread"
        logging.getLogger(__name__).error("%s failed: %s", name, error, exc_info=error)


class _LogFile(logging.Handler):
    """Appends each line with one write to a file that is opened for it: processes need not know of each other."""

    def __init__(self, what: str) -> None:
        super().__init__(logging.INFO)
        self._what = what
        shape = logging.Formatter("%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s")
        shape.default_msec_format = "%s.%03d"
        self.setFormatter(shape)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line; a log that cannot be written is no reason to bother anybody."""
        error = record.exc_info[1] if record.exc_info else None
        record.exc_info = record.exc_text = None  # it goes elsewhere
        with contextlib.suppress(OSError):
            log_file.append(one_line(self.format(record))[:4096])
        if error is not None:
            from scope_gui.logs import crashes  # noqa: PLC0415 - an attach need not wait for what it hardly needs

            traceback.print_exception(error)
            report = crashes.write_report(error, self._what)
            if report is not None:
                print(f"scope-gui: a report for you to read is in {report}; nothing was sent", file=sys.stderr)
