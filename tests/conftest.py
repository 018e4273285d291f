"""Fixtures every test may use: the interpreters found here, real targets, and the proof that nothing is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from scope_gui.logs import crashes, own_files
from tests import interpreters, leftovers, workers
from tests.targets import Launcher, Targets

# Windows of tests need no display; tests/journeys/ shows one on a display of its own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SOAK = bool(os.environ.get("SCOPE_SOAK"))
in_soak_only = pytest.mark.skipif(not SOAK, reason="takes minutes, so `make soak` runs it")

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile(
    "ci", deadline=None, max_examples=30, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("soak", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("soak" if SOAK else "ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["XDG_STATE_HOME"] = str(config.rootpath / ".pytest_cache" / "state")  # of our log and crash reports
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup: not for the programs under test
        signal.signal(signal.SIGHUP, lambda *_: None)
    leftovers.mark_this_run()
    if not workers.is_worker():
        interpreters.tell_workers()
        workers.begin_run()
        shutil.rmtree(own_files.folder(), ignore_errors=True)


def pytest_unconfigure() -> None:
    if not workers.is_worker():
        workers.end_run()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run in which Scope itself has failed without a test that noticed."""
    found = [] if workers.is_worker() else crashes.reports()
    for report in found:
        print(f"\nScope failed in this run: {crashes.read_report(report.name)}", file=sys.stderr)
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that must be alone come last: while one of them waits for its turn, the other workers are idle."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waits here, before the time of the test counts, until the machine is free for a test that must be alone."""
    with workers.turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_report_header() -> str:
    here = ", ".join(str(interpreter) for interpreter in interpreters.found())
    return f"interpreters: {here}; missing: {', '.join(interpreters.missing()) or 'none'}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "interpreter" in metafunc.fixturenames:
        here = interpreters.found()
        if wanted := metafunc.definition.get_closest_marker("minors"):
            here = [interpreter for interpreter in here if interpreter.minor in wanted.args]
        if metafunc.definition.get_closest_marker("sampled") and not SOAK:
            half = interpreters.HALVES[crc32(metafunc.function.__name__.encode()) % 2]
            here = [interpreter for interpreter in here if interpreter.minor in half]
        metafunc.parametrize("interpreter", here, ids=[interpreter.minor for interpreter in here])


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a process, a thread or a shared-memory pool behind, and removes what it left.

    Set up before and torn down after every other function fixture; what a wider fixture keeps alive was there before.
    """
    before = leftovers.now()
    yield
    left = leftovers.left_since(before, sessions=request.node.funcargs.get("tmp_path"))
    if left:
        left.remove()
        pytest.fail(f"this test left behind:\n{left}")


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Launcher]:
    """Starts real programs; all of them are ended by their pid when the test is over."""
    targets = Targets(tmp_path)
    yield targets.launch
    targets.end_all()


@pytest.fixture
def rounds() -> Callable[[int, int], int]:
    """`rounds(20, 300)`: the short count in `make test`, the long one in `make soak`."""
    return lambda short, long: long if SOAK else short
