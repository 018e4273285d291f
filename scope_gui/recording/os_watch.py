"""The target as the operating system sees it, written into the journal: metrics, children, threads, its end."""

from __future__ import annotations

import os
import select
from typing import Protocol

import psutil

from capture import clock
from capture.errors import TargetProblem
from capture.probe import ProcessProbe, thread_name


class Fact(Protocol):
    """Appends one fact to the journal."""

    def __call__(self, fact: str, /, **fields: object) -> None: ...


class OsWatch:
    """Looks at one process and its direct children.

    Raises (constructor): TargetProblem when the process is gone.
    """

    def __init__(self, pid: int, process_serial: int, fact: Fact, *, observe_threads: bool) -> None:
        self._fact = fact
        self._serial = process_serial
        self._observe_threads = observe_threads
        self._threads: frozenset[int] = frozenset()
        self._children: dict[tuple[int, float], tuple[int, ProcessProbe]] = {}
        self._next_serial = process_serial + 1000
        self.ended = False
        try:
            self._probe = ProcessProbe(pid)
            self.pid_fd: int | None = os.pidfd_open(pid)
        except (psutil.NoSuchProcess, ProcessLookupError) as error:
            raise TargetProblem(f"process {pid} has ended") from error

    def begin(self, *, tier: str, python: str, clock_kind: int) -> None:
        """Writes who the process is."""
        identity = self._probe.identity()
        self._write_process(
            self._serial,
            self._probe,
            parent_pid=identity.parent_pid,
            name=identity.name,
            command=identity.command,
            tier=tier,
            python=python,
            clock_kind=clock_kind,
        )

    def look(self) -> None:
        """Writes one sample of everything watched."""
        sample = self._probe.sample()
        if sample is None:
            self.ended = True
            return
        now_ns = clock.monotonic_ns()
        self._fact("metric", mono_ns=now_ns, process_serial=self._serial, values=sample.values)
        alive = {(child.pid, child.create_time): child for child in sample.children}
        for key, child in alive.items():
            if key not in self._children:
                self._adopt(key, child.name, child.command)
        for key, (serial, probe) in list(self._children.items()):
            child_sample = probe.sample(with_children=False) if key in alive else None
            if child_sample is None:
                self._fact("process_end", process_serial=serial, mono_ns=now_ns, reason="ended")
                del self._children[key]
            else:
                self._fact("metric", mono_ns=now_ns, process_serial=serial, values=child_sample.values)
        if self._observe_threads:
            self._look_at_threads(sample.thread_ids, now_ns)

    def wait_for_end(self, seconds: float) -> bool:
        """Whether the process ends within that time."""
        if self.pid_fd is not None:
            readable, _, _ = select.select([self.pid_fd], [], [], seconds)
            self.ended = self.ended or bool(readable)
        return self.ended

    def end(self, reason: str) -> None:
        """Closes the books: the target's end if it ended, and our descriptor."""
        now_ns = clock.monotonic_ns()
        for serial, probe in self._children.values():
            if probe.sample(with_children=False) is None:
                self._fact("process_end", process_serial=serial, mono_ns=now_ns, reason="ended")
        if self.wait_for_end(0):
            self._fact("process_end", process_serial=self._serial, mono_ns=now_ns, reason=reason)
        if self.pid_fd is not None:
            os.close(self.pid_fd)
            self.pid_fd = None

    def _adopt(self, key: tuple[int, float], name: str, command: str) -> None:
        serial, self._next_serial = self._next_serial, self._next_serial + 1
        try:
            probe = ProcessProbe(key[0])
        except psutil.NoSuchProcess:
            return
        self._children[key] = (serial, probe)
        self._write_process(
            serial,
            probe,
            parent_pid=self._probe.pid,
            name=name,
            command=command,
            tier="observe",
            python="",
            clock_kind=clock.CLOCK_MONOTONIC,
        )

    def _look_at_threads(self, now: frozenset[int], now_ns: int) -> None:
        for tid in sorted(now - self._threads):
            self._fact(
                "thread",
                process_serial=self._serial,
                tid=tid,
                name=thread_name(self._probe.pid, tid),
                mono_ns=now_ns,
            )
        for tid in sorted(self._threads - now):
            self._fact("thread_end", process_serial=self._serial, tid=tid, mono_ns=now_ns)
        self._threads = now

    def _write_process(self, process_serial: int, probe: ProcessProbe, **identity: object) -> None:
        """Identity: parent_pid, name, command, tier, python, clock_kind as in FORMAT.md, fact "process"."""
        self._fact(
            "process",
            process_serial=process_serial,
            pid=probe.pid,
            start_real_ns=int(probe.create_time * 1e9),
            mono_ns=clock.monotonic_ns(),
            **identity,
        )
