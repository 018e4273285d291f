"""The recorder's own judgement of what happens to a program, whatever it was doing meanwhile itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capture.attach.channel import AgentChannel
from capture.attach.launch import launch
from capture.drain.fuse import session_bytes
from capture.drain.probe import image_of
from capture.settings import CaptureSettings
from scope_gui.blindness import last_words
from scope_gui.recording.recorded_process import Ended
from scope_gui.recording.recorder import Recording
from tests.interpreters import HALVES, Interpreter, found
from tests.leftovers import wait_for
from tests.scope_command import query, scope_json

BECOMES = "import os\ndef f(): pass\nf()\nos.execv('/bin/sh', ['sh', '-c', 'sleep 0.5; exit 9'])"

CALLS_ON = """
import sys
def step(n): return n + 1
n = 0
while n < 200_000_000:
    n = step(n)
"""
MIB = 1 << 20


def test_a_program_that_has_become_another_one_before_the_recorder_looks_is_said_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def slowly(*given: Any) -> tuple[subprocess.Popen[bytes], AgentChannel | None, int]:
        child, channel, pid = launch(*given)
        assert channel is not None
        assert wait_for(lambda: image_of(pid)[1].endswith("sh") and image_of(pid) != channel.image, 20)
        return child, channel, pid

    monkeypatch.setattr("scope_gui.recording.recorded_process.launch", slowly)
    session, said = tmp_path / "s.scope", list[str]()
    command = [sys.executable, "-c", BECOMES]
    recording = Recording(session, CaptureSettings(), command, say=said.append)
    recording.run(command)
    outcome = recording.record()
    assert (outcome.exit_status, outcome.trouble) == (9, None)
    assert "f" in {row["function"] for row in query(session, "SELECT function FROM sites")}
    assert any("The program became sh -c … by exec" in words for words in last_words(session)), said


@pytest.mark.parametrize("python", [one for one in found() if one.minor in (HALVES[0][0], HALVES[0][-1])], ids=str)
def test_a_recording_stops_at_its_largest_size_with_a_sentence_and_the_program_goes_on(
    python: Interpreter, tmp_path: Path
) -> None:
    session, said = tmp_path / "s.scope", list[str]()
    command = [str(python.path), "-c", CALLS_ON]
    recording = Recording(session, CaptureSettings(max_size=4 * MIB), command, say=said.append)
    recording.run(command)
    try:
        outcome = recording.record()
        assert (outcome.ended, outcome.trouble, outcome.exit_status) == (Ended.SIZE, None, None)
    finally:
        recording.end_program()
    assert f"{session} has come to 4 MiB, its --max-size, so recording stops" in said
    assert session_bytes(session) <= 4 * MIB
    info = scope_json("info", session, "--json")
    assert info["complete"]
    assert info["produced"] == info["recorded"] + info["dropped"]
    assert info["recorded"] > 10_000
