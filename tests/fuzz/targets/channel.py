"""All that a program can say in its agent's place: a hello with the right token, then any bytes."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from random import Random

import msgspec

from capture.attach.channel import MOST_REASON, AgentChannel, reason_in
from capture.drain.probe import cpu_seconds
from capture.errors import TargetProblem
from scope_gui.recording.standing import ProcessStanding
from tests.fuzz.mutation import json_node, some_bytes
from tests.fuzz.verdict import Wrong

_LOOPS = {"recorded_calls": [1000, 30_000, 80_000], "new_functions": [20, 100_000, 300_000], "yard": [1, 1000, 1000]}
_WORDS = (
    {"pid": 4711, "python": "3.13.0"},
    {"event": "recording", "cost": {"loops": _LOOPS, "agent_thread": 4712}, "unseen": [["threads-full", ""]]},
    {"event": "error", "message": "the hooks are taken"},
    {"event": "agent_thread", "agent_thread": 4713},
    {"event": "stopped", "counters": {"1": 2}},
)


def seeds() -> dict[str, bytes]:
    return {
        "whole": b"\n".join(map(msgspec.json.encode, _WORDS)) + b"\n",
        "without an error": b"\n".join(map(msgspec.json.encode, (*_WORDS[:2], *_WORDS[3:]))) + b"\n",
    }


def mutated(data: bytes, dice: Random) -> bytes:
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    choice = dice.randrange(8)
    if choice == 0:
        lines.insert(at, dice.choice(lines))
    elif choice == 1:
        del lines[at]
    elif choice == 2:
        lines[at] = some_bytes(lines[at], dice)
    else:
        lines[at] = json_node(lines[at], dice)
    return b"\n".join(lines)


def read(data: bytes) -> None:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        AgentChannel.listen(Path(folder)) as channel,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as program,
    ):
        program.connect(str(channel.path))
        program.setblocking(False)
        program.send(_with_token(data, channel.token)[: 1 << 16])
        program.shutdown(socket.SHUT_WR)
        if channel.accept(0.05, uid=os.geteuid()):
            int(channel.hello.get("pid", 0))
            str(channel.hello.get("python", "")).encode()
            _heard(channel)


def _with_token(data: bytes, token: str) -> bytes:
    """The first line is the hello, whatever else it says."""
    first, _, rest = data.partition(b"\n")
    try:
        hello = msgspec.json.decode(first, type=dict[str, object])
        return msgspec.json.encode({**hello, "hello": token}) + b"\n" + rest
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return data


def _heard(channel: AgentChannel) -> None:
    """As launch, standing and recorder hear it."""
    standing = ProcessStanding()
    try:
        channel.wait_until_recording(timeout_s=0.0)
        standing.begin(os.getpid(), None, channel)
    finally:
        for event in channel.receive():
            if len(reason_in(event)) > MOST_REASON:
                raise Wrong("an agent's reason is more than a sentence")
            if event.get("event") == "agent_thread" and isinstance(thread_id := event.get("agent_thread"), int):
                standing.agent_goes_on_as(thread_id)
        cpu_seconds(os.getpid(), standing._agent_thread or 0)
    try:
        channel.request("stop", timeout_s=0.0)
    except TargetProblem:
        return
