"""Inputs read in a process of their own that may die of them."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterable
from tempfile import TemporaryFile

from tests.fuzz.verdict import Finding, judged

_MOST_SECONDS = 100


def findings_in(read: Callable[[bytes], object], inputs: Iterable[bytes]) -> list[Finding]:
    """What is wrong with how these inputs are read, each fault once; a process that dies is the last of them."""
    with TemporaryFile("w+b") as told:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of forking beside threads: the child uses none of them
            child = os.fork()
        if child == 0:
            try:
                _judge(read, inputs, told.fileno())
                os._exit(0)
            finally:
                os._exit(77)
        status = os.waitpid(child, 0)[1]
        told.seek(0)
        found = [Finding(*json.loads(line)) for line in told.read().splitlines()]
    if status:
        found.append(Finding(f"the process ended with {os.waitstatus_to_exitcode(status)}"))
    return found


def _judge(read: Callable[[bytes], object], inputs: Iterable[bytes], told: int) -> None:
    faulthandler.disable()  # a crash that was planted needs no stack
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_MOST_SECONDS)
    known = set()
    for data in inputs:
        finding = judged(read, data)
        if finding is not None and finding.what not in known:
            known.add(finding.what)
            os.write(told, json.dumps(finding).encode() + b"\n")
