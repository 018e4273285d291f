"""Ctrl+C, SIGTERM and a terminal that goes close the window as its close button does: what it records is saved first.

Python runs a signal's handler between two of its instructions: never while the window rests, and else in the middle of
whatever it does, where closing it is no good. So the handlers do nothing. The signal also writes a byte to a socket,
and Qt wakes up for that once it is at rest.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

from PySide6.QtCore import QSocketNotifier

_QUIT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def closing_on_signals(close: Callable[[], object]) -> Iterator[None]:
    """Inside, on the main thread, these signals call `close`."""
    reading, writing = socket.socketpair()
    for side in (reading, writing):
        side.setblocking(False)
    notifier = QSocketNotifier(reading.fileno(), QSocketNotifier.Type.Read)

    def end() -> None:
        if set(reading.recv(64)) & set(_QUIT):
            close()

    notifier.activated.connect(end)
    handlers = {number: signal.signal(number, lambda *_: None) for number in _QUIT}
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        reading.close()
        writing.close()
