"""Patterns of a recording that did nothing, or left nothing to record, are told at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capture.events.definitions import DefinitionKind
from capture.own_folder import OwnFolder
from capture.session.session import Session
from scope_gui.recording.sealer import Sealer
from tests.synthetic import PaperTarget, definition, record

ABOUT: dict[str, Any] = {"session_id": "5e55105e55105e55", "command": "paper", "mode": "full", "include": [],
                         "exclude": [], "state": [], "when_full": "drop"}  # fmt: skip
SITE = definition(DefinitionKind.SITE, 1, "f", "m", "m.py", "1", "f")
NO_LINES = definition(DefinitionKind.UNSEEN, 1, "steps-unknown", "")
KEY = definition(DefinitionKind.STATE_KEY, 1, "m", "k", "global")


def told(path: Path, matched: list[str], seen: list[bytes], **about: Any) -> list[tuple[str, list[str]]]:
    """(code, details) of a recording with these flags, of which the program's recorder says that these matched."""
    target = PaperTarget()
    target.fact("session", start_mono_ns=1_000_000_000, start_real_ns=10**18, **{**ABOUT, **about})
    target.fact("process", process_serial=1, pid=42, name="paper", start_real_ns=10**18,
                tier="observe" if about.get("mode") == "observe" else "python")  # fmt: skip
    target.clock(0)
    target.define(*seen, *(definition(DefinitionKind.PROCESS, 0, "matched", one) for one in matched))
    target.events(1, record(500, 0, 16))
    target.clock(1_000_000)
    target.write(path / "journal")
    with OwnFolder.open(path) as folder:
        Sealer.start(folder).finish("complete")
    with Session.open(path) as session:
        return [(row.code, row.details) for row in session.manifest.unseen]


@pytest.mark.parametrize(
    ("about", "matched", "seen", "expected"),
    [
        ({"exclude": ["*"]}, ["--exclude *"], [], ("all-left-out", ["--exclude *"])),
        ({"exclude": ["m", "*"]}, ["--exclude m", "--exclude *"], [], ("all-left-out", ["--exclude m", "--exclude *"])),
        ({"mode": "performance", "exclude": ["m"]}, ["--exclude m"], [], ("all-left-out", ["--exclude m"])),
        ({"mode": "state", "exclude": ["*"]}, ["--exclude *"], [], ("all-left-out", ["--exclude *"])),
        ({"mode": "state", "include": ["x.*"]}, [], [], ("pattern-unmatched", ["--include x.*"])),
        ({"mode": "performance", "state": ["Box"]}, [], [SITE], ("pattern-unused", ["--state Box"])),
        ({"mode": "state", "lines": ["x"]}, [], [], ("pattern-unused", ["--lines x"])),
        ({"lines": ["x", "m"]}, ["--lines m"], [SITE], ("pattern-unmatched", ["--lines x"])),
        ({"lines": ["x"]}, [], [SITE, NO_LINES], ("steps-unknown", [])),
        ({"mode": "minimal", "include": ["x"]}, [], [], ("pattern-unused", ["--include x"])),
        ({"mode": "observe", "exclude": ["x"]}, [], [], ("pattern-unused", ["--exclude x"])),
        ({"exclude": ["m"]}, ["--exclude m"], [SITE], None),
        ({"mode": "state", "exclude": ["m"]}, ["--exclude m"], [KEY], None),
        ({"include": ["m"]}, ["--include m"], [SITE], None),
        ({}, [], [], None),
    ],
)
def test_what_was_asked_for_in_vain_is_said(
    about: dict[str, Any], matched: list[str], seen: list[bytes], expected: tuple[str, list[str]] | None, tmp_path: Path
) -> None:
    """`--exclude '*'` and patterns that a mode has no use for recorded nothing and said nothing."""
    assert told(tmp_path / "s.scope", matched, seen, **about) == ([expected] if expected else [])
