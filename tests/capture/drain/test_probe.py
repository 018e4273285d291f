"""What the probe says is held against the kernel's own files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from capture.drain.probe import Look, ProcessProbe, cpu_seconds, rss_bytes, thread_name

FAMILY = """
import subprocess, sys, threading, time
block = bytearray(40 << 20)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
sys.stdin.readline()
child.kill()
child.wait()
"""


def status_field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(name)


def test_a_sample_is_what_the_kernel_says() -> None:
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        child_pid = int(process.stdout.readline())
        probe = ProcessProbe(process.pid)
        sample = probe.sample()
        assert sample is not None
        assert sample.values["rss_bytes"] == pytest.approx(status_field(process.pid, "VmRSS") * 1024, rel=0.05)
        assert sample.values["rss_bytes"] > 40 << 20
        assert sample.values["threads"] == status_field(process.pid, "Threads") == 2
        assert {path.name for path in Path(f"/proc/{process.pid}/task").iterdir()} == set(map(str, sample.thread_ids))
        assert [child.pid for child in sample.children] == [child_pid]
        assert thread_name(process.pid, process.pid)
        identity = probe.identity()
        assert identity.parent_pid == psutil.Process().pid
        assert FAMILY.strip() in identity.command
    finally:
        process.communicate("\n")
    assert probe.sample() is None
    assert probe.identity().command == ""
    assert thread_name(process.pid, process.pid) == ""


def test_a_process_that_has_given_back_its_memory_has_no_figure_of_it() -> None:
    """Between the end of its memory and its being a zombie it runs at 0 bytes, which would be the least of a scale."""
    ending = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=0))
    assert rss_bytes(Look(cast(psutil.Process, ending), frozenset(), (), with_state=False)) is None


def test_cpu_time_of_a_process_and_of_one_thread_is_what_they_know_themselves() -> None:
    before = (cpu_seconds(os.getpid()), cpu_seconds(os.getpid(), threading.get_native_id()))
    used_s, began_s = time.process_time(), time.thread_time()
    while time.thread_time() - began_s < 0.3:
        pass
    after = (cpu_seconds(os.getpid()), cpu_seconds(os.getpid(), threading.get_native_id()))
    assert before[0] is not None and before[1] is not None and after[0] is not None and after[1] is not None
    assert after[0] - before[0] == pytest.approx(time.process_time() - used_s, abs=0.05)
    assert after[1] - before[1] == pytest.approx(0.3, abs=0.05)


def test_a_program_that_has_ended_is_who_it_was_started_as() -> None:
    """The kernel has forgotten the words of a program that lived for a few milliseconds when it is asked for them."""
    words = [sys.executable, "-c", "pass", "a word of its own"]
    with subprocess.Popen(words) as ended:
        probe = ProcessProbe(ended.pid)
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert "a word of its own" not in probe.identity().command
        assert "a word of its own" in probe.identity(words).command


def test_the_cpu_time_of_what_is_gone_is_not_known() -> None:
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    assert cpu_seconds(process.pid) is None
    assert cpu_seconds(process.pid, process.pid) is None
