"""What recording costs: per event, for ten million calls, and to get into a live process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench import programs
from tests.bench.measure import SCOPE, Run, median, run
from tests.bench.report import Row
from tests.interpreters import ROOT, Interpreter, found

ROUNDS = 5
CALLS = 3_000_000
CALLS_ALONE = ("--values", "off", "--never-run", "off")
"""What tools beside ours record: without arguments, results and lines."""


def cost_per_event(folder: Path) -> list[Row]:
    """Two rows per interpreter: ns per recorded event of ours, cProfile and VizTracer, rounds interleaved; and how many
    ns a call takes more with its arguments and its result, as it is recorded where nobody asks for less.

    The bar is for wall time. CPU time of the program's thread stands beside it, for on two processors most of the
    difference is waiting: where that thread takes 44 ns an event, plain program included, the recorder takes 27 and the
    sealer, whose imports fall into so short a run, 56. VizTracer has nobody beside it until it saves. Of the CPU time,
    ns an event on Python 3.12 and 3.13:

    ===========================================================  ====  ====
    an empty callback, called directly                            8.1  11.4
    reading the clock                                             2.4   2.5
    finding the code's number, writing the record                 4.0   3.1
    all of that                                                  14.5  17.0
    a reader in another process that copies the records           0.1   0.4
    a chunk that is new: the kernel's zeroing                      11    11
    ===========================================================  ====  ====

    Source: loops of 4 000 events whose chunks come back, the 5 % quantile of 600 loops, median of 7 turns; the first
    two lines with callbacks in C that do no more, the best of 7 turns (a reading alone takes 10 ns, most of which
    overlaps); the other processes from /proc/PID/schedstat.
    """
    program = folder / "calls.py"
    program.write_text(programs.CALLS)
    rows = []
    for interpreter in found():
        python = str(interpreter.path)
        viztracer = _viztracer_python(interpreter)
        runs: dict[str, list[Run]] = {"none": [], "scope": [], "values": [], "cprofile": [], "viztracer": []}
        for number in range(ROUNDS):
            runs["none"].append(run([python, program, CALLS]))
            for kind, flags in (("scope", CALLS_ALONE), ("values", ())):
                session = folder / f"cost-{interpreter.minor}-{number}.scope"
                words = [*SCOPE, "run", "--no-window", "--memory", 256, *flags, "-o", session, "--"]
                runs[kind].append(run([*words, python, program, CALLS]))
                _require_all_recorded(session, 2 * CALLS)
                shutil.rmtree(session)
            runs["cprofile"].append(run([python, program, CALLS, "cprofile"]))
            if viztracer:
                runs["viztracer"].append(run([viztracer, program, CALLS, "viztracer"]))
        cost, cpu = _added_ns(runs, "ELAPSED_NS"), _added_ns(runs, "CPU_NS")
        bar_ns, bar_share = (25, 0.4) if interpreter.version >= (3, 12) else (45, 0.7)
        ours, theirs = cost["scope"], cost.get("viztracer")
        note = f"x {ours / theirs:.2f}; " if theirs else ""
        note += f"CPU of its thread {cpu['scope']:.1f} ns" + (
            f", x {cpu['scope'] / cpu['viztracer']:.2f}" if theirs else ""
        )
        rows.append(
            Row(
                f"cost per event, Python {interpreter}",
                f"{ours:.1f} ns",
                f"<= {bar_ns} ns and <= {bar_share} x VizTracer",
                f"VizTracer {theirs:.1f} ns, cProfile {cost['cprofile']:.1f} ns" if theirs else "VizTracer not there",
                ours <= bar_ns and (theirs is None or ours <= bar_share * theirs),
                note=note,
            )
        )
        more = 2 * (cpu["values"] - cpu["scope"])
        rows.append(
            Row(
                f"argument and result of a call, Python {interpreter}",
                f"{more:.1f} ns",
                "<= 15 ns",
                "",
                more <= 15,
                note="CPU of its thread",
            )
        )
    return rows


def _added_ns(runs: dict[str, list[Run]], word: str) -> dict[str, float]:
    """By tool, what it adds to an event: the difference of medians of what the program says after `word`."""
    told = {tool: median([one.number(word) for one in of_tool]) for tool, of_tool in runs.items() if of_tool}
    return {tool: (ns - told["none"]) / (2 * CALLS) for tool, ns in told.items()}


def ten_million_calls(folder: Path, *, calls: int = 10_000_000) -> list[Row]:
    """Recorded and saved: wall time and memory, beside VizTracer on the same program and interpreter."""
    program = folder / "mixed.py"
    program.write_text(programs.MIXED)
    session = folder / "ten-million.scope"
    words = [*SCOPE, "run", "--no-window", *CALLS_ALONE, "-o", session, "--", sys.executable, program, calls]
    ours = run(words, counts=_is_recorder)
    info = _info(session)
    theirs = _viztracer_saves(folder, program, calls)
    rate = info["recorded"] / ours.seconds / 1e6
    rows = [
        Row(
            f"{calls / 1e6:g} M calls recorded and saved",
            f"{ours.seconds:.1f} s",
            "<= 0.2 x VizTracer",
            f"{theirs.seconds:.1f} s" if theirs else "not there",
            theirs is None or ours.seconds <= 0.2 * theirs.seconds,
            note=(f"x {ours.seconds / theirs.seconds:.2f}, " if theirs else "") + f"{rate:.1f} M events/s in all",
        ),
        Row(
            "events dropped in that run",
            str(info["dropped"]),
            "0",
            "",
            info["dropped"] == 0 and info["produced"] == info["recorded"],
        ),
        Row(
            "recorder memory in that run",
            _mib(ours.peak_bytes),
            "<= 400 MiB",
            _mib(theirs.peak_bytes) if theirs else "",
            ours.peak_bytes <= 400 << 20,
        ),
        Row(
            "bytes on disk per event",
            f"{info['size_bytes'] / info['recorded']:.2f}",
            "<= 8",
            f"{(folder / 'viztracer.json').stat().st_size / info['recorded']:.0f}" if theirs else "",
            info["size_bytes"] <= 8 * info["recorded"],
        ),
    ]
    (folder / "viztracer.json").unlink(missing_ok=True)
    return rows


def attach_time(folder: Path) -> list[Row]:
    """From the command to the recording, on a process that was already running."""
    program = folder / "waiting.py"
    program.write_text(programs.WAITING)
    rows = []
    for interpreter in found():
        seconds = []
        with _target([str(interpreter.path), str(program)]) as pid:
            for number in range(ROUNDS):
                session = folder / f"attach-{interpreter.minor}-{number}.scope"
                began = time.perf_counter()
                recorder = subprocess.Popen(
                    [*SCOPE, "attach", str(pid), "--no-window", "-o", str(session)], stderr=subprocess.PIPE, text=True
                )
                assert recorder.stderr is not None
                for line in recorder.stderr:
                    if "recording process" in line:
                        seconds.append(time.perf_counter() - began)
                        recorder.send_signal(signal.SIGINT)
                if recorder.wait() != 0:
                    raise AssertionError(f"attach failed with {recorder.returncode}")
        rows.append(
            Row(
                f"attach to a live PID, Python {interpreter}",
                f"{median(seconds):.2f} s",
                "<= 0.5 s",
                "debugpy 0.46 s (3.14), 2.04 s (gdb)",
                median(seconds) <= 0.5,
            )
        )
    return rows


def _is_recorder(process: psutil.Process) -> bool:
    return any("scope_gui" in word for word in process.cmdline()[:3])


def _viztracer_saves(folder: Path, program: Path, calls: int) -> Run | None:
    if shutil.which("viztracer", path=str(Path(sys.executable).parent)) is None:
        return None
    return run(
        [
            sys.executable,
            "-m",
            "viztracer",
            "--quiet",
            "--ignore_c_function",
            "--tracer_entries",
            2 * calls,
            "-o",
            folder / "viztracer.json",
            program,
            calls,
        ],
        counts=lambda process: True,
    )


def _viztracer_python(interpreter: Interpreter) -> str | None:
    """An interpreter of that version that has VizTracer, set up once under .tools; None when it cannot be had."""
    if interpreter.version[:2] == sys.version_info[:2]:
        return sys.executable
    home = ROOT / ".tools" / f"viztracer-{interpreter.minor}"
    python = home / "bin" / "python"
    if not python.exists():
        made = subprocess.run([str(interpreter.path), "-m", "venv", str(home)], capture_output=True, check=False)
        if made.returncode:
            return None
    check = [str(python), "-c", "import viztracer"]
    if subprocess.run(check, capture_output=True, check=False).returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", "viztracer"], capture_output=True, check=False)
    return str(python) if subprocess.run(check, capture_output=True, check=False).returncode == 0 else None


def _require_all_recorded(session: Path, events: int) -> None:
    info = _info(session)
    if info["dropped"] or info["recorded"] < events:
        raise AssertionError(f"a cost that was measured while losing events is none: {info}")


def _info(session: Path) -> dict[str, int]:
    return json.loads(run([*SCOPE, "info", session, "--json"]).output)  # type: ignore[no-any-return]


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


@contextlib.contextmanager
def _target(argv: list[str]) -> Iterator[int]:
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "READY":
            raise AssertionError(f"{argv} did not start")
        yield process.pid
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
