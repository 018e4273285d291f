"""`make fuzz`: all targets for a while, each input where a crash is contained; ends with 0 only when nothing was found.

FUZZ_SECONDS (600) is for all of them together, by the clock; FUZZ_TARGET names some of them. Inputs of findings are in
out/fuzz, and `python -m tests.fuzz TARGET FILE` reads one of them again, in an ordinary process.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import sanitized
from tests.fuzz.table import BY_NAME, TARGETS, Target
from tests.fuzz.verdict import ROOT, TOO_LONG, Finding, judged
from tests.fuzz.worker import Note, keep

KEPT = ROOT / "build" / "fuzz"
FOUND = ROOT / "out" / "fuzz"
LIBRARY = KEPT / "library"
_EDGES = re.compile(r"^#\d+\b.*?\bcov: (\d+)", re.MULTILINE)
_REPORT = re.compile(r"(SUMMARY: .*|runtime error: .*|libFuzzer: .*|Fatal Python error: .*)")
_SAY_EVERY_S = 30
_MOST_CRASHES = 20


@dataclass
class Run:
    """One target's turn."""

    target: Target
    seconds: float
    cases: int = 0
    edges: int = 0
    took_s: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)
    crashes: int = 0

    def __str__(self) -> str:
        rate = self.cases / self.took_s if self.took_s else 0
        counts = f"{self.cases:9} cases {rate:7.0f}/s {self.edges:6} edges"
        return f"{self.target.name:12} {counts} {len(self.findings):3} findings"


def run(turn: Run, seed: int, environment: dict[str, str]) -> Run:
    """The target for its seconds, started again as often as it dies."""
    folder = KEPT / turn.target.name
    if turn.target.is_native:
        environment = {**environment, "PYTHONMALLOC": "malloc"}
    folder.mkdir(parents=True, exist_ok=True)
    began, before = time.monotonic(), 0
    while (left := turn.seconds - (time.monotonic() - began)) > 2 and turn.crashes < _MOST_CRASHES:
        words = [sys.executable, "-m", "tests.fuzz.worker", turn.target.name, str(folder), str(left), str(seed)]
        with (
            tempfile.TemporaryFile("w+", errors="replace") as said,
            subprocess.Popen(
                words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=said, text=True
            ) as worker,
        ):
            follow = threading.Thread(target=_follow, args=(turn, worker, said.fileno(), before))
            follow.start()
            assert worker.stdout is not None
            for line in worker.stdout:
                if line.startswith("{"):
                    _note(turn, json.loads(line))
            worker.wait()
            follow.join()
            said.seek(0)
            words_said = said.read()
        before = turn.cases
        seed += 1
        if worker.returncode:
            turn.crashes += 1
            _note(turn, keep(folder, _death(worker.returncode, words_said), Note.found(folder)[1]))
    return turn


def _death(status: int, said: str) -> Finding:
    """Why a worker has ended, without what differs from one process to the next."""
    if "libFuzzer: timeout" in said:
        return Finding(TOO_LONG, said[-6000:])
    report = _REPORT.search(said)
    what = f"the process ended with {status}: {report[1] if report else said[-200:]}"
    return Finding(re.sub(r"0x[0-9a-f]+|\(BuildId.*\)", "", what), said[-6000:])


def _follow(turn: Run, worker: subprocess.Popen[str], said: int, before: int) -> None:
    """Counts while it runs: cases by its note, edges by libFuzzer's words."""
    began, spent_s = time.monotonic(), turn.took_s
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(2)
        tail_at = max(0, os.fstat(said).st_size - 8192)
        edges = _EDGES.findall(os.pread(said, 8192, tail_at).decode(errors="replace"))
        turn.edges = max([turn.edges, *map(int, edges)])
        with contextlib.suppress(FileNotFoundError):
            turn.cases = before + Note.found(KEPT / turn.target.name)[0]
        turn.took_s = spent_s + time.monotonic() - began
        if worker.returncode is not None:
            return


def _note(turn: Run, told: dict[str, str]) -> None:
    """Keeps a finding; one about time or memory only when an ordinary process takes as much."""
    finding = Finding(told["what"], told["details"])
    if finding.is_cost:
        words = [sys.executable, "-m", "tests.fuzz", turn.target.name, told["file"]]
        try:
            again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        except subprocess.TimeoutExpired:
            again = None
        if again is not None and not again.returncode:
            return
    if finding.what in turn.findings:
        return
    turn.findings[finding.what] = finding
    place = FOUND / turn.target.name
    place.mkdir(parents=True, exist_ok=True)
    kept = place / Path(told["file"]).name
    kept.write_bytes(Path(told["file"]).read_bytes())
    kept.with_suffix(".txt").write_text(f"{finding.what}\n\n{finding.details}\n")
    print(f"FOUND {turn.target.name}: {finding.what}\n      {kept.relative_to(ROOT)}", flush=True)


def _fuzzer() -> Path | None:
    return next(LIBRARY.glob("atheris/core_with_libfuzzer*.so"), None)


def fuzz(names: list[str], seconds: float) -> int:
    """All these targets, as many at once as there are processors; 0 when nothing was found."""
    chosen = [BY_NAME[name] for name in names] or list(TARGETS)
    environment = sanitized.environment(_fuzzer()) if sanitized.build() else dict(os.environ)
    environment["PYTHONPATH"] = str(LIBRARY)
    at_once = min(os.cpu_count() or 1, len(chosen))
    share_s = seconds * at_once / len(chosen)
    turns = [Run(target, share_s) for target in chosen]
    seed = int(time.time())
    print(f"{len(chosen)} targets, {at_once} at once, {share_s:.0f} s each; seed {seed}", flush=True)
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(run, turn, seed, environment) for turn in turns]
        last_s = time.monotonic()
        while not all(one.done() for one in running):
            time.sleep(1)
            if time.monotonic() - last_s > _SAY_EVERY_S:
                last_s = time.monotonic()
                print(
                    *(f"  {turn}" for turn, one in zip(turns, running, strict=True) if one.running()),
                    sep="\n",
                    flush=True,
                )
        for one in running:
            one.result()
    print(*turns, sep="\n")
    return int(any(turn.findings or not turn.cases for turn in turns))


def again(name: str, file: Path) -> int:
    """Reads one input as an ordinary process does, and says what is wrong."""
    finding = judged(BY_NAME[name].module.read, file.read_bytes())
    print("nothing is wrong" if finding is None else f"{finding.what}\n{finding.details}")
    return int(finding is not None)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        sys.exit(again(sys.argv[1], Path(sys.argv[2])))
    sys.exit(fuzz(os.environ.get("FUZZ_TARGET", "").split(), float(os.environ.get("FUZZ_SECONDS") or 600)))
