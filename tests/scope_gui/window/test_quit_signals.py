"""Signals close the window from the event loop, never in the middle of what it does."""

from __future__ import annotations

import os
import signal

import pytest
from pytestqt.qtbot import QtBot

from scope_gui.window.quit_signals import closing_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_closes_once_the_window_is_at_rest(number: signal.Signals, qtbot: QtBot) -> None:
    before = signal.getsignal(number)
    closed: list[bool] = []
    with closing_on_signals(lambda: closed.append(True)):
        os.kill(os.getpid(), number)
        assert closed == []  # we are still in the middle of something
        qtbot.waitUntil(lambda: closed == [True], timeout=10_000)
    assert signal.getsignal(number) is before
