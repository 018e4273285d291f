"""Whatever a seed does to a recording and its recoveries, its promises hold; and faults put in are found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import SOAK
from tests.interpreters import ROOT
from tests.simulator.mutations import MUTATIONS
from tests.simulator.simulation import run

SEEDS = 200
PARTS = 4
A_FEW = tuple(MUTATIONS)[::3]
"""Faults that are put in by `make test`, from the beginning to the end of the data's way."""


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_invented_or_told_twice_whatever_a_seed_does(
    part: int, rounds: Callable[[int, int], int]
) -> None:
    """A seed that fails runs alone, step by step, with `python -m tests.simulator SEED`."""
    failed = []
    for seed in range(1 + part, 1 + rounds(SEEDS, 10_000), PARTS):
        failed += [f"python -m tests.simulator {seed}: {sentence}" for sentence in run(seed).findings]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("seed", [2, 5, 26])
def test_a_seed_takes_the_same_steps_in_every_process(seed: int) -> None:
    first = run(seed)
    assert len(first.log) > 20
    assert run(seed).log == first.log
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulator", str(seed)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.stdout.splitlines() == first.log
    assert told.returncode == 0


@pytest.mark.soak
@pytest.mark.parametrize("fault", MUTATIONS)
def test_a_fault_put_into_the_real_code_is_found(fault: str) -> None:
    if not SOAK and fault not in A_FEW:
        pytest.skip("takes seconds for each, so `make soak` puts in all of them")
    with MUTATIONS[fault]():
        assert any(run(seed).findings for seed in range(1, 1 + SEEDS))
