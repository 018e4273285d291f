"""The target as the operating system sees it, written into the journal: metrics, children, threads, its end."""

from __future__ import annotations

import itertools
import os
import select
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psutil

from capture import clock
from capture.drain.probe import (
    Identity,
    ProcessProbe,
    leaves_no_trace_of_children,
    program_of,
    reaped_faults,
    thread_name,
)
from capture.errors import TargetProblem
from scope_gui.recording.children import children_of, family

MOST_GONE = 4096
STAYS_NS = 1_500_000_000  # until then it may still turn out to be a Python that can be recorded


class Fact(Protocol):
    """Appends one fact to the journal."""

    def __call__(self, fact: str, /, **fields: object) -> None: ...


@dataclass
class _Child:
    """A process that is watched because the program has started it; `is_told`: as one that is not recorded."""

    serial: int
    probe: ProcessProbe
    identity: Identity
    is_told: bool = False
    since_ns: int = field(default_factory=clock.monotonic_ns)

    @property
    def key(self) -> tuple[int, float]:
        return self.probe.pid, self.probe.create_time


class OsWatch:
    """Looks at one process and its direct children, and at whatever else it is told to `watch`.

    Raises (constructor): TargetProblem when the process is gone.
    """

    def __init__(
        self,
        pid: int,
        process_serial: int,
        fact: Fact,
        *,
        observe_threads: bool,
        new_serials: Iterator[int] | None = None,
    ) -> None:
        """`new_serials` are for what it starts."""
        self._fact = fact
        self._serial = process_serial
        self._observe_threads = observe_threads
        self._threads: frozenset[int] = frozenset()
        self._children: dict[int, _Child] = {}
        self._gone: dict[tuple[int, float], None] = {}
        self._grandchildren: dict[int, str] = {}  # those of the last look, by what was said of them
        self._new_serials = new_serials or itertools.count(process_serial + 1000)
        self._recorded = set[int]() if observe_threads else {process_serial}
        self._uncharged = 0  # children that have ended, until their parent is charged for them
        self._untraced = False  # whether it is said that children may leave no trace
        self.ended = False
        try:
            self._probe = ProcessProbe(pid)
            self._reaped_faults = reaped_faults(pid)
            self.pid_fd: int | None = os.pidfd_open(pid)
        except (psutil.NoSuchProcess, ProcessLookupError) as error:
            raise TargetProblem(f"process {pid} has ended") from error

    def begin(self, *, tier: str, python: str, clock_kind: int, given: Sequence[str] = ()) -> None:
        """Writes who the process is; `given`: the words that it was started with, where these are known."""
        identity = self._probe.identity(given)
        self._write_process(self._serial, self._probe, identity, tier=tier, python=python, clock_kind=clock_kind)

    def look(self) -> None:
        """Writes one sample of everything watched."""
        sample = self._probe.sample()
        if sample is None:
            self.ended = True
            return
        now_ns = clock.monotonic_ns()
        self._fact("metric", mono_ns=now_ns, process_serial=self._serial, values=sample.values)
        known = {child.key for child in self._children.values()}
        for child in sample.children:
            if (child.pid, child.create_time) not in known:
                self._adopt(child.pid)
        for watched in list(self._children.values()):
            is_recorded = watched.serial in self._recorded
            values = watched.probe.sample(with_children=False, with_state=not is_recorded)
            if values is None:
                self._end_child(watched, now_ns)
            else:
                self._fact("metric", mono_ns=now_ns, process_serial=watched.serial, values=values.values)
                self._look_again_at(watched)
        self._look_for_short_ones()
        self._look_for_grandchildren()
        if self._observe_threads:
            self._look_at_threads(sample.thread_ids, now_ns)

    def look_for_children(self) -> None:
        """Takes note of children that have just begun: one that lives for a few milliseconds is named all the same."""
        for pid in children_of(self._probe.pid):
            if pid not in self._children:
                self._adopt(pid)

    def serial_for(self, pid: int) -> int:
        """A number that nothing was recorded under, for this process: that of its row, unless it is used up."""
        own = self._serial if pid == self._probe.pid else 0
        own = self._children[pid].serial if pid in self._children else own
        return next(self._new_serials) if not own or own in self._recorded else own

    def record(self, pid: int, serial: int, python: str) -> None:
        """Takes note that this process is recorded under that number from now on.

        Raises: psutil.NoSuchProcess.
        """
        probe = self._probe if pid == self._probe.pid else ProcessProbe(pid)
        if probe is self._probe:
            self._look_at_threads(frozenset(), clock.monotonic_ns())  # its recorder tells of them from now on
            self._observe_threads = False
        else:
            self._children[pid] = _Child(serial, probe, probe.identity(), is_told=True)
        self._recorded.add(serial)
        self._write_process(serial, probe, probe.identity(), tier="python", python=python)

    def _adopt(self, pid: int) -> None:
        try:
            probe = ProcessProbe(pid)
        except psutil.NoSuchProcess:
            return
        if (pid, probe.create_time) in self._gone:  # dead, and its parent has not asked how
            return
        child = self._children[pid] = _Child(next(self._new_serials), probe, probe.identity())
        self._write_process(child.serial, probe, child.identity, tier="observe")

    def _look_again_at(self, child: _Child) -> None:
        """A fresh child still has its parent's name; one that is here to stay, unrecorded, is said."""
        if child.is_told:
            return
        identity = child.probe.identity()
        if identity != child.identity:
            child.identity = identity
            self._write_process(child.serial, child.probe, identity, tier="observe")
        if clock.monotonic_ns() - child.since_ns > STAYS_NS:
            child.is_told = True
            self._say_not_recorded(child)

    def _say_not_recorded(self, child: _Child) -> None:
        if child.serial not in self._recorded:
            detail = child.identity.program or child.identity.name
            self._fact("unseen", process_serial=self._serial, code="child", detail=detail)

    def _end_child(self, child: _Child, now_ns: int) -> None:
        self._fact("process_end", process_serial=child.serial, mono_ns=now_ns, reason="ended")
        if not child.is_told:
            self._say_not_recorded(child)
        self._uncharged += 1
        self._children.pop(child.probe.pid, None)
        self._gone[child.key] = None
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _look_for_short_ones(self) -> None:
        """Says that a child has come and gone unseen: its parent was charged for one, and none that we know ended.

        Or that nobody could know, where a parent is not charged.
        """
        if not self._untraced and leaves_no_trace_of_children(self._probe.pid):
            self._untraced = True
            self._fact("unseen", process_serial=self._serial, code="child-untraced")
        faults = reaped_faults(self._probe.pid)
        if faults > self._reaped_faults:
            if not self._uncharged:
                self._fact("unseen", process_serial=self._serial, code="child-short")
            self._reaped_faults, self._uncharged = faults, 0

    def _look_for_grandchildren(self) -> None:
        """Says the names of processes that the program's children have started; of fresh ones at the next look."""
        near = {self._probe.pid, *self._children}
        seen: dict[int, str] = {}
        for pid in family(self._probe.pid):
            if pid in near:
                continue
            seen[pid] = told = self._grandchildren.get(pid, "")
            if pid in self._grandchildren and (name := program_of(pid)) != told:
                self._fact("unseen", process_serial=self._serial, code="child", detail=name)
                seen[pid] = name
        self._grandchildren = seen

    def wait_for_end(self, seconds: float) -> bool:
        """Whether the process ends within that time."""
        if self.pid_fd is not None:
            readable, _, _ = select.select([self.pid_fd], [], [], seconds)
            self.ended = self.ended or bool(readable)
        return self.ended

    def end(self, reason: str) -> None:
        """Closes the books: the target's end if it ended, and our descriptor."""
        now_ns = clock.monotonic_ns()
        for child in list(self._children.values()):
            if child.probe.sample(with_children=False) is None:
                self._end_child(child, now_ns)
            elif not child.is_told:
                self._say_not_recorded(child)
        self._look_for_short_ones()
        if self.wait_for_end(0):
            self._fact("process_end", process_serial=self._serial, mono_ns=now_ns, reason=reason)
        if self.pid_fd is not None:
            os.close(self.pid_fd)
            self.pid_fd = None

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

    def _write_process(
        self,
        process_serial: int,
        probe: ProcessProbe,
        identity: Identity,
        *,
        tier: str,
        python: str = "",
        clock_kind: int = clock.CLOCK_MONOTONIC,
    ) -> None:
        """As in FORMAT.md, fact "process"; a later one for the same number wins."""
        self._fact(
            "process",
            process_serial=process_serial,
            pid=probe.pid,
            parent_pid=identity.parent_pid,
            name=identity.name,
            command=identity.command,
            start_real_ns=int(probe.create_time * 1e9),
            mono_ns=clock.monotonic_ns(),
            tier=tier,
            python=python,
            clock_kind=clock_kind,
        )
