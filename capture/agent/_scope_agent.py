"""What runs inside a target: starts the native recorder, answers the recorder process, and leaves no trace.

Runs on a native thread of its own that is kept out of the recording and that the `threading` module never hears of
(native/recorder/entry/agent_thread.c). It imports nothing and calls nothing that the program may have replaced: what it
needs beyond the language comes from `recorder`, which is put into its namespace. A detached target has the modules that
it had before. No message can carry code: what may be asked is the table `VERBS`.
"""

# `recorder` is in this file's namespace when it runs.
# ruff: noqa: F821

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    recorder: Any

_GREETING_MS = 10_000
_wire = recorder.load("_scope_wire")


def begin(config_path: str, ends_at_exit: bool) -> "_Agent | str":
    """The agent, recording and ready to take turns; or what went wrong, which the recorder process has heard too.

    `ends_at_exit`: the exit handler is the first that was registered, so it runs last and may end the recording.
    """
    agent = None
    try:
        agent = _Agent(_wire["loads"](recorder.read(config_path).decode()), bool(ends_at_exit))
        agent.begin()
    except BaseException as error:  # whatever it is, the target must go on as if we had never come
        message = str(error) or type(error).__name__
        if agent is not None:
            agent.fail(message)
        return message
    return agent


class _Agent:
    """One recording: connected and configured on creation."""

    def __init__(self, config: "dict[str, Any]", ends_at_exit: bool) -> None:
        if recorder.system("implementation").name != "cpython" or "t" in (recorder.system("abiflags") or ""):
            raise RuntimeError("Scope records CPython with the GIL; this is " + _text("version").split("\n")[0])
        self.config = config
        self.ends_at_exit = ends_at_exit
        self.over = False
        self.costs: dict[str, Any] | None = None
        """Kept while recording: the recorder calls `yard`, and its tables know the code objects by their address."""
        self.received = b""
        self.thread: int = recorder.native_id()
        self.line: int = recorder.connect(config["socket"])

    def begin(self) -> None:
        """Introduce ourselves, then switch the recording on.

        Raises: RuntimeError or OSError with the reason when that is not possible.
        """
        config = self.config
        self.say(
            {
                "hello": config["token"],
                "pid": recorder.pid(),
                "python": ".".join(map(str, recorder.system("version_info")[:3])),
                "hexversion": recorder.system("hexversion"),
                "executable": _text("executable"),
                "argv": [word[:4096] for word in _arguments()[:64]],
            }
        )
        answer = self.next_message(_GREETING_MS)
        if not answer or not answer.get("ok"):
            raise RuntimeError("the recorder did not answer")
        recorder.configure(
            config["pool_dir"],
            config["chunk_count"],
            int(config["when_full"] == "block"),
            config["features"],
            config["include"],
            config["exclude"],
            _standard_library(),
            config["state"],
            config["lines"],
            config["redact"],
        )
        for key, value in self.facts().items():
            recorder.define(key, value)
        costs = self.costs = recorder.load("_scope_costs") if "c" in config["features"] else None
        bare_ns = costs["bare"]() if costs else {}
        recorder.watch_exit(self)
        try:
            recorder.begin()
        except BaseException:
            recorder.watch_exit(None)
            raise
        cost: dict[str, Any] = {"agent_thread": self.thread}
        if costs:
            cost["loops"] = costs["hooked"](bare_ns)
        self.say({"event": "recording", "pid": recorder.pid(), "cost": cost, **recorder.status()})

    def facts(self) -> "dict[str, str]":
        """What a reader should know about this process."""
        return {
            "python_version": _text("version").split()[0],
            "implementation": recorder.system("implementation").name,
            "executable": _text("executable"),
            "argv0": (_arguments() or [""])[0],
            "mode": self.config["mode"],
            "recorder": "_scope_recorder",
        }

    def turn(self) -> bool:
        """Answer what the recorder process has said; whether that was the last turn.

        The recorder process is gone when it says stop, when the connection ends, and when the program has closed it.
        """
        try:
            if self.thread != recorder.native_id():
                self.thread = recorder.native_id()
                self.say({"event": "agent_thread", "agent_thread": self.thread})
            message = self.next_message(0)
            if message is not None:
                self.answer(message)
        except (EOFError, OSError):
            self.lose_connection()
        except ValueError as error:
            self.say_if_possible({"event": "error", "message": str(error)})
        if self.over:
            self.leave()
        return self.over

    def answer(self, message: "dict[str, Any]") -> None:
        """Do what one message asks."""
        verb = message.get("do")
        answer = VERBS.get(verb) if type(verb) is str else None
        self.say({"event": "error", "message": f"unknown verb {verb!r}"} if answer is None else answer(self, message))

    def pong(self, _message: "dict[str, Any]") -> "dict[str, Any]":
        """That somebody listens."""
        return {"pong": True}

    def status(self, _message: "dict[str, Any]") -> "dict[str, Any]":
        """How the recording stands."""
        status: dict[str, Any] = recorder.status()
        return status

    def configure(self, message: "dict[str, Any]") -> "dict[str, Any]":
        """Record something else from now on."""
        try:
            waits = int(message["when_full"] == "block")
            since_ns, until_ns = recorder.change(
                waits,
                message["features"],
                message["include"],
                message["exclude"],
                message["state"],
                message["lines"],
            )
        except Exception as error:
            return {"event": "configured", "problem": str(error) or type(error).__name__, **self.status(message)}
        return {"event": "configured", "since_ns": since_ns, "until_ns": until_ns, **self.status(message)}

    def stop(self, message: "dict[str, Any]") -> "dict[str, Any]":
        """End the recording."""
        self.finish()
        return {"event": "stopped", **self.status(message)}

    def finish(self) -> None:
        """End the recording; every hook is out afterwards."""
        self.over = True
        if recorder.status()["recording"]:
            recorder.end()

    def lose_connection(self) -> None:
        """End the recording: nobody could be told anything any more, nor stop it."""
        if not recorder.is_connected(self.line):
            recorder.unseen("connection-closed", "")
        self.finish()

    def lose_thread(self) -> None:
        """End the recording, on another thread: the agent's own could not be made again after a fork."""
        recorder.unseen("agent-thread", "")
        self.finish()
        self.leave()

    def fail(self, message: str) -> None:
        """Tell the recorder process why nothing is recorded, and go."""
        self.say_if_possible({"event": "error", "message": message})
        self.leave()

    def leave(self) -> None:
        """Give back what the agent itself used."""
        recorder.watch_exit(None)
        recorder.hang_up(self.line)

    def exiting(self) -> None:
        """The program is over and the interpreter goes down; what it does to its modules is not the program's doing."""
        if not self.over and self.ends_at_exit:
            self.finish()
        else:
            recorder.stop_state()
        self.say_if_possible({"event": "exiting", **recorder.status()})

    def next_message(self, patience_ms: int) -> "dict[str, Any] | None":
        """The next message, or None when none comes in time.

        Raises: EOFError when the recorder process is gone; ValueError when the line is no message.
        """
        while b"\n" not in self.received:
            data = recorder.receive(self.line, patience_ms)
            if data is None:
                return None
            if not data:
                raise EOFError
            self.received += data
        line, self.received = self.received.split(b"\n", 1)
        message = _wire["loads"](line.decode())
        if type(message) is not dict:
            raise ValueError("a message must be a JSON object")
        return message

    def say(self, message: "dict[str, Any]") -> None:
        """Send one message, whole.

        Raises: EOFError or OSError when the recorder process is gone.
        """
        recorder.send(self.line, _wire["dumps"](message).encode() + b"\n")

    def say_if_possible(self, message: "dict[str, Any]") -> None:
        """Send one message unless the recorder process is gone."""
        try:  # noqa: SIM105  contextlib may not be loaded here
            self.say(message)
        except (EOFError, OSError):
            pass


