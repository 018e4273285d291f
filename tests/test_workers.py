"""Workers take turns: tests share the machine, and one that must be alone is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests import workers
from tests.leftovers import wait_for


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What runs under locks of its own, filled by `Test`."""
    monkeypatch.setenv(workers.FOLDER, str(tmp_path))
    return []


class Test(threading.Thread):
    """Runs until it is told to end."""

    __test__ = False

    def __init__(self, name: str, running: list[str], *, alone: bool = False) -> None:
        super().__init__(name=name)
        self._running, self._alone, self._over = running, alone, threading.Event()
        self.start()

    def run(self) -> None:
        with workers.turn(alone=self._alone):
            self._running.append(self.name)
            self._over.wait(30)
            self._running.remove(self.name)

    def end(self) -> None:
        self._over.set()
        self.join()


def test_tests_of_two_workers_run_at_the_same_time(running: list[str]) -> None:
    both = [Test("one", running), Test("other", running)]
    together = wait_for(lambda: sorted(running) == ["one", "other"], 10)
    for test in both:
        test.end()
    assert together


def test_one_that_must_be_alone_waits_and_lets_nobody_pass(running: list[str]) -> None:
    first = Test("first", running)
    assert wait_for(lambda: running == ["first"], 10)
    alone = Test("alone", running, alone=True)
    assert not wait_for(lambda: "alone" in running, 0.2)
    later = Test("later", running)
    assert not wait_for(lambda: "later" in running, 0.2)
    first.end()
    assert wait_for(lambda: "alone" in running, 10)
    seen = list(running)
    alone.end()
    later.end()
    assert seen == ["alone"]
