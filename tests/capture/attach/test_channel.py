"""The channel accepts its own agent and nobody else, and never waits longer than it was told."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.attach.channel import MAX_LINE_BYTES, MOST_KEPT, AgentChannel
from capture.errors import TargetProblem


class FakeAgent:
    """The agent's end, spoken by hand."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")

    def say(self, message: object) -> None:
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> object:
        return json.loads(self.lines.readline())

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[AgentChannel]:
    with AgentChannel.listen(tmp_path) as listening:
        yield listening


@pytest.fixture
def agent(channel: AgentChannel) -> Iterator[FakeAgent]:
    """An agent whose hello the channel has accepted."""
    calling = FakeAgent(channel.path)
    calling.say({"hello": channel.token, "pid": os.getpid(), "python": "3.13.0"})
    assert channel.accept(5, uid=os.getuid(), pid=os.getpid())
    assert calling.hear() == {"ok": True}
    yield calling
    calling.close()


def answering(agent: FakeAgent, *messages: object) -> threading.Thread:
    def answer() -> None:
        agent.hear()
        for message in messages:
            agent.say(message)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_the_hello_is_kept_without_its_token(channel: AgentChannel, agent: FakeAgent) -> None:
    assert channel.hello == {"pid": os.getpid(), "python": "3.13.0"}


def test_the_socket_file_is_private_and_gone_once_the_agent_called(channel: AgentChannel) -> None:
    assert channel.path.stat().st_mode & 0o777 == 0o600
    calling = FakeAgent(channel.path)
    calling.say({"hello": channel.token})
    assert channel.accept(5)
    assert not channel.path.exists()
    calling.close()


def test_nobody_calling_is_not_an_error(channel: AgentChannel) -> None:
    assert channel.accept(0.01) is False


@pytest.mark.parametrize("hello", [{"hello": "wrong"}, {"hello": 7}, {}, [], "text"])
def test_a_caller_without_the_token_is_hung_up_on(channel: AgentChannel, hello: object) -> None:
    stranger = FakeAgent(channel.path)
    stranger.say(hello)
    rightful = FakeAgent(channel.path)
    rightful.say({"hello": channel.token, "who": "rightful"})
    assert channel.accept(5)
    assert channel.hello == {"who": "rightful"}
    assert stranger.lines.readline() == b""
    stranger.close()
    rightful.close()


def test_a_caller_with_another_pid_is_hung_up_on(channel: AgentChannel) -> None:
    calling = FakeAgent(channel.path)
    calling.say({"hello": channel.token})
    assert channel.accept(0.05, pid=os.getppid()) is False
    assert channel.accept(0.05, uid=os.getuid() + 1) is (os.getuid() + 1 == 0)
    calling.close()


def test_a_request_returns_its_answer_and_keeps_events_for_later(channel: AgentChannel, agent: FakeAgent) -> None:
    thread = answering(agent, {"event": "forked", "pid": 7}, {"recorded": 12})
    assert channel.request("status") == {"recorded": 12}
    thread.join()
    assert channel.receive() == [{"event": "forked", "pid": 7}]
    assert channel.receive() == []


def test_stop_is_answered_by_the_stopped_event(channel: AgentChannel, agent: FakeAgent) -> None:
    thread = answering(agent, {"event": "stopped", "produced": 3})
    assert channel.request("stop") == {"event": "stopped", "produced": 3}
    thread.join()


def test_an_event_waited_for_is_found_among_those_kept(channel: AgentChannel, agent: FakeAgent) -> None:
    thread = answering(agent, {"event": "recording"}, {"pong": True})
    assert channel.request("ping") == {"pong": True}
    thread.join()
    assert channel.wait_event("recording", timeout_s=0) == {"event": "recording"}


@pytest.mark.parametrize(
    "greeting", [{"python": ["a"]}, {"python": "3" * 100}, {"pid": "1"}, {"pid": True}, {"pid": 1 << 40}]
)
def test_a_greeting_of_other_types_is_refused(channel: AgentChannel, greeting: dict[str, object]) -> None:
    calling = FakeAgent(channel.path)
    calling.say({"hello": channel.token, **greeting})
    with pytest.raises(TargetProblem, match="as no agent does"):
        channel.accept(5)
    calling.close()


def test_one_that_talks_without_end_is_not_listened_to_for_ever(channel: AgentChannel, agent: FakeAgent) -> None:
    """`request` never came back, `receive` neither, and both kept all that they had heard."""
    line = json.dumps({"pong": "x" * 1000}).encode() + b"\n"

    def talk() -> None:
        with contextlib.suppress(OSError):
            while True:
                agent.socket.sendall(line * 50)

    thread = threading.Thread(target=talk)
    thread.start()
    began = time.monotonic()
    assert len(channel.receive()) <= MOST_KEPT
    with pytest.raises(TargetProblem, match="did not report"):
        channel.wait_event("recording", timeout_s=0.2)
    assert time.monotonic() - began < 3.0
    channel.close()
    thread.join()


