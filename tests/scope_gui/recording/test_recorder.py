"""The recorder's own judgement of what happens to a program, whatever it was doing meanwhile itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capture.attach.channel import AgentChannel
from capture.attach.launch import launch
from capture.drain.probe import image_of
from capture.settings import CaptureSettings
from scope_gui.blindness import last_words
from scope_gui.recording.recorder import Recording
from tests.leftovers import wait_for
from tests.scope_command import query

BECOMES = "import os\ndef f(): pass\nf()\nos.execv('/bin/sh', ['sh', '-c', 'sleep 0.5; exit 9'])"


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
