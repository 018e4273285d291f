"""Runs a program as `python` itself would, with the recording on before its first line.

Usage: python _scope_launch.py CONFIG [-x] -- (SCRIPT | DIRECTORY | ARCHIVE | -m MODULE | -c CODE | - | '') ARGUMENTS

'-' and '' read the program from standard input. -x: without the first line of a script.

The program gets a `__main__`, `sys.argv`, `sys.orig_argv` and `sys.path` of its own, its exit code is passed on, and no
frame of ours shows in a traceback or lies below the program's.
"""

# pathlib may not be loaded in a target, and must not be because of us.
# ruff: noqa: PTH100, PTH109, PTH110, PTH118, PTH120, PTH123

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _main() -> None:
    config_path, *words = sys.argv[1:] or [""]
    skips_line = words[:1] == ["-x"]
    separator, *words = words[skips_line:] or [""]
    if separator != "--" or not words:
        sys.exit("usage: _scope_launch.py CONFIG [-x] -- SCRIPT|-m MODULE|-c CODE|- ARGUMENTS")
    here = os.path.dirname(os.path.abspath(__file__))
    options = sys.orig_argv[: -len(sys.argv)] + ["-x"] * skips_line
    sys.orig_argv[:] = options + (words[1:] if words[0] == "" else words)  # a reloader starts the program by them again
    load = _prepare(words, skips_line)
    run = _record(here, config_path)
    try:
        run(*load())
    except SystemExit:
        raise
    except BaseException:
        _hide_our_frames()
        raise


def _prepare(words: "list[str]", skips_line: bool) -> "Callable[[], tuple[Any, ...]]":
    """Give the program its `__main__`, arguments and path; what is returned loads it: a function and its arguments."""
    main: Any = type(sys)("__main__")
    bootstrap: Any = sys.modules["_frozen_importlib"]
    external: Any = sys.modules["_frozen_importlib_external"]
    main.__builtins__ = sys.modules["builtins"]
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    if words[0] in ("-m", "-c") and len(words) < 2:
        sys.exit(f"Argument expected for the {words[0]} option")
    if words[0] == "-m":
        sys.argv = ["-m", *words[2:]]
        _set_first_path(_current_folder())
        return lambda: _module(words[1], True)
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        _set_first_path("")
        main.__loader__ = bootstrap.BuiltinImporter
        return lambda: (exec, compile(words[1] + "\n", "<string>", "exec", dont_inherit=True), main.__dict__)
    sys.argv = list(words)
    if words[0] in ("", "-"):
        _set_first_path("")
        _set_file(main, "<stdin>")
        main.__loader__ = external.SourceFileLoader("__main__", "<stdin>")
        return lambda: (exec, compile(_standard_input(), "<stdin>", "exec", dont_inherit=True), main.__dict__)
    path = os.path.join(_current_folder(), words[0])
    if _is_importable(words[0]):
        _set_first_path(path, always=True)
        return lambda: _module("__main__", False)
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    _set_file(main, path)
    main.__loader__ = external.SourceFileLoader("__main__", path)
    try:
        with open(path, "rb") as file:
            source = file.read()
        if skips_line:
            source = b"\n" + source.partition(b"\n")[2]  # as python -x: the numbers of the lines stay
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: can't open file {path!r}: {reason}", file=sys.stderr)
        sys.exit(2)
    return lambda: (exec, compile(source, path, "exec", dont_inherit=True), main.__dict__)


def _set_file(main: "Any", path: str) -> None:
    main.__file__ = path
    if sys.version_info < (3, 15):
        main.__cached__ = None


def _standard_input() -> bytes:
    """All of it, as python reads a program from there; nothing where it is closed."""
    return sys.stdin.buffer.read() if sys.stdin is not None else b""


def _current_folder() -> str:
    """'' for one that has been deleted: `python /srv/app.py` works there all the same."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _set_first_path(path: str, always: bool = False) -> None:
    """Replace our own folder at the start of `sys.path` by what python puts there for this program."""
    if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        sys.path[0] = path
    elif always:
        sys.path.insert(0, path)


def _is_importable(path: str) -> bool:
    """Whether `path` is a directory or archive that is run through the `__main__` module in it."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _module(name: str, alter_argv: bool) -> "tuple[Any, ...]":
    import runpy  # noqa: PLC0415  only for -m, where python imports it too

    return runpy._run_module_as_main, name, alter_argv  # type: ignore[attr-defined]


def _record(here: str, config_path: str) -> "Callable[..., object]":
    """Start the agent and wait until the recording is on; without one the program runs all the same.

    Silently where an agent has taken the orders already: the program starts itself again by its own command line.
    What is returned calls a function without our frames below it.
    """
    imp: Any = sys.modules["_imp"]
    spec = type("spec", (), {"name": "_scope_recorder", "origin": os.path.join(here, "_scope_recorder.abi3.so")})
    recorder = imp.create_dynamic(spec)
    imp.exec_dynamic(recorder)
    problem = recorder.start(config_path, "", True) if os.path.exists(config_path) else None
    if problem:
        print("scope: not recording: " + problem, file=sys.stderr)
    run: Callable[..., object] = recorder.run_at_bottom
    return run


def _hide_our_frames() -> None:
    """Have the traceback of the exception on its way printed without our frames, by whatever hook is set.

    The exception itself travels on, since the interpreter derives the exit status (SIGINT for KeyboardInterrupt) from
    it.
    """
    users_hook = sys.excepthook
    ours = _main.__code__.co_filename  # __file__ is gone by the time the hook runs

    def hook(kind: "type[BaseException]", error: BaseException, traceback: "Any") -> None:
        sys.excepthook = users_hook
        while traceback is not None and traceback.tb_frame.f_code.co_filename == ours:
            traceback = traceback.tb_next
        users_hook(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = hook


_main()
