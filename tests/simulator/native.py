"""The recorder's and the host's C code, built once more with the simulator's machine under it.

`make check` does not see this library: it is built with `cc` where the tests run, as `make setup` builds the others.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.interpreters import ROOT

HERE = Path(__file__).parent
NATIVE = ROOT / "capture" / "native"
SOURCES = (
    *(NATIVE / "recorder" / name for name in ("pool.c", "writer.c", "defs.c", "mapped_file.c", "samples.c", "costs.c")),
    *(NATIVE / "host" / name for name in ("pool_scan.c", "clock.c")),
    HERE / "agent.c",
)
BUILT = ROOT / "build" / "simulator"
FLAGS = (
    "-fPIC", "-O2", "-std=gnu11", "-fvisibility=hidden", "-fno-strict-aliasing", "-Wno-maybe-uninitialized",
    "-Wno-clobbered", "-DPy_LIMITED_API=0x030A0000",
)  # fmt: skip
KILLED = -77
Scheduler = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64)


Change = tuple[str, str, str]  # in which file, what, into what


@functools.cache
def library(changes: tuple[Change, ...] = ()) -> ctypes.CDLL:
    """The loaded library; rebuilt when a file that it is made of has changed. `changes`: faults put in on purpose."""
    headers = sorted([*NATIVE.rglob("*.h"), HERE / "points.h"])
    texts = {path: _changed(path, changes) for path in (*SOURCES, *headers)}
    common = "".join(texts[path] for path in headers)
    objects = [_compiled(path.name, texts[path], common) for path in SOURCES]
    digest = hashlib.sha256("".join(map(str, objects)).encode()).hexdigest()[:16]
    built = BUILT / f"{digest}.so"
    if not built.exists():
        _made(built, ["-shared", *objects, "-lpthread"])
    loaded = ctypes.CDLL(str(built))
    loaded.sim_published.restype = ctypes.POINTER(ctypes.c_ubyte)
    loaded.sim_dropped.restype = ctypes.c_uint64
    return loaded


def _compiled(name: str, text: str, headers: str) -> Path:
    built = BUILT / f"{hashlib.sha256((headers + name + text).encode()).hexdigest()[:16]}.o"
    if not built.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            source = Path(folder) / name
            source.write_text(text)
            include = [NATIVE, NATIVE / "recorder", NATIVE / "host", sysconfig.get_path("include")]
            _made(built, ["-c", *FLAGS, "-include", HERE / "points.h", *(f"-I{path}" for path in include), source])
    return built


def _made(built: Path, words: Sequence[str | Path]) -> None:
    """Other workers may be making the same."""
    fresh = built.with_suffix(f".{os.getpid()}")
    subprocess.run(["cc", *words, "-o", fresh], check=True)
    fresh.rename(built)


def _changed(path: Path, changes: tuple[Change, ...]) -> str:
    text = path.read_text()
    for name, before, after in changes:
        if path.name == name:
            assert text.count(before) == 1, f"{name} has no longer exactly one {before!r}"
            text = text.replace(before, after)
    return text


def dropped_by_target() -> int:
    """How many events the target has counted as dropped."""
    return int(library().sim_dropped())


def published_bytes() -> bytes:
    """What the target has published: (serial, slots) and the slots, again and again."""
    count = ctypes.c_uint64()
    data = library().sim_published(ctypes.byref(count))
    return ctypes.string_at(data, count.value) if count.value else b""
