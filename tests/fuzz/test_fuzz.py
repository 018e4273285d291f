"""What `make fuzz` looks for is not there in what it once found, nor in a few hundred inputs of the same kinds."""

from __future__ import annotations

import ctypes
import mmap
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import capture.session.reader
from tests.fuzz import table, verdict
from tests.fuzz.contained import findings_in
from tests.fuzz.table import BY_NAME, CORPUS, TARGETS, Target, changed, known
from tests.fuzz.verdict import Wrong

OF_A_SECOND = {"manifest": 8, "recover": 5, "packed": 8, "lod": 25, "keyframe": 40, "parquet": 60, "journal": 40}
MOST_STORED_BYTES = 8 << 10


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_gives_anything_but_a_clean_result_or_one_error(
    target: Target, rounds: Callable[[int, int], int]
) -> None:
    count = OF_A_SECOND.get(target.name, 100)
    inputs = [*known(target).values(), *changed(target, rounds(count, 100 * count), seed=1)]
    assert findings_in(target.module.read, inputs) == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_seeds_are_sound_and_small_and_changes_are_changes(target: Target) -> None:
    seeds = target.module.seeds()
    assert seeds
    dice = Random(1)
    for data in seeds.values():
        target.module.read(data)
        assert len(data) <= target.most_bytes
        assert sum(target.module.mutated(data, dice) != data for _ in range(20)) > 10


def test_stored_inputs_are_small_and_of_a_target() -> None:
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert file.parent.name in BY_NAME
        assert len(bytes.fromhex(file.read_text())) <= MOST_STORED_BYTES


def gives_another_error(data: bytes) -> None:
    int(dict[bytes, str]()[data])


def dies(data: bytes) -> None:
    ctypes.string_at(len(data))


def takes_long(data: bytes) -> None:
    ends = time.process_time() + 0.5 + len(data)
    while time.process_time() < ends:
        pass


def makes_much(data: bytes) -> None:
    memory = mmap.mmap(-1, (80 << 20) + len(data))
    memory[:: mmap.PAGESIZE] = b"1" * len(range(0, len(memory), mmap.PAGESIZE))


def invents(data: bytes) -> None:
    raise Wrong("a row that nobody wrote")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (gives_another_error, "KeyError in tests/fuzz/test_fuzz.py: gives_another_error"),
        (dies, "the process ended with -11"),
        (takes_long, "too much time"),
        (makes_much, "too much memory"),
        (invents, "wrong: a row that nobody wrote"),
    ],
)
def test_every_kind_of_fault_is_found(
    fault: Callable[[bytes], None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "MOST_SECONDS", 0.4)
    monkeypatch.setattr(verdict, "MOST_MADE_BYTES", 64 << 20)
    assert [finding.what[: len(told)] for finding in findings_in(fault, [b""])] == [told]


def test_rows_are_found_to_be_invented_when_nobody_compares_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    class Any(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    target = BY_NAME["packed"]
    monkeypatch.setattr(capture.session.reader, "checksum", lambda _: Any())
    found = findings_in(target.module.read, changed(target, 300, seed=1))
    assert any(finding.what.startswith("wrong: invented rows") for finding in found)


def test_a_stored_input_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "CORPUS", tmp_path)
    (tmp_path / "lod").mkdir()
    (tmp_path / "lod" / "nothing-is-a-detail.hex").write_text("00 ff\n")
    assert known(BY_NAME["lod"])["nothing-is-a-detail"] == b"\0\xff"
