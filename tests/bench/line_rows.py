"""What a line costs that is recorded with all its locals."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bench import programs
from tests.bench.measure import SCOPE, run
from tests.bench.report import Row
from tests.interpreters import found

WORDS = {"few": "5 locals", "many": "21 locals", "containers": "7 locals with a list and a dict"}
BAR_NS = 40


def cost_of_lines(folder: Path) -> list[Row]:
    """Three rows per interpreter that tells lines: ns per recorded line, beside a tracer in Python that does nothing
    and one that copies the locals.

    Loops of 400 lines, recorded and not in turns within one program; the difference of their 5 % quantiles, so that
    what the other processes take from it counts as little as it can.
    """
    program = folder / "lines.py"
    program.write_text(programs.LINES)
    rows = []
    for interpreter in found():
        if interpreter.version < (3, 12):
            continue
        python = str(interpreter.path)
        session = folder / f"lines-{interpreter.minor}.scope"
        words = [*SCOPE, "run", "--no-window", "--lines", "chosen", "--include", "chosen", "-o", session, "--"]
        recorded = run([*words, python, program, "scope"])
        shutil.rmtree(session)
        peers = {tracer: run([python, program, tracer]) for tracer in ("idle", "copies")}
        for name, locals_are in WORDS.items():
            ours, idle, copies = (one.number(name) / 1000 for one in (recorded, peers["idle"], peers["copies"]))
            rows.append(
                Row(
                    f"a line with all its locals ({locals_are}), Python {interpreter}",
                    f"{ours:.1f} ns",
                    f"<= {BAR_NS} ns",
                    f"sys.settrace in Python: idle {idle:.1f} ns, copying locals {copies:.1f} ns",
                    ours <= BAR_NS,
                )
            )
    return rows
