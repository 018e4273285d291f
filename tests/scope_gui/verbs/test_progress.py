"""Progress of long verbs: nothing when quick, one line on a terminal, few lines in a log."""

from __future__ import annotations

import io
import itertools

import pytest

from scope_gui.verbs.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, step_s: float, steps: int = 100) -> str:
    """What is written while each step takes so long, by a clock of the test's own."""
    clock = itertools.count()
    monkeypatch.setattr("sys.stderr", stream)
    told = Progress("counting", steps, lambda: next(clock) * step_s)
    for _ in range(steps):
        told.step()
    return stream.getvalue()


def test_what_takes_less_than_a_second_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, Terminal(), 0.009) == ""


def test_a_terminal_has_one_line_that_ends_with_done(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, Terminal(), 0.1)
    assert lines.count("\n") == 1
    assert lines.endswith("scope-gui: counting: done\n")
    assert "counting: 10 %\r" in lines


def test_a_log_has_a_line_every_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, io.StringIO(), 1.0).splitlines()
    assert len(lines) == 50
    assert all(line.startswith("scope-gui: counting: ") and line.endswith(" %") for line in lines)