def test_events_that_nobody_asked_for_are_kept_up_to_a_number(channel: AgentChannel, agent: FakeAgent) -> None:
    thread = answering(agent, *[{"event": "odd"}] * (MOST_KEPT + 1))
    with pytest.raises(TargetProblem, match="more messages than any agent does"):
        channel.request("ping")
    thread.join()


def test_a_socket_is_removed_where_it_was_made(tmp_path: Path) -> None:
    """Its folder is the target's, who may put a link to another one in its place."""
    made, other = tmp_path / "made", tmp_path / "other"
    made.mkdir()
    other.mkdir()
    (other / "agent.sock").write_text("somebody's")
    with AgentChannel.listen(made):
        made.rename(tmp_path / "moved")
        made.symlink_to(other)
    assert (other / "agent.sock").exists()
    assert not (tmp_path / "moved" / "agent.sock").exists()


def test_an_error_of_the_agent_becomes_one_sentence(channel: AgentChannel, agent: FakeAgent) -> None:
    thread = answering(agent, {"event": "error", "message": "no free tool id"})
    with pytest.raises(TargetProblem, match="no free tool id"):
        channel.request("status")
    thread.join()


def test_silence_ends_at_the_deadline(channel: AgentChannel, agent: FakeAgent) -> None:
    with pytest.raises(TargetProblem, match="did not answer 'ping'"):
        channel.request("ping", timeout_s=0.02)


def test_the_end_of_the_agent_is_seen(channel: AgentChannel, agent: FakeAgent) -> None:
    agent.say({"event": "last words"})
    agent.close()
    assert channel.receive() == [{"event": "last words"}]
    assert channel.eof
    with pytest.raises(TargetProblem, match="gone"):
        channel.request("ping")


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n", b"[" * 100_000 + b"\n", b'{"a": NaN}\n'])
def test_a_line_that_is_no_object_ends_the_connection(channel: AgentChannel, agent: FakeAgent, line: bytes) -> None:
    agent.socket.sendall(line)
    with pytest.raises(TargetProblem, match="not a JSON object"):
        channel.request("ping")
    assert channel.eof


def test_an_endless_line_is_cut_off(channel: AgentChannel, agent: FakeAgent) -> None:
    def shout() -> None:
        agent.hear()
        try:
            agent.socket.sendall(b"x" * (2 * MAX_LINE_BYTES))
        except OSError:
            return

    thread = threading.Thread(target=shout)
    thread.start()
    with pytest.raises(TargetProblem, match="too long"):
        channel.request("ping")
    thread.join()


def test_waiting_ends_when_the_target_does(channel: AgentChannel) -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    try:
        with pytest.raises(TargetProblem, match="ended while"):
            channel.accept(5, pidfd=read_end)
    finally:
        os.close(read_end)


def test_a_directory_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with pytest.raises(TargetProblem, match="cannot be made"):
        AgentChannel.listen(deep)


def test_who_calls_just_before_the_time_is_up_may_still_say_who_it_is(channel: AgentChannel) -> None:
    calling = FakeAgent(channel.path)

    def say_later() -> None:
        time.sleep(0.3)  # longer than the whole wait below
        calling.say({"hello": channel.token})

    speaking = threading.Thread(target=say_later)
    speaking.start()
    assert channel.accept(0.05)
    speaking.join()
    assert not channel.eof
    calling.close()


@pytest.mark.parametrize("line", [b'{"event": "\xff"}', b"[" * 100_000, b"\xff", b'{"event": "\xed\xa0\x80"}'])
def test_bytes_that_are_no_text_are_no_message(channel: AgentChannel, agent: FakeAgent, line: bytes) -> None:
    agent.socket.sendall(line + b"\n")
    with pytest.raises(TargetProblem, match="not a JSON object"):
        channel.wait_event("recording", timeout_s=5)


@pytest.mark.parametrize(
    "hello", [b'{"hello": "TOKEN", "python": "\\ud800"}', b'{"hello": "TOKEN", "python": "\xff"}', b'["TOKEN"]']
)
def test_who_has_the_token_and_speaks_no_json_is_told_from_who_never_called(
    channel: AgentChannel, hello: bytes
) -> None:
    calling = FakeAgent(channel.path)
    calling.socket.sendall(hello.replace(b"TOKEN", channel.token.encode()) + b"\n")
    with pytest.raises(TargetProblem, match="introduced itself as no agent does"):
        channel.accept(5)
    calling.close()
