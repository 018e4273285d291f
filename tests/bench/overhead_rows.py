"""What recording adds to a program's CPU time, and what Scope says: bare and recorded runs take turns."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import Row
from tests.interpreters import ROOT, Interpreter, found
from tests.scope_command import run_recorded
from tests.thirdparty import installed

PROGRAMS = ROOT / "tests" / "faults" / "programs"
ROUNDS = 3
ENOUGH = 0.2
"""Added share from which the figure that is told can be judged: a neighbour on the same core adds a tenth by itself."""
FACTOR = 1.5
WORST = 2.0
"""What no program may be told beyond. Work of many kinds at once, with cold caches, is told 0.6 of what it adds."""
AGREES = 0.1

TIMES = {
    "recorded_nothing": 4000,
    "recorded_calls": 3000,
    "recorded_generators": 3000,
    "recorded_objects": 1600,
    "recorded_loops": 1200,
    "recorded_failures": 1200,
    "left_out_calls": 5000,
    "left_out_failures": 2500,
    "html": 600,
}
"""Of tests/faults/programs/busy.py, each half a second or so of CPU time without a recording."""

MIXED = {"text": 350, "simulation": 6000, "pipeline": 2500, "templates": 120, "unparse": 50, "decimals": 900}
"""Of tests/faults/programs/mixed.py: work of several kinds at once."""

INCLUDED = {"templates": ("jinja2*",), "unparse": ("ast", "_ast_unparse"), "decimals": ("_pydecimal",)}
"""Code of others that is recorded, because little of its time would go to recording otherwise."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Medians, `least_added` between the best of each. Units: s of CPU time; shares of that of the recorded program."""

    bare_s: float
    recorded_s: float
    added: float
    least_added: float
    told: float

    @property
    def factor(self) -> float:
        """By how much the figure told is too high (or, below 1, too low)."""
        return self.told / self.added if self.added > 0 else 0.0


def mixed(interpreter: Interpreter, kind: str, folder: Path) -> list[str]:
    """As `busy`, of tests/faults/programs/mixed.py; `folder`: where installed packages lie."""
    return [str(interpreter.path), str(PROGRAMS / "mixed.py"), kind, str(MIXED[kind]), str(folder)]


def busy(interpreter: Interpreter, kind: str, folder: Path, *, part: int = 1) -> list[str]:
    """A program that spends its time in one way and prints the CPU time of it, as the kernel counts it.

    `part`: of its usual length, one over this.
    """
    library = folder / "site-packages"
    library.mkdir(exist_ok=True)
    shutil.copy(PROGRAMS / "library" / "busy_library.py", library)
    return [str(interpreter.path), str(PROGRAMS / "busy.py"), kind, str(TIMES[kind] // part), str(library)]


def measured_kind(interpreter: Interpreter, kind: str, rounds: int, folder: Path, packages: Path) -> Overhead:
    """One of `TIMES` or `MIXED`; `packages`: where jinja2 lies."""
    if kind in TIMES:
        return measured(busy(interpreter, kind, folder), rounds, folder)
    return measured(mixed(interpreter, kind, packages), rounds, folder, INCLUDED.get(kind, ()))


def measured(command: Sequence[str], rounds: int, folder: Path, include: Sequence[str] = ()) -> Overhead:
    """The program bare and recorded in turns, so that both meet the same machine; the share is that of each pair.

    `include`: modules that are recorded though they are not the user's.
    """
    pairs: list[_Pair] = []
    while len(pairs) < rounds:
        pairs.append(_pair(command, folder, include))
    return _overhead(pairs)


def measured_until_steady(command: Sequence[str], most_rounds: int, folder: Path) -> Overhead | None:
    """The same with as many pairs as it takes until the two best runs of each kind agree, three at least.

    None when they never do: then this machine is too busy to say what a program's CPU time is.
    """
    pairs: list[_Pair] = []
    while len(pairs) < most_rounds:
        pairs.append(_pair(command, folder, ()))
        if len(pairs) >= 3 and all(_agree(times) for times in zip(*(pair[:2] for pair in pairs), strict=True)):
            return _overhead(pairs)
    return None


_Pair = tuple[float, float, float]


def _pair(command: Sequence[str], folder: Path, include: Sequence[str]) -> _Pair:
    """CPU time of a bare run, of a recorded one, and the share that is told of that."""
    patterns = (*include, "__main__") if include else ()
    flags = ("--memory", "256", *(word for pattern in patterns for word in ("--include", pattern)))
    bare_s = float(subprocess.check_output(command))
    session = folder / "overhead.scope"
    done = run_recorded(session, command, *flags)
    shutil.rmtree(session)
    share = re.search(r"about ([0-9.]+)% of the program's CPU time", done.stderr)
    return bare_s, float(done.stdout), float(share[1]) / 100 if share else 0.0


def _agree(times: Sequence[float]) -> bool:
    best, second = sorted(times)[:2]
    return second <= best * (1 + AGREES)


def _overhead(pairs: Sequence[_Pair]) -> Overhead:
    bare_s, recorded_s, told = zip(*pairs, strict=True)
    times = statistics.median(after / before for before, after, _ in pairs)
    return Overhead(
        bare_s=statistics.median(bare_s),
        recorded_s=statistics.median(recorded_s),
        added=1 - 1 / times,
        least_added=1 - min(bare_s) / min(recorded_s),
        told=statistics.median(told),
    )


def overhead(folder: Path) -> list[Row]:
    """One row for each program and interpreter; what is left out has rows of its own."""
    rows = []
    for interpreter in found():
        for kind in (*TIMES, *MIXED):
            one = measured_kind(interpreter, kind, ROUNDS, folder, installed(interpreter))
            judged = one.added >= ENOUGH
            rows.append(
                Row(
                    f"CPU time added to {kind.replace('_', ' ')}, Python {interpreter}",
                    f"{one.added:.0%}",
                    f"told within x {FACTOR}" if judged else "",
                    "",
                    not judged or 1 / FACTOR < one.factor < FACTOR,
                    note=f"told {one.told:.0%}; {one.bare_s:.2f} s bare, {one.recorded_s:.2f} s recorded",
                )
            )
            print(f"  {rows[-1].what}: {rows[-1].ours}, {rows[-1].note}", flush=True)
    return rows
