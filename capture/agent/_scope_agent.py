"""What runs inside a target: starts the native recorder, answers the recorder process, and leaves no trace.

Runs on a thread of its own that is kept out of the recording and that the `threading` module never hears of. It uses
nothing but `sys`, `os` and `_thread`, which every interpreter has loaded, so that a detached target has the modules
that it had before. The connection is a plain descriptor: a socket object copied into a forked child would close it.
No message can carry code: 'ping', 'status' and 'stop' are all there is.
"""

# pathlib may not be loaded in a target, and must not be because of us.
# ruff: noqa: PTH100, PTH118, PTH120

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FEATURES = {"full": "crga", "performance": "cr", "state": "ga", "minimal": "r"}
_SWEEP_MS = 250
_GREETING_MS = 10_000
_ROUNDS = 7
_CALLS = 1000
_OURS = ("_scope_agent", "_scope_recorder", "_scope_wire")


def start(config_path: str, ready: "Callable[[str | None], None] | None" = None, ends_at_exit: bool = False) -> None:
    """Record until the recorder process says stop or goes away; returns then.

    `ready` is called once, with None when the recording is on or with a message when it cannot be.
    `ends_at_exit`: the exit handler is the first that was registered, so it runs last and may end the recording.
    """
    agent = None
    try:
        config = _load("_scope_wire").loads(_read(config_path).decode())
        agent = _Agent(config, ends_at_exit)
        agent.begin()
    except BaseException as error:  # whatever it is, the target must go on as if we had never come
        message = str(error) or type(error).__name__
        if agent is not None:
            agent.fail(message)
        if ready:
            ready(message)
        return
    if ready:
        ready(None)
    agent.serve()


def start_thread(
    config_path: str, ready: "Callable[[str | None], None] | None" = None, ends_at_exit: bool = False
) -> None:
    """`start` on a new thread, past any wrapper that monkeypatching has put around thread functions."""
    _thread.start_new_thread(start, (config_path, ready, ends_at_exit))


