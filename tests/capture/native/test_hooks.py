"""The table of hooks (native/recorder/hooks/hooks.c): a hook is a file and a row, and is reached by its row only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capture.unseen import BY_CODE
from tests.capture.native.c_files import CFiles
from tests.interpreters import ROOT

MOMENTS = ("put", "begin", "look", "sweep", "finish", "undo")
AGENT_THREAD = "entry/agent_thread.c"
"""Watches forks before there is a recording: its own thread is in their way."""


@pytest.fixture(scope="module")
def recorder() -> CFiles:
    return CFiles(ROOT / "capture" / "native" / "recorder")


@pytest.fixture(scope="module")
def rows(recorder: CFiles) -> dict[str, dict[str, str]]:
    """The columns of each row as they are written, by the row's name."""
    table = recorder.raw["hooks/hooks.c"].split("static const struct scope_hook hooks[] = {")[1].split("\n};\n")[0]
    found = [dict(re.findall(r"\.(\w+) = ([^,]+),", row)) for row in table.split("    {\n")[1:]]
    return {row.pop("name").strip('"'): row for row in found}


def test_every_hook_has_a_file_of_its_name_and_functions_of_that_file(
    recorder: CFiles, rows: dict[str, dict[str, str]]
) -> None:
    assert {"monitoring", "profile", "globals", "attributes", "fork"} <= rows.keys()
    for name, row in rows.items():
        for moment in MOMENTS:
            if moment in row:
                assert row[moment] == f"scope_{name}_{moment}"
                assert recorder.defined_in[row[moment]] == f"hooks/{name}.c"


def test_every_hook_that_goes_in_goes_out(rows: dict[str, dict[str, str]]) -> None:
    for row in rows.values():
        assert row.keys() & {"put", "begin"}
        assert "undo" in row


def test_nobody_reaches_a_hook_past_its_row(recorder: CFiles, rows: dict[str, dict[str, str]]) -> None:
    of_rows = {row[moment]: f"hooks/{name}.c" for name, row in rows.items() for moment in MOMENTS if moment in row}
    past = [
        (name, used)
        for name in recorder.files
        for used in recorder.uses(name)
        if used in of_rows and name not in ("hooks/hooks.c", of_rows[used])
    ]
    assert sorted(past) == [(AGENT_THREAD, "scope_fork_put"), (AGENT_THREAD, "scope_fork_undo")]


def test_a_proof_that_fails_switches_a_capability_off_and_is_said(rows: dict[str, dict[str, str]]) -> None:
    proved = [row for row in rows.values() if "prove" in row]
    assert proved
    for row in proved:
        assert row["capability"].startswith("&scope_features.")
        assert row["unseen"].strip('"') in BY_CODE


def test_every_capability_that_a_mode_may_ask_for_is_a_hook_s_or_a_part_of_monitoring(
    recorder: CFiles, rows: dict[str, dict[str, str]]
) -> None:
    features = recorder.texts["filter.h"].split("struct scope_features {")[1].split("};")[0]
    asked = set(re.findall(r"bool (\w+);", features))
    of_rows = {row["capability"].removeprefix("&scope_features.") for row in rows.values() if "capability" in row}
    assert asked - of_rows == {"raises", "all_autopsies"}
    assert "scope_features.raises" in recorder.texts[str(Path("hooks") / "monitoring.c")]
