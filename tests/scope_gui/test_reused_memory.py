"""scope_gui.reused_memory: arrays made again and again take no new pages."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.interpreters import ROOT

ARRAY_BYTES = 3 << 20
AT_ONCE = 4
TIMES = 20
PROGRAM = f"""
import json, resource, sys, threading
import numpy as np
import pyarrow as pa
from scope_gui.reused_memory import give_back_unused, reuse_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1])

def use():
    [np.ones({ARRAY_BYTES}, np.uint8) for _ in range({AT_ONCE})]

def in_a_thread():
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

is_kept = reuse_memory() if sys.argv[1] == "reused" else True
in_a_thread()
before = faults()
for _ in range({TIMES}):
    in_a_thread()
new = faults() - before
blocks = [np.ones(1 << 20, np.uint8) for _ in range(32)]
last = np.ones(1 << 20, np.uint8)
del blocks
held = resident()
give_back_unused()
print(json.dumps([is_kept, new, held - resident(), pa.default_memory_pool().backend_name]))
"""


def measured(how: str) -> tuple[bool, int, int, str]:
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    is_kept, new, returned, pool = json.loads(done.stdout)
    return is_kept, new, returned, pool


def test_arrays_of_any_thread_are_made_in_memory_that_is_there() -> None:
    pages = AT_ONCE * ARRAY_BYTES // 4096
    is_kept, new, _, pool = measured("reused")
    if not is_kept:
        pytest.skip("this C library has no mallopt")
    assert pool == "system"
    assert new < 2 * pages < TIMES * pages // 2 < measured("as it comes")[1]


def test_what_is_free_goes_back_when_it_is_said() -> None:
    assert measured("reused")[2] > (16 << 20) // 4096
