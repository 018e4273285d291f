"""The recorder's socket, from a folder of any length: whoever asks is answered, and only `stop` stops."""

from __future__ import annotations

import select
import socket
import threading
from pathlib import Path

import pytest

from capture.errors import SessionProblem, WrongUsage
from capture.folder_names import SOCKET
from capture.own_folder import OwnFolder
from scope_gui.recording import control
from scope_gui.recording.control import ChangedProcess, ControlServer, Reply


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A session folder whose path is longer than a socket address."""
    path = tmp_path / ("long" * 30) / "a.scope"
    path.mkdir(parents=True)
    return path


def serve_once(server: ControlServer, asked: list[bool]) -> threading.Thread:
    def answer() -> None:
        select.select([server], [], [], 10)
        asked.append(server.serve(lambda: {"dropped": 3}))

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


@pytest.mark.parametrize(("verb", "stops"), [("status", False), ("stop", True), ("eval", False)])
def test_a_caller_gets_the_status_and_only_stop_stops(folder: Path, verb: str, stops: bool) -> None:
    own = OwnFolder.open(folder)
    server, asked = ControlServer(own), list[bool]()
    try:
        thread = serve_once(server, asked)
        assert control.ask(folder, verb) == {"dropped": 3}
        thread.join()
        assert asked == [stops]
        assert (folder / SOCKET).stat().st_mode & 0o777 == 0o600
    finally:
        server.close()
        own.close()
    assert not (folder / SOCKET).exists()


def test_who_asks_for_other_settings_is_answered_once_they_hold(folder: Path) -> None:
    own = OwnFolder.open(folder)
    server, asked = ControlServer(own), list[bool]()

    def configure(words: dict[str, object], reply: Reply) -> None:
        flags = words["flags"]
        assert isinstance(flags, dict)
        if "mode" in flags:
            reply.give(problem="--mode is of no use.", is_usage=True)
        else:
            held = [{"pid": words.get("pid", 7), "settings": flags}]
            threading.Timer(0.05, lambda: reply.give(processes=held)).start()

    def answer() -> None:
        for _ in range(3):
            select.select([server], [], [], 10)
            asked.append(server.serve(lambda: {}, configure))
        select.select([server], [], [], 10)
        asked.append(server.serve(lambda: {}))

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        many = ["x" * 60_000] * 40
        assert control.configure(folder, {"include": many}) == [ChangedProcess(7, {"include": many})]
        assert control.configure(folder, {"exclude": []}, 12) == [ChangedProcess(12, {"exclude": []})]
        with pytest.raises(WrongUsage, match="of no use"):
            control.configure(folder, {"mode": "full"})
        with pytest.raises(SessionProblem, match="is being saved"):
            control.configure(folder, {"include": []})
    finally:
        thread.join()
        server.close()
        own.close()
    assert asked == [False] * 4


def test_without_a_recorder_the_answer_says_so(folder: Path) -> None:
    with pytest.raises(SessionProblem, match="no recorder is at work"):
        control.ask(folder, "stop")


def test_a_caller_that_says_nothing_useful_does_not_stop_the_server(folder: Path) -> None:
    own = OwnFolder.open(folder)
    server, asked = ControlServer(own), list[bool]()
    try:
        thread = serve_once(server, asked)
        with pytest.raises(SessionProblem):
            control.ask(folder, "x" * (5 << 20))
        thread.join()
        assert asked == [False]
    finally:
        server.close()
        own.close()


def test_a_socket_behind_a_link_is_not_spoken_to(folder: Path, tmp_path: Path) -> None:
    """It may be anybody's: `stop` would be said to whatever listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)
        (folder / SOCKET).symlink_to(tmp_path / "s")
        with pytest.raises(SessionProblem, match="no recorder is at work"):
            control.ask(folder, "stop")
        assert select.select([listener], [], [], 0)[0] == []
