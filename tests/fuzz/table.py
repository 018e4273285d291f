"""What is fuzzed: one row for each kind of bytes that may come from somebody who means harm.

A target is a module with `seeds()` (small sound inputs, made by the project's own writers), `mutated(data, dice)` (an
input that differs in what its format means, with right checksums) and `read(data)` (all that Scope does with it). What
counts as a finding is the same for all: `tests/fuzz/verdict.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol, cast

CORPUS = Path(__file__).parent / "corpus"


class Reading(Protocol):
    """What the module of a target offers."""

    def seeds(self) -> dict[str, bytes]: ...
    def mutated(self, data: bytes, dice: Random) -> bytes: ...
    def read(self, data: bytes) -> None: ...


@dataclass(frozen=True)
class Target:
    """One row; `most_bytes` is how long an input may get.

    `is_native`: C code of ours reads Python's memory, so all of it comes from the sanitizer's allocator: half as fast.
    """

    name: str
    what: str
    most_bytes: int = 1 << 14
    is_native: bool = False

    @property
    def module(self) -> Reading:
        """Its code, imported when it is used."""
        return cast(Reading, importlib.import_module(f"tests.fuzz.targets.{self.name}"))


TARGETS = (
    Target("manifest", "manifest.json with a right checksum, over sound files"),
    Target("parquet", "a table's file with a right checksum: footer, pages, rows", is_native=True),
    Target("journal", "the blocks of a journal: records, definitions, clocks, facts", 1 << 13, is_native=True),
    Target("recover", "the same as an interrupted recording that is finished", 1 << 13),
    Target("resume", "the note of where sealing had come to", 1 << 13),
    Target("pool", "the memory that a program shares with its recorder, and its definitions", 1 << 11, is_native=True),
    Target("values", "what calls were given and what they returned, in words", 1 << 12, is_native=True),
    Target("definitions", "what a program calls its functions, threads and states", 1 << 11),
    Target("keyframe", "the state at a segment's first instant", 1 << 13, is_native=True),
    Target("lod", "a segment's level of detail", 1 << 15),
    Target("calls", "the summary of a segment's calls", 1 << 15),
    Target("packed", "a packed session that was damaged, or whose headers lie", 1 << 16),
    Target("trace", "the trace of another tool that is made a session", 1 << 12),
    Target("channel", "what a program says in its agent's place", 1 << 12),
)
BY_NAME = {target.name: target for target in TARGETS}


def stored(target: Target) -> Iterator[tuple[str, bytes]]:
    """(name, input) of what is kept in the tree: what was found once, in hexadecimal, named after what should hold."""
    for file in sorted((CORPUS / target.name).glob("*.hex")):
        yield file.stem, bytes.fromhex(file.read_text())


def known(target: Target) -> dict[str, bytes]:
    """Its seeds and what is stored of it."""
    return {**target.module.seeds(), **dict(stored(target))}


def changed(target: Target, count: int, seed: int) -> Iterator[bytes]:
    """That many inputs, each a seed changed a few times over; the same ones for the same seed."""
    dice = Random(f"{target.name} {seed}")
    module, seeds = target.module, list(target.module.seeds().values())
    for _ in range(count):
        data = dice.choice(seeds)
        for _ in range(dice.choice((1, 1, 2, 3))):
            data = module.mutated(data, dice)[: target.most_bytes]
        yield data
