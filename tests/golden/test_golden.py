"""Sessions of every released format version yield the tables they always did, packed and unpacked."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from capture.session.format import FORMAT_VERSION
from capture.session.query import query
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from capture.session.verify import verify
from tests.frames import frame_and_reads

HERE = Path(__file__).parent
VERSIONS = sorted(path.parent for path in HERE.glob("*/tables.json"))
KEYFRAMES = sorted(path.parent for path in HERE.glob("*/frames.json"))


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


def tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    with Session.open(path) as session:
        found = {name: query(session, f"SELECT * FROM {name}").to_pylist() for name in SCHEMAS}
        assert verify(session).ok
    return {name: rows for name, rows in found.items() if rows}


def test_there_is_one_for_each_version() -> None:
    assert {path.name for path in VERSIONS} == {f"1.{minor}" for minor in range(FORMAT_VERSION[1] + 1)}


def test_calls_of_1_0_have_no_arguments_and_those_of_1_1_do() -> None:
    """Columns that an older session lacks are null: that is all that its upgrader has to do."""
    asked = "SELECT count(*) AS calls, count(arguments) AS arguments, count(result) AS results FROM calls"
    for version in VERSIONS:
        with Session.open(version / "session.zip") as session:
            [counts] = query(session, asked).to_pylist()
        assert counts["calls"] > 20
        assert (min(counts["arguments"], counts["results"]) > 10) is (version.name != "1.0")


def test_a_released_session_yields_its_tables_for_ever(golden: Path) -> None:
    expected = json.loads((golden / "tables.json").read_text())
    found = tables(golden / "session.zip")
    for name, rows in expected.items():
        assert [{column: row[column] for column in rows[0]} for row in found[name]] == rows


def test_unpacked_by_any_zip_tool_it_is_a_session_directory(golden: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(golden / "session.zip") as archive:
        archive.extractall(tmp_path / "unpacked.scope")
    assert tables(tmp_path / "unpacked.scope") == tables(golden / "session.zip")


@pytest.mark.parametrize("folder", KEYFRAMES, ids=lambda path: path.name)
def test_keyframes_of_old_show_the_frames_they_did_and_no_more_is_read_for_them(folder: Path) -> None:
    expected = json.loads((folder / "frames.json").read_text())
    assert len(expected) >= 6
    with Session.open(folder / "session.zip") as session:
        for told in expected:
            read, frame = frame_and_reads(session, told["at_ns"])
            assert read <= told["segments_read"]
            assert _of_old(msgspec.json.decode(msgspec.json.encode(frame)), told["frame"]) == told["frame"]


def _of_old(found: Any, told: Any) -> Any:
    """Of what is found the fields that were there: later versions add some."""
    if isinstance(found, dict) and isinstance(told, dict):
        return {name: _of_old(found[name], one) for name, one in told.items()}
    if isinstance(found, list) and isinstance(told, list) and len(found) == len(told):
        return [_of_old(*both) for both in zip(found, told, strict=True)]
    return found
