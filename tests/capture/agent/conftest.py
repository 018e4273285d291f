"""Recordings that are closed, and their directories removed, when a test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.capture.agent.recordings import Recording


@pytest.fixture
def recording() -> Iterator[Callable[..., Recording]]:
    made: list[Recording] = []

    def make(**settings: Any) -> Recording:
        made.append(Recording(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
