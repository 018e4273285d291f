"""What the probe says is held against the kernel's own files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from capture.probe import ProcessProbe, thread_name

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
