"""The host's end of the line to an agent: one Unix socket in a private directory, JSON objects, one per line.

Who may speak is checked twice: the kernel names the peer (SO_PEERCRED: the target's uid or root, and the target's pid
where that is known), and its first line must carry the token, which only the reader of the private bootstrap file
knows. No message can carry code: the agent knows the verbs of `agent_verbs` and nothing else.

Not thread-safe: one thread owns a channel.
"""

import contextlib
import hmac
import os
import secrets
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

import msgspec

from capture.attach.agent_verbs import BY_NAME, AgentVerb
from capture.drain.probe import image_of
from capture.errors import ScopeBug, TargetProblem
from capture.names import readable
from capture.typed import from_json

Message = dict[str, Any]

SOCKET = "agent.sock"
MAX_LINE_BYTES = 1 << 20
MOST_KEPT = 100
"""Events that nobody has asked for yet; an agent sends a handful in a whole recording."""
MOST_REASON = 500
MOST_VERSION = 40
_READ_BYTES = 1 << 16
_HELLO_PATIENCE_S = 3.0
_ASKING_PATIENCE_S = 2.0
_CREDENTIALS = struct.Struct("3i")


class AgentChannel:
    """A connection to the agent inside one target.

    Life: `listen` -> `accept` (the agent calls in) -> `request` / `wait_event` / `receive` -> `close`.
    `hello` is the agent's first message, `image` what its process ran when it called (`capture.drain.probe.image_of`),
    `recording` the message that says that it has begun; `eof` is true once the agent's end is gone (detached, ended or
    killed).
    """

    def __init__(self, listener: socket.socket, path: Path, token: str, folder: int) -> None:
        self.path = path
        self._folder = folder
        self.token = token
        self.hello: Message = {}
        self.image = b"", ""
        self.recording: Message = {}
        self.eof = False
        self._listener: socket.socket | None = listener
        self._agent: socket.socket | None = None
        self._received = bytearray()
        self._events: deque[Message] = deque()

    @classmethod
    def listen(cls, directory: Path) -> Self:
        """A channel that waits for its agent at `directory`/agent.sock.

        Raises: TargetProblem if the path is too long for a socket or cannot be made.
        """
        path = directory / SOCKET
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(8)
            folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            listener.close()
            raise TargetProblem(f"The socket {path} cannot be made: {error.strerror or error}.") from None
        listener.setblocking(False)
        return cls(listener, path, secrets.token_hex(32), folder)

    def accept(
        self, timeout_s: float, *, uid: int | None = None, pid: int | None = None, pidfd: int | None = None
    ) -> bool:
        """True once the agent has called in and been recognised, False if it did not within `timeout_s`.

        Callers with another uid, pid or token are hung up on and waited past. One that calls just before the time is up
        may still say who it is: the agent would take being hung up on as its order to detach, and never call again.
        With `pidfd` the wait ends early when the target does.

        Raises: TargetProblem if the target ends, or what calls with the token is no agent.
        """
        assert self._listener is not None
        deadline = time.monotonic() + timeout_s
        while _wait_readable(self._listener.fileno(), deadline, pidfd):
            try:
                caller, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            caller.setblocking(False)
            self._agent, self._received, self.eof = caller, bytearray(), False
            # Now: the agent waits for its answer. As soon as it has that, the program may become another one.
            self.image = image_of(_credentials(caller)[0])
            if _is_expected(caller, uid, pid) and self._greet(time.monotonic() + _HELLO_PATIENCE_S):
                self._stop_listening()
                return True
            self._hang_up()
        return False

    def _greet(self, deadline: float) -> bool:
        """Raises: TargetProblem if it has the token and is no agent all the same."""
        try:
            line = self._next_line(deadline) or b""
        except TargetProblem:
            return False
        try:
            hello = from_json(line, Message)
            token = hello.pop("hello", None)
        except msgspec.DecodeError:  # no agent's words; with the token they are not a stranger's either
            hello, token = {"pid": None}, self.token if self.token.encode() in line else None
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self.token.encode()):
            return False
        if not _is_greeting(hello):
            self._fail("The agent in the target introduced itself as no agent does.")
        self.hello = hello
        self._send({"ok": True}, deadline)
        return True

    def ask(self, do: str, words: Mapping[str, object] | None = None) -> AgentVerb:
        """Asks for a verb of `agent_verbs` with what it takes, and does not wait; what is asked.

        Raises: TargetProblem if the agent is gone or does not listen.
        """
        words = words or {}
        verb = BY_NAME.get(do)
        if verb is None or (verb.takes is not None and set(words) != set(verb.takes)):
            raise ScopeBug(f"No agent is asked to {do!r} with {', '.join(words) or 'nothing'}.")
        self._send({"do": do, **words}, time.monotonic() + _ASKING_PATIENCE_S)
        return verb

    def request(self, do: str, words: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> Message:
        """As `ask`, with the agent's answer; events that arrive meanwhile are kept for `receive`.

        Raises: TargetProblem if the agent reports an error, is gone, or does not answer in time.
        """
        verb = self.ask(do, words)
        timeout_s = verb.patience_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        while (message := self._next_message(deadline)) is not None:
            if message.get("event", "") == verb.event:
                return message
            self._keep_event(message)
            if time.monotonic() > deadline:  # one that talks all the time would be listened to for ever
                break
        raise TargetProblem(f"The agent in the target did not answer '{do}' within {timeout_s:g} s.")

    def wait_event(self, name: str, *, timeout_s: float, pidfd: int | None = None) -> Message:
        """The first event called `name`; other events that arrive meanwhile are kept for `receive`.

        Raises: TargetProblem if the agent reports an error, is gone, or sends no such event in time.
        """
        for kept in self._events:
            if kept.get("event") == name:
                self._events.remove(kept)
                return kept
        deadline = time.monotonic() + timeout_s
        while (message := self._next_message(deadline, pidfd)) is not None:
            if message.get("event") == name:
                return message
            self._keep_event(message)
            if time.monotonic() > deadline:
                break
        raise TargetProblem(f"The agent in the target did not report '{name}' within {timeout_s:g} s.")

    def wait_until_recording(self, *, timeout_s: float, pidfd: int | None = None) -> None:
        """Waits for the event that says that the recording has begun, and keeps it.

        Raises: TargetProblem as `wait_event`.
        """
        self.recording = self.wait_event("recording", timeout_s=timeout_s, pidfd=pidfd)

    def receive(self) -> list[Message]:
        """The next events that have arrived, without waiting; sets `eof` when the agent's end is gone."""
        events = list(self._events)
        self._events.clear()
        with contextlib.suppress(TargetProblem):
            while len(events) < MOST_KEPT and (message := self._next_message(0.0)) is not None:
                events.append(message)
        return events

    def fileno(self) -> int:
        """The descriptor to select on: the connection, or the listening socket before there is one; -1 if closed."""
        open_end = self._agent or self._listener
        return -1 if open_end is None else open_end.fileno()

    def close(self) -> None:
        """Hang up. The agent takes that as its order to detach."""
        self._hang_up()
        self._stop_listening()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep_event(self, message: Message) -> None:
        if message.get("event") == "error":
            raise TargetProblem(f"The agent in the target failed: {reason_in(message)}.")
        if len(self._events) >= MOST_KEPT:
            self._fail("The agent in the target sent more messages than any agent does.")
        if "event" in message:
            self._events.append(message)

    def _send(self, message: Message, deadline: float) -> None:
        if self._agent is None or self.eof:
            raise TargetProblem("The agent in the target is gone.")
        unsent = memoryview(msgspec.json.encode(message) + b"\n")
        while unsent:
            try:
                unsent = unsent[self._agent.send(unsent, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                if not _wait(self._agent.fileno(), select.POLLOUT, deadline):
                    raise TargetProblem("The agent in the target does not read its messages.") from None
            except OSError:
                self.eof = True
                raise TargetProblem("The agent in the target is gone.") from None

    def _next_message(self, deadline: float, pidfd: int | None = None) -> Message | None:
        """The next message, or None at the deadline."""
        line = self._next_line(deadline, pidfd)
        try:
            return None if line is None else from_json(line, Message)
        except msgspec.DecodeError:
            self._fail("The agent in the target sent a message that is not a JSON object.")

    def _next_line(self, deadline: float, pidfd: int | None = None) -> bytes | None:
        if self._agent is None:
            raise TargetProblem("The agent in the target is gone.")
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > MAX_LINE_BYTES:
                self._fail("The agent in the target sent a message that is too long.")
            if self.eof:
                raise TargetProblem("The agent in the target is gone.")
            try:
                data = self._agent.recv(_READ_BYTES)
            except BlockingIOError:
                if not _wait_readable(self._agent.fileno(), deadline, pidfd):
                    return None
                continue
            except OSError:
                data = b""
            self._received += data
            self.eof = not data
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _fail(self, sentence: str) -> NoReturn:
        self._hang_up()
        raise TargetProblem(sentence)

    def _hang_up(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None
            self.eof = True

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):  # by descriptor: its path may lead elsewhere by now
                os.unlink(SOCKET, dir_fd=self._folder)
            os.close(self._folder)


def reason_in(message: Message, key: str = "message") -> str:
    """What went wrong, in the agent's words: a sentence, whatever was sent."""
    reason = message.get(key)
    return readable(reason)[:MOST_REASON] if isinstance(reason, str) and reason else "no reason given"


def _is_greeting(hello: Message) -> bool:
    """Whether what we go by has the types that an agent sends."""
    python, pid = hello.get("python", ""), hello.get("pid", 0)
    return isinstance(python, str) and len(python) <= MOST_VERSION and type(pid) is int and 0 <= pid < 1 << 31


def _credentials(caller: socket.socket) -> tuple[int, int]:
    """The pid and uid of a caller, by the kernel."""
    pid, uid, _ = _CREDENTIALS.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


def _is_expected(caller: socket.socket, uid: int | None, pid: int | None) -> bool:
    peer_pid, peer_uid = _credentials(caller)
    return (uid is None or peer_uid in (uid, 0)) and (pid is None or peer_pid == pid)


def _wait_readable(descriptor: int, deadline: float, pidfd: int | None = None) -> bool:
    """Whether `descriptor` is readable before the deadline.

    Raises: TargetProblem if the process behind `pidfd` ends first and `descriptor` has nothing left to read.
    """
    if pidfd is None:
        return _wait(descriptor, select.POLLIN, deadline)
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    poller.register(pidfd, select.POLLIN)
    ready = {fd for fd, _ in poller.poll(_remaining_ms(deadline))}
    if descriptor in ready:
        return True
    if pidfd in ready:
        raise TargetProblem("The process ended while Scope was attaching to it.")
    return False


def _wait(descriptor: int, events: int, deadline: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, events)
    return bool(poller.poll(_remaining_ms(deadline)))


def _remaining_ms(deadline: float) -> float:
    return max(0.0, (deadline - time.monotonic()) * 1000)