VERBS = {
    "ping": _Agent.pong,
    "status": _Agent.status,
    "stop": _Agent.stop,
    "configure": _Agent.configure,
}
"""What the recorder process may ask, and how each is answered; capture/attach/agent_verbs.py says more of each."""


def _text(name: str) -> str:
    """The attribute of `sys`, if it is the text that it should be."""
    value = recorder.system(name)
    return value if type(value) is str else ""


def _arguments() -> "list[str]":
    """The words of `sys.argv`; what a program has put there instead is left out."""
    words = recorder.system("argv")
    return [word for word in words if type(word) is str] if type(words) is list else []


def _standard_library() -> "list[str]":
    """Folders (and the archive) that the standard library lives in."""
    major, minor = recorder.system("version_info")[:2]
    version, archive = f"python{major}.{minor}", f"python{major}{minor}.zip"
    source = (recorder.namespace("os") or {}).get("__file__")
    found = [_text("_stdlib_dir"), source.rpartition("/")[0] if type(source) is str else ""]
    for prefix in {_text("base_prefix"), _text("base_exec_prefix")}:
        found += [f"{prefix}/lib/{version}", f"{prefix}/lib/{archive}"]
    found += [recorder.real_path(path) for path in found if path]
    return sorted({path.rstrip("/") for path in found if path and path != "/"})