class _Agent:
    """One recording: connected and configured on creation."""

    def __init__(self, config: "dict[str, Any]", ends_at_exit: bool) -> None:
        if sys.implementation.name != "cpython" or "t" in getattr(sys, "abiflags", ""):
            raise RuntimeError("Scope records CPython with the GIL; this is " + sys.version.split("\n")[0])
        self.config = config
        self.wire = _load("_scope_wire")
        self.recorder = _load_recorder(config["recorder_path"])
        self.recorder.mute(True)
        self.ends_at_exit = ends_at_exit
        self.told: dict[int, tuple[str, int, bool]] = {}
        self.had_atexit = True
        self.over = False
        self.received = b""
        self.fd = self.recorder.connect(config["socket"])
        self.recorder.close_in_child(self.fd)

    def begin(self) -> None:
        """Introduce ourselves, then switch the recording on.

        Raises: RuntimeError or OSError with the reason when that is not possible.
        """
        config = self.config
        self.say(
            {
                "hello": config["token"],
                "pid": os.getpid(),
                "python": ".".join(map(str, sys.version_info[:3])),
                "hexversion": sys.hexversion,
                "executable": sys.executable or "",
                "argv": [str(word)[:4096] for word in getattr(sys, "argv", [])[:64]],
            }
        )
        answer = self.next_message(_GREETING_MS)
        if not answer or not answer.get("ok"):
            raise RuntimeError("the recorder did not answer")
        self.recorder.configure(
            config["pool_dir"],
            config.get("chunk_count", 0),
            int(config.get("when_full") == "block"),
            _FEATURES[config.get("mode", "full")],
            config.get("include", []),
            config.get("exclude", []),
            _standard_library(),
            config.get("state", []),
        )
        for key, value in self.facts().items():
            self.recorder.define(key, value)
        records_calls = "c" in _FEATURES[config.get("mode", "full")]
        bare_ns = self.recorder.calibrate(_thousand_calls, None, _ROUNDS) if records_calls else 0
        self.watch_exit(True)
        try:
            self.recorder.begin(self.news_of_threads())
        except BaseException:
            self.watch_exit(False)
            raise
        cost: dict[str, int] = {"agent_thread": _thread.get_native_id()}
        if records_calls:
            recorded_ns = self.recorder.calibrate(_thousand_calls, _nothing.__code__, _ROUNDS)
            cost.update(calls=_CALLS, bare_ns=bare_ns, recorded_ns=recorded_ns)
        self.say({"event": "recording", "pid": os.getpid(), "cost": cost, **self.recorder.status()})

    def facts(self) -> "dict[str, str]":
        """What a reader should know about this process."""
        words = getattr(sys, "argv", None) or [""]
        return {
            "python_version": sys.version.split()[0],
            "implementation": sys.implementation.name,
            "executable": sys.executable or "",
            "argv0": str(words[0]),
            "mode": self.config.get("mode", "full"),
            "recorder": "_scope_recorder",
        }

    def serve(self) -> None:
        """Answer the recorder process until it says stop or is gone; look around four times a second meanwhile."""
        while not self.over:
            try:
                message = self.next_message(_SWEEP_MS)
                if message is not None:
                    self.answer(message)
                else:
                    self.recorder.sweep(self.news_of_threads())
            except (EOFError, OSError):
                self.finish()
            except ValueError as error:
                self.say({"event": "error", "message": str(error)})
        self.leave()

    def answer(self, message: "dict[str, Any]") -> None:
        """Do what one message asks."""
        verb = message.get("do")
        if verb == "ping":
            self.say({"pong": True})
        elif verb == "status":
            self.say(self.recorder.status())
        elif verb == "stop":
            self.finish()
            self.say({"event": "stopped", **self.recorder.status()})
        else:
            self.say({"event": "error", "message": f"unknown verb {verb!r}"})

    def finish(self) -> None:
        """End the recording; every hook is out afterwards."""
        self.over = True
        if self.recorder.status()["recording"]:
            self.recorder.end(self.news_of_threads())

    def fail(self, message: str) -> None:
        """Tell the recorder process why nothing is recorded, and go."""
        try:  # noqa: SIM105  contextlib may not be loaded here
            self.say({"event": "error", "message": message})
        except OSError:
            pass
        self.leave()

    def leave(self) -> None:
        """Give back what the agent itself used."""
        self.watch_exit(False)
        self.recorder.close_in_child(-1)
        os.close(self.fd)
        for name in _OURS:
            sys.modules.pop(name, None)
        self.recorder.mute(False)

    def watch_exit(self, on: bool) -> None:
        """Hear of the interpreter's end, or no longer."""
        loaded = "atexit" in sys.modules
        import atexit  # noqa: PLC0415  built in; its callbacks live in the interpreter, not in the module

        if on:
            self.had_atexit = loaded
            atexit.register(self.exiting)
            return
        atexit.unregister(self.exiting)
        if not self.had_atexit:
            sys.modules.pop("atexit", None)

    def exiting(self) -> None:
        """The program is over and the interpreter goes down; what it does to its modules is not the program's doing."""
        try:
            if not self.over and self.ends_at_exit:
                self.finish()
            else:
                self.recorder.stop_state()
            self.say({"event": "exiting", **self.recorder.status()})
        except OSError:
            pass

    def news_of_threads(self) -> "dict[int, tuple[str, int, bool]]":
        """{ident: (name, native id, is daemon)} of `threading`'s threads whose entry is new or changed.

        Reads private attributes on purpose: the public ones may be overridden by a subclass with code of its own.
        """
        threading = sys.modules.get("threading")
        active = vars(threading).get("_active") if threading else None
        news = {}
        for ident, thread in list(active.items()) if type(active) is dict else ():
            native_id = _attribute(thread, "_native_id") or 0
            entry = (str(_attribute(thread, "_name")), native_id, _attribute(thread, "_daemonic") is True)
            if self.told.get(ident) != entry:
                news[ident] = self.told[ident] = entry
        if active and len(self.told) > 2 * len(active) + 64:
            self.told = {ident: entry for ident, entry in self.told.items() if ident in active}
        return news

    def next_message(self, patience_ms: int) -> "dict[str, Any] | None":
        """The next message, or None when none comes in time.

        Raises: EOFError when the recorder process is gone; ValueError when the line is no message.
        """
        while b"\n" not in self.received:
            if not self.recorder.wait_readable(self.fd, patience_ms):
                return None
            data = os.read(self.fd, 65536)
            if not data:
                raise EOFError
            self.received += data
        line, self.received = self.received.split(b"\n", 1)
        message = self.wire.loads(line.decode())
        if not isinstance(message, dict):
            raise ValueError("a message must be a JSON object")
        return message

    def say(self, message: "dict[str, Any]") -> None:
        """Send one message, whole: several threads may speak at the interpreter's end."""
        line = self.wire.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self.fd, line) :]


def _nothing() -> None:
    """What is called to find out what recording a call costs."""


def _thousand_calls() -> None:
    for _ in range(_CALLS):
        _nothing()


def _attribute(thread: object, name: str) -> "Any":
    try:
        return object.__getattribute__(thread, name)
    except AttributeError:
        return None


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def _load(name: str) -> "Any":
    """A namespace with the contents of one of our files; `sys.modules` stays as it is."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    module: Any = type(sys)(name)
    module.__file__ = path
    exec(compile(_read(path), path, "exec", dont_inherit=True), module.__dict__)
    return module


def _load_recorder(path: str) -> "Any":
    """The native recorder, loaded without an entry in `sys.modules`."""
    bootstrap: Any = sys.modules["_frozen_importlib"]
    external: Any = sys.modules["_frozen_importlib_external"]
    loader = external.ExtensionFileLoader("_scope_recorder", path)
    spec = bootstrap.ModuleSpec("_scope_recorder", loader, origin=path)
    module = loader.create_module(spec)
    loader.exec_module(module)
    return module


def _standard_library() -> "list[str]":
    """Folders (and the archive) that the standard library lives in."""
    major, minor = sys.version_info[:2]
    version, archive = f"python{major}.{minor}", f"python{major}{minor}.zip"
    found = [getattr(sys, "_stdlib_dir", None), os.path.dirname(getattr(os, "__file__", ""))]
    for prefix in {sys.base_prefix, sys.base_exec_prefix}:
        found += [os.path.join(prefix, "lib", version), os.path.join(prefix, "lib", archive)]
    found += [os.path.realpath(path) for path in found if path]
    return sorted({path.rstrip("/") for path in found if path and path != "/"})
