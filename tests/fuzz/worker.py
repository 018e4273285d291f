"""One target in a process of its own: `python -m tests.fuzz.worker TARGET FOLDER SECONDS SEED`.

Each input is noted in FOLDER before it is read, so that whoever started this process finds it when the process dies of
it. Findings go to stdout, a JSON line each; libFuzzer's own words go to stderr.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import mmap
import struct
import sys
import time
from pathlib import Path
from random import Random

from tests.fuzz.table import BY_NAME, Target, changed, known
from tests.fuzz.verdict import Finding, judged

CURRENT = "current"
CORPUS = "corpus"
_NOTE_BYTES = 1 << 17
_NOTE = struct.Struct("<QQ")
_MOST_TOLD = 200
_HANGS_S = 120  # by the clock, on a machine that may be busy with other things
_MOST_RESIDENT_MIB = 6144


class Note:
    """The input that is being read, where it outlives the process."""

    def __init__(self, folder: Path) -> None:
        file = folder / CURRENT
        file.write_bytes(bytes(_NOTE_BYTES))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _NOTE_BYTES)

    def put(self, cases: int, data: bytes) -> None:
        """This one is next, after so many others."""
        self._memory[_NOTE.size : _NOTE.size + len(data)] = data
        self._memory[: _NOTE.size] = _NOTE.pack(len(data), cases)

    @staticmethod
    def found(folder: Path) -> tuple[int, bytes]:
        """How many inputs were read, and the last one."""
        noted = (folder / CURRENT).read_bytes() or bytes(_NOTE.size)
        length, cases = _NOTE.unpack_from(noted)
        return cases, noted[_NOTE.size : _NOTE.size + length]


class Judge:
    """Reads inputs and tells each fault once."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target, self._module, self._folder = target, target.module, folder
        self._note = Note(folder)
        self._told: set[str] = set()
        self.cases = 0

    def __call__(self, data: bytes) -> None:
        data = data[: self._target.most_bytes]
        self.cases += 1
        self._note.put(self.cases, data)
        finding = judged(self._module.read, data)
        if finding is not None and finding.what not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(finding.what)
            print(json.dumps(keep(self._folder, finding, data)), flush=True)


def keep(folder: Path, finding: Finding, data: bytes) -> dict[str, str]:
    """Saves the input of a finding; what is told of it."""
    file = folder / f"found-{hashlib.sha256(finding.what.encode()).hexdigest()[:12]}"
    file.write_bytes(data)
    return {"what": finding.what, "details": finding.details, "file": str(file)}


def guided(target: Target, folder: Path, seconds: float, seed: int) -> None:
    """Follows what covers new edges, of Python and of C; ends the process.

    Raises: ImportError without atheris.
    """
    import atheris  # noqa: PLC0415 - a library of this alone

    with atheris.instrument_imports(include=["capture", "dags", "scope_gui.recording"]):
        from tests.fuzz import sanitized  # noqa: PLC0415 - whatever is imported before this is not followed

        libraries = sanitized.use()
        judge, module = Judge(target, folder), target.module
    core = next(Path(atheris.__file__).parent.glob("core_with_libfuzzer*.so"))
    sanitized.tell_of_edges(libraries, ctypes.CDLL(str(core)))
    corpus = folder / CORPUS
    corpus.mkdir(exist_ok=True)
    for name, data in known(target).items():
        (corpus / name.replace(" ", "-")).write_bytes(data)

    def mutated(data: bytes, most_bytes: int, number: int) -> bytes:
        dice = Random(number)
        if dice.random() < 0.3:
            return bytes(atheris.Mutate(data, most_bytes))
        return module.mutated(data, dice)[:most_bytes]

    flags = {
        "max_total_time": max(1, round(seconds)), "seed": seed, "max_len": target.most_bytes, "len_control": 0,
        "timeout": _HANGS_S, "rss_limit_mb": _MOST_RESIDENT_MIB, "print_final_stats": 1, "handle_bus": 0,
        "artifact_prefix": f"{folder}/libfuzzer-",
    }  # fmt: skip
    words = [target.name, *(f"-{name}={value}" for name, value in flags.items()), str(corpus)]
    atheris.Setup(words, judge, custom_mutator=mutated)
    atheris.Fuzz()


def blind(target: Target, folder: Path, seconds: float, seed: int) -> int:
    """The same by chance alone; how many inputs were read."""
    judge, ends = Judge(target, folder), time.monotonic() + seconds
    for data in known(target).values():
        judge(data)
    while time.monotonic() < ends:
        for data in changed(target, 100, seed):
            judge(data)
            if time.monotonic() > ends:
                break
        seed += 1
    return judge.cases


def main() -> None:
    """As the module says."""
    name, folder, seconds, seed = sys.argv[1:5]
    target = BY_NAME[name]
    with contextlib.suppress(ImportError):
        guided(target, Path(folder), float(seconds), int(seed))
    blind(target, Path(folder), float(seconds), int(seed))


if __name__ == "__main__":
    main()
