"""One seed: a recording with what befalls it, its recoveries, and the judgement."""

from __future__ import annotations

import ctypes
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from tests.simulator import native, oracle
from tests.simulator.kernel import Disk, Kernel, Trigger
from tests.simulator.processes import Plan, Recovered, Simulation
from tests.simulator.world import START_NS, World

MOST_RECOVERIES = 4
MEMORY = Path("/dev/shm")  # nothing is asked of a disk here, so none is needed
JOURNAL, TORN, ANYTHING = "write a.scope/journal/.*jrn", "write .*jrn .* torn", ""
RECORDER_STEPS = (
    JOURNAL, JOURNAL, TORN, ANYTHING, "create", "fdatasync", "mkdir", "write shm", "unlink shm/.*pool.bin",
    "unlink shm/.*defs.bin", "rmdir shm", "unlink",
)  # fmt: skip
SEALER_STEPS = (
    ANYTHING, ANYTHING, "write a.scope/manifest", "rename .*manifest.json", "rename .*manifest.bak", "fsync",
    "write a.scope/segments", "write a.scope/defs", "write .*resume", "write a.scope/cache", "create",
    "unlink a.scope/journal/.*jrn", "unlink a.scope/segments", "unlink a.scope/defs", "unlink a.scope/cache", "unlink",
)  # fmt: skip
STEPS = {
    "recorder": RECORDER_STEPS,
    "sealer": SEALER_STEPS,
    "recover": (*SEALER_STEPS, JOURNAL, TORN, "ftruncate", "fdatasync", "unlink shm/.*pool.bin", "rmdir"),
}
VICTIMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "recorder": (("recorder", "sealer"), ("recorder",), ("sealer",), ("target",), ("recorder", "target", "sealer")),
    "recover": (("recover",), ("recover", "target")),
}
MANY = {JOURNAL: 25.0, ANYTHING: 50.0}  # how many there are about


class Result(msgspec.Struct):
    """What a seed came to."""

    seed: int
    log: list[str]
    findings: list[str]


