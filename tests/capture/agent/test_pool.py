"""The pool survives what befalls a target: a full pool, kill -9, fork; and says what it lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.drain.pool import Pool
from tests.capture.agent.poolfile import BLOCK_BYTES, CLOSED
from tests.capture.agent.recordings import PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher

Make = Callable[..., Recording]

BURST = "def f(n): return g(n)\ndef g(n): return n\ndef burst(n):\n    for i in range(n): f(i)\n"


class Drain:
    """Takes what is in a live pool and frees closed chunks, as the recorder process does, and keeps nothing."""

    def __init__(self, directory: Path) -> None:
        self._pool = Pool(directory)

    def free(self) -> int:
        """The chunks that became free."""
        entries = self._pool.scan()
        for entry in entries:
            self._pool.advance(entry)
        return sum(entry.state == CLOSED for entry in entries)

    def drop_when_full(self) -> None:
        self._pool.drop_when_full()

    def close(self) -> None:
        self._pool.close()


def test_a_full_pool_counts_what_it_drops(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, BURST + "burst(20_000)\n")
    one = recording(mode="performance", never_run="off", chunk_count=3)
    assert one.launch(target, interpreter, program).wait(PATIENCE_S) == 0
    pool = one.read()
    assert pool.blocks_used == 3
    # thread_begin, two snapshots, <module> and burst, 2 x 2 events per round
    assert sum(pool.produced.values()) == 3 + 4 + 80_000
    recorded = sum(len(events) for events in pool.events.values())
    assert recorded == sum(pool.produced.values()) - sum(pool.dropped.values())
    assert recorded <= 3 * 4092


def test_after_a_gap_the_stack_is_told_anew(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import os, sys, time\n" + BURST + "def outer():\n    burst(5_000)\n    print('full', flush=True)\n"
        "    while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n    inner()\ndef inner(): g(1)\nouter()\n",
    )
    one = recording(mode="performance", chunk_count=2)
    started = one.launch(target, interpreter, program, tmp_path / "go")
    started.wait_for_line("full")
    before = one.read()
    drain = Drain(one.pool_dir)
    assert drain.free() > 1
    (tmp_path / "go").touch()
    assert started.wait(PATIENCE_S) == 0
    drain.close()
    pool_events = one.read_after(before)
    kinds = [event.kind for event in pool_events.events[1]]
    assert kinds[:2] == ["gap", "snapshot"]
    gap, snapshot = pool_events.events[1][:2]
    assert gap.a == pool_events.dropped[1]
    assert gap.b == 1
    assert snapshot.a == 2
    assert [name for name, _ in pool_events.stack(snapshot)] == ["<module>", "outer"]
    assert pool_events.told()[:3] == ["call inner", "call g", "return g"]
    assert len(before.events[1]) + gap.a == gap.seq


def test_a_program_may_wait_for_the_recorder_instead_of_losing_events(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, BURST + "burst(50_000)\nprint('done', flush=True)\n")
    one = recording(mode="performance", chunk_count=4, when_full="block")
    started = one.launch(target, interpreter, program)
    drain = Drain(one.pool_dir)
    over = threading.Event()

    def keep_draining() -> None:
        while not over.is_set():
            drain.free()
            time.sleep(0.0005)

    thread = threading.Thread(target=keep_draining)
    thread.start()
    try:
        assert started.wait(PATIENCE_S) == 0
    finally:
        over.set()
        thread.join()
        drain.close()
    status = one.channel.wait_event("exiting", timeout_s=PATIENCE_S)
    assert status["dropped"] == 0
    assert status["produced"] > 200_000


def test_a_waiting_program_can_still_be_stopped_or_set_free(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, BURST + "while True: burst(1000)\n")
    one = recording(mode="performance", chunk_count=2, when_full="block")
    started = one.launch(target, interpreter, program)
    assert wait_for(lambda: one.channel.request("status")["memory_bytes"] == 2 * BLOCK_BYTES, PATIENCE_S)
    produced = one.channel.request("status")["produced"]
    assert produced <= 2 * 4092
    drain = Drain(one.pool_dir)
    drain.drop_when_full()
    drain.close()
    assert wait_for(lambda: one.channel.request("status")["dropped"] > 1000, PATIENCE_S)
    assert one.stop()["recording"] is False
    assert started.alive


def test_a_killed_target_leaves_every_event_it_wrote(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    program = script(
        tmp_path,
        "import os, sys\ndef step(): pass\n"
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\nn = 0\n"
        "while True:\n    step(); n += 1; os.pwrite(fd, b'%12d' % n, 0)\n",
    )
    one = recording(mode="performance")
    started = one.launch(target, interpreter, program, counter)
    assert wait_for(lambda: counter.exists() and int(counter.read_text() or 0) > 3000, PATIENCE_S)
    started.end(signal.SIGKILL)
    pool = one.read()
    steps = int(counter.read_text())
    calls = sum(count for (_, name, _), count in pool.activations().items() if name == "step")
    assert steps <= calls <= steps + 1
    assert pool.state == 1


def test_a_forked_child_writes_nothing_and_keeps_no_hook(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import os, sys, threading\n"
        "def in_child(): pass\n"
        "def in_parent(): pass\n"
        "starter = threading._start_new_thread if hasattr(threading, '_start_new_thread') "
        "else threading._start_joinable_thread\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    for _ in range(10_000): in_child()\n"
        "    t = threading.Thread(target=in_child); t.start(); t.join()\n"
        "    now = threading._start_new_thread if hasattr(threading, '_start_new_thread') "
        "else threading._start_joinable_thread\n"
        "    tools = sys.version_info >= (3, 12) and any(sys.monitoring.get_tool(i) for i in range(6))\n"
        "    links = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') "
        "if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "    pools = [link for link in links if 'pool' in link or 'defs' in link or 'socket' in link]\n"
        "    maps = 'pool.bin' in open('/proc/self/maps').read()\n"
        "    os._exit(not (now is not starter and not tools and not pools and not maps))\n"
        "in_parent()\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n",
    )
    one = recording(mode="performance")
    started = one.launch(target, interpreter, program)
    assert started.wait(PATIENCE_S) == 0, started.output()
    functions = [line for line in one.read().told() if line.startswith("call")]
    assert functions == ["call <module>", "call in_parent"]


def test_a_deep_stack_is_told_in_parts(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import sys\nsys.setrecursionlimit(3000)\nimport time\n"
        "def deep(n):\n    if n: return deep(n - 1)\n    print('deep', flush=True)\n    while True: time.sleep(0.01)\n"
        "deep(1200)\n",
    )
    one = recording(mode="performance")
    started = one.launch(target, interpreter, program)
    started.wait_for_line("deep")
    one.stop()
    parts = [event for event in one.read().events[1] if event.kind == "snapshot" and event.a == 3]
    assert [len(part.frames) for part in parts] == [502, 502, 198]
    assert [part.flags for part in parts] == [1, 0, 2]


def test_a_pool_that_cannot_grow_is_a_full_pool(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("needs a small tmpfs, which only root can mount")
    one = recording(mode="performance")
    if os.system(f"mount -t tmpfs -o size=700k none {one.pool_dir} 2>/dev/null"):
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        started = one.launch(target, interpreter, script(tmp_path, BURST + "burst(50_000)\n"))
        assert started.wait(PATIENCE_S) == 0, started.output()
        pool = one.read()
        assert 1 <= pool.blocks_used < 10
        assert sum(pool.dropped.values()) > 100_000
    finally:
        os.system(f"umount {one.pool_dir}")
