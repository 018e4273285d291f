"""Figures that leak, and figures that look alike and do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capture.session.session import Session
from dags.detectors.grows import find
from tests.dags.analyses.test_growth import with_metrics

SECOND, MIB = 10**9, 1 << 20
TIMES = np.linspace(0, 60, 241)
NOISE = np.random.default_rng(5).normal(0, 0.3, len(TIMES))

LEAK = 40 + 0.5 * TIMES + NOISE
FORMS = {
    "fills a cache and stays": 40 + 30 * (1 - np.exp(-TIMES / 8)) + NOISE,
    "goes up and down": 60 + 15 * np.sin(TIMES / 3) + 0.2 * TIMES + NOISE,
    "is let go of at last": np.where(TIMES < 45, 40 + 0.5 * TIMES, 40) + NOISE,
    "stays": 40 + NOISE,
    "grows by little": 400 + 0.02 * TIMES + NOISE,
    "shrinks": 90 - 0.5 * TIMES + NOISE,
    "jumps once": np.where(TIMES < 40, 40, 70) + NOISE,
}


def recorded(path: Path, name: str, values: np.ndarray) -> Session:
    times = (TIMES * SECOND).astype(np.int64).tolist()
    return Session.open(with_metrics(path, {name: list(zip(times, values.tolist(), strict=True))}))


def test_a_leak_is_found_with_its_slope(tmp_path: Path) -> None:
    begins = np.where(TIMES < 4, 10.0, LEAK)  # imports
    ends = np.where(TIMES > 59, 12.0, begins)  # the last look finds it half gone
    with recorded(tmp_path / "s.scope", "rss_bytes", ends * MIB) as session:
        [one] = find(session, (session.start_ns, session.end_ns))
        early = find(session, (session.start_ns, session.start_ns + 4 * SECOND))
    assert one.kind == "grows"
    slope = float(one.sentence.partition("by +")[2].partition(" MiB/min")[0])
    assert slope == pytest.approx(30, rel=0.03)
    assert one.sentence.startswith("Memory grew evenly by +")
    assert 0.5 < one.score <= 1
    assert early == []


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_found_where_it_only_looks_alike(form: str, tmp_path: Path) -> None:
    with recorded(tmp_path / "s.scope", "rss_bytes", FORMS[form] * MIB) as session:
        assert find(session, (session.start_ns, session.end_ns)) == []


def test_threads_that_are_never_ended_are_a_leak_and_cpu_is_none(tmp_path: Path) -> None:
    with recorded(tmp_path / "a.scope", "threads", np.round(TIMES)) as session:
        [one] = find(session, (session.start_ns, session.end_ns))
        assert one.sentence.startswith("Threads grew evenly by +")
    with recorded(tmp_path / "b.scope", "cpu_percent", TIMES * 20) as session:
        assert find(session, (session.start_ns, session.end_ns)) == []