def run(seed: int) -> Result:
    """Runs one seed in a folder of its own."""
    native.library().sim_forget()
    folder = Path(tempfile.mkdtemp(prefix="simulated-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        return _Run(seed, folder).result()
    finally:
        native.library().sim_forget()
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.world = World(seed, folder)
        self.random = random.Random(~seed)
        self.disk = Disk(shared_memory_has_room=self.random.random() < 0.8)
        self.kernel = Kernel(self.world, self.disk)
        self.simulation = Simulation(self.world, self.kernel, self._plan())
        self.findings = oracle.Findings()

    def _plan(self) -> Plan:
        r = self.random
        ends_with_program, is_tight = r.random() < 0.5, r.random() < 0.25
        self._give_room(r.choice((3, 3, 4)) if is_tight else 1000)
        return Plan(
            blocks=2 if is_tight else r.choice((2, 2, 3, 8)),
            threads=r.choice((6, 12, 24) if is_tight else (1, 2, 3, 6)),
            events=int(r.lognormvariate(6.0 if is_tight else 5.5, 0.8)),
            burst=r.choice((100, 300) if is_tight else (1, 3, 20, 100)),
            pause_ns=r.choice((200_000, 2_000_000, 10_000_000, 60_000_000)),
            big_states=0.5 if is_tight else r.choice((0.0, 0.1, 0.5)),
            waits_when_full=r.random() < 0.3,
            ends_with_program=ends_with_program,
            program_ends_ns=START_NS + int(r.uniform(0, 2e9)),
            duration_s=None if ends_with_program else r.choice((0.05, 0.3, 1.5)),
        )

    def result(self) -> Result:
        with self.simulation.installed():
            self._arm("recorder")
            self.simulation.record()
            self._recover_early()
            self._go()
            self._recover()
        self._judge()
        return Result(self.seed, self.world.log, self.findings.sentences)

    def _go(self) -> None:
        self.world.run()
        for process in self.world.processes:
            for actor in process.actors:
                if actor.error is not None:
                    self.findings.expect(False, f"{actor.name} ended with {type(actor.error).__name__}: {actor.error}")
                    actor.error = None

    def _recover_early(self) -> None:
        """Somebody does not wait until the recorder is gone."""
        for letter in "xy"[: self.random.choice((0, 0, 0, 1, 2))]:
            self._at(self.random.expovariate(1 / 0.2), partial(self.simulation.recover, f"recover-{letter}"))

    # -- what befalls it

    def _arm(self, name: str) -> None:
        """Decides what the world does to the processes that come next."""
        r, disk = self.random, self.disk
        self._disarm()
        disk.short_writes = r.choice((0.0, 0.0, 0.05, 0.3))
        if r.random() < 0.7:
            others = r.choice(
                ((), (), ("sealer",), ("sealer", "target"), ("sealer", "target", "recorder"), ("target",))
            )
            who = r.choice(("recorder", "sealer")) if name == "recorder" else name
            what = r.choice(STEPS[who])
            nth = 1 + int(r.expovariate(1 / MANY.get(what, 2.0)))
            if what == TORN:
                disk.short_writes = 0.3
            disk.triggers.append(Trigger(who, what, nth, r.random() < 0.5, others))
        if r.random() < 0.4:
            names = r.choice(VICTIMS[name])
            self._at(
                r.expovariate(1 / (r.choice((0.02, 0.2)) if name == "recorder" else 0.01)), lambda: self._kill(names)
            )
        if r.random() < 0.25:
            begins = r.expovariate(1 / 0.2)
            self._at(begins, lambda: self._fill(True))
            if r.random() < 0.6:
                self._at(begins + r.expovariate(1 / 0.05), lambda: self._fill(False))
        if r.random() < 0.15:
            disk.broken_at |= {disk.operations + int(r.lognormvariate(3.5, 1.2)) for _ in range(r.choice((1, 1, 3)))}
        if name == "recover" and r.random() < 0.15:
            disk.lies_after = r.randrange(1, 8)
        if r.random() < 0.2:
            self._at(r.expovariate(1 / 0.2), lambda: self._fill_shared_memory(r.random() < 0.8))

    def _disarm(self) -> None:
        self.world.due.clear()
        self.disk.triggers.clear()
        self.disk.broken_at.clear()
        self.disk.is_full = False
        self.disk.lies_after = 0
        self.disk.short_writes = 0.0

    def _at(self, after_s: float, what: Callable[[], object]) -> None:
        self.world.due.append((self.world.now_ns + int(after_s * 1e9), what))
        self.world.due.sort(key=lambda one: one[0])

    def _kill(self, names: tuple[str, ...]) -> None:
        for process in self.world.processes:
            if process.name.startswith(names) and not process.is_over:
                self.world.say(f"kills {process.name}")
                process.is_over = process.was_killed = True

    def _fill(self, is_full: bool) -> None:
        self.world.say("the disk is full" if is_full else "the disk has room")
        self.disk.is_full = is_full

    def _fill_shared_memory(self, is_full: bool) -> None:
        self.world.say("shared memory is full" if is_full else "shared memory has room")
        self._give_room(0 if is_full else 1000)

    def _give_room(self, times: int) -> None:
        ctypes.c_int32.in_dll(native.library(), "sim_room").value = times

    # -- and after it

    def _recover(self) -> None:
        simulation = self.simulation
        if simulation.is_given_up or (not simulation.has_begun and simulation.outcome is not None):
            return  # it was refused, and said so
        for number in range(self.random.randrange(MOST_RECOVERIES)):
            self._arm("recover")
            for letter in "ab"[: self.random.choice((1, 1, 1, 2))]:
                simulation.recover(f"recover{number}{letter}")
            self._go()
        self._disarm()
        self.last = simulation.recover("recover")
        self._go()
        self.again = simulation.recover("again")
        self._go()

    def _judge(self) -> None:
        simulation, findings = self.simulation, self.findings
        if simulation.is_given_up or (not simulation.has_begun and simulation.outcome is not None):
            is_tidy = not simulation.session.exists() or self.disk.was_broken or simulation.outcome is None
            findings.expect(is_tidy, "the recording never began, and its folder is there")
            return
        truth = oracle.published(native.published_bytes()) if simulation.target.process is not None else {}
        if not truth and self.last.problem is not None:
            return  # killed before there was anything
        _expect_recovered(self.last, self.again, findings)
        if self.last.problem is None:
            is_torn = any(process.was_killed for process in self.kernel.torn_at_the_end)
            oracle.judge(simulation.session, truth, native.dropped_by_target(), findings, may_tell_damage=is_torn)
            left = [path.name for path in (self.world.folder / "shm").iterdir()]
            findings.expect(not left, f"left in shared memory: {left}")


def _expect_recovered(last: Recovered, again: Recovered, findings: oracle.Findings) -> None:
    findings.expect(last.problem is None, f"it cannot be recovered: {last.problem}")
    if last.problem is None:
        nothing = any("nothing to recover" in said for said in again.said)
        findings.expect(nothing, f"a second recovery finds something to do: {again.said or again.problem}")
