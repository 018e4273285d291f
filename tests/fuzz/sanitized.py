"""The C readers built so that what they do wrong ends the process: gcc's sanitizers for addresses and undefined steps.

Into a folder of their own; nobody but `make fuzz` uses them. They count the edges that they pass, for a fuzzer that
wants to know (`coverage.c`).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from capture.drain import journal
from capture.hostlib import host_library
from dags import kernels
from tests.fuzz.verdict import ROOT

BUILT = ROOT / "build" / "fuzz" / "native"
LIBRARIES = {"_scope_host": ("capture/native/host", "capture/native"), "_kernels": ("dags/native", "capture/native")}
_FLAGS = (
    "-O1", "-g", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-strict-aliasing",
    "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
)  # fmt: skip
_COUNTED = "-fsanitize-coverage=trace-pc"
_HAND_ON = BUILT / "to_libfuzzer.so"
_LIBRARIES = ("-ldl", "-lm", "-lpthread")
_COUNTERS = 1 << 13
_WINDOW_BYTES = 1 << 16  # a sanitizer takes 4 ms for the 8 MiB that a reader of journals asks for


def build() -> bool:
    """Makes the libraries; False where there is no gcc with sanitizers: then the ordinary ones are used."""
    compiler, here = shutil.which("gcc"), Path(__file__).parent
    if compiler is None:
        return False
    BUILT.mkdir(parents=True, exist_ok=True)
    commands = [[compiler, "-O2", "-fPIC", "-shared", str(here / "to_libfuzzer.c"), "-o", str(_HAND_ON), "-ldl"]]
    for name, (folder, include) in LIBRARIES.items():
        counting = BUILT / f"{name}.coverage.o"
        commands += [
            [compiler, "-O2", "-fPIC", "-fvisibility=hidden", "-c", str(here / "coverage.c"), "-o", str(counting)],
            [
                compiler, *_FLAGS, _COUNTED, f"-I{ROOT / include}", *map(str, sorted((ROOT / folder).glob("*.c"))),
                str(counting), "-o", str(BUILT / f"{name}.so"), *_LIBRARIES,
            ],
        ]  # fmt: skip
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"no sanitizers: {done.stderr.strip().splitlines()[-1:]}", flush=True)
            return False
    return True


def environment(fuzzer: Path | None) -> dict[str, str]:
    """What a process needs in order to load them; `fuzzer` is libFuzzer's library.

    libstdc++ is there from the beginning, else the sanitizer finds nobody to throw exceptions for.
    """
    compiler = shutil.which("gcc") or "gcc"
    names = ("libasan.so", "libubsan.so", "libstdc++.so.6")
    found = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in names
    ]
    return {
        **os.environ,
        "LD_PRELOAD": ":".join([str(_HAND_ON), *found]),
        "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0:exitcode=88:quarantine_size_mb=8:"
        "allocator_may_return_null=1:handle_sigbus=0:malloc_context_size=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=88",
        "SCOPE_FUZZ_NATIVE": str(BUILT),
        "SCOPE_LIBFUZZER": str(fuzzer or ""),
    }


def use() -> list[ctypes.CDLL]:
    """Loads the libraries in place of the ordinary ones, before anybody has loaded those."""
    folder = os.environ.get("SCOPE_FUZZ_NATIVE")
    if not folder:
        return []
    os.environ.pop("LD_PRELOAD", None)  # a process that this one starts needs no sanitizer, and starts ten times faster
    ordinary = ctypes.CDLL

    def load(path: str, **options: Any) -> ctypes.CDLL:
        name = Path(path).name.partition(".")[0]
        return ordinary(f"{folder}/{name}.so" if name in LIBRARIES else path, **options)

    journal._WINDOW_BYTES = _WINDOW_BYTES
    ctypes.CDLL = load  # type: ignore[assignment, misc]
    try:
        return [host_library(), kernels._library()]
    finally:
        ctypes.CDLL = ordinary  # type: ignore[misc]


def tell_of_edges(libraries: list[ctypes.CDLL], fuzzer: ctypes.CDLL) -> None:
    """Lets libFuzzer see the edges that the libraries count."""
    for library in libraries:
        counters, places = (ctypes.c_void_p.in_dll(library, f"scope_{name}").value for name in ("counters", "places"))
        assert counters is not None and places is not None
        fuzzer.__sanitizer_cov_8bit_counters_init(ctypes.c_void_p(counters), ctypes.c_void_p(counters + _COUNTERS))
        fuzzer.__sanitizer_cov_pcs_init(ctypes.c_void_p(places), ctypes.c_void_p(places + 16 * _COUNTERS))
