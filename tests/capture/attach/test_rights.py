"""With whose rights a target's interpreter is started: its owner's, never root's (issue 8: a user became root)."""

import ast
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.attach.rights import Rights, as_owner, rights_of, run_program_of
from tests.interpreters import Interpreter, everybody_can_reach
from tests.scope_command import scope
from tests.targets import Launcher

SOMEBODY = 65534
PLANTED = """
import posix as _posix
def _read(path):
    file = _posix.open(path, _posix.O_RDONLY)
    try:
        return _posix.read(file, 10_000)
    finally:
        _posix.close(file)
_state = repr({"uids": _posix.getresuid(), "gids": _posix.getresgid(), "groups": _posix.getgroups(),
               "cwd": _posix.getcwd(), "variables": sorted(name.decode() for name in _posix.environ),
               "limits": _read("/proc/self/limits"),
               "files": sorted(_posix.readlink("/proc/self/fd/" + fd) for fd in "012")})
_file = _posix.open(HERE, _posix.O_WRONLY | _posix.O_CREAT | _posix.O_APPEND, 0o666)
_posix.write(_file, _state.encode() + b"\\n")
_posix.close(_file)
"""
ASLEEP = "import time; print('ready', flush=True)\nwhile True: time.sleep(0.01)"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def planted_interpreter(real: Path, folder: Path, note: Path) -> Path:
    """An interpreter of somebody's own, whose standard library writes down as whom it runs."""
    (folder / "bin").mkdir(parents=True)
    program = Path(shutil.copy(real, folder / "bin"))
    library = real.parent.parent / "lib" / real.name
    own = folder / "lib" / real.name
    own.mkdir(parents=True)
    for path in library.iterdir():
        (own / path.name).symlink_to(path)
    (own / "encodings").unlink()
    shutil.copytree(library / "encodings", own / "encodings", ignore=shutil.ignore_patterns("__pycache__"))
    with (own / "encodings" / "__init__.py").open("a") as file:
        file.write(PLANTED.replace("HERE", repr(str(note))))
    return program


@pytest.fixture
def everybodys_folder() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@needs_root
@pytest.mark.minors("3.14")
def test_nothing_of_another_users_program_runs_as_root(
    interpreter: Interpreter, target: Launcher, everybodys_folder: Path
) -> None:
    if not everybody_can_reach(Path(__file__), interpreter.path):
        pytest.skip("needs Scope and the interpreter in folders that everybody can read")
    note = everybodys_folder / "note"
    program = planted_interpreter(interpreter.path, everybodys_folder / "py", note)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300)); "
    become = f"{limit}import os; os.setgroups([]); os.setgid({SOMEBODY}); os.setuid({SOMEBODY}); "
    running = target([program, "-c", become + ASLEEP], ready="ready", cwd=Path("/"))
    note.unlink()
    session = everybodys_folder / "one.scope"
    done = scope("attach", str(running.pid), "--no-window", "--duration", "0.3", "-o", str(session))
    assert done.returncode == 0, done.stderr
    seen = [ast.literal_eval(line) for line in note.read_text().splitlines()]
    assert seen, "the interpreter is still asked, as its owner"
    for one in seen:
        assert one["uids"] == one["gids"] == (SOMEBODY,) * 3
        assert one["groups"] == []
        assert one["cwd"] == "/"
        assert set(one["variables"]) <= {"PATH", "LC_CTYPE"}  # the interpreter sets the second one
        assert one["files"] == ["/dev/null"] * 3
        assert one["limits"] == Path(f"/proc/{running.pid}/limits").read_bytes()


@needs_root
def test_a_program_of_two_users_is_not_run_again(target: Launcher) -> None:
    """As set-user-ID programs are: its variables are those of the one, its rights those of the other."""
    become = f"import os; os.setresuid({SOMEBODY}, 0, 0); "
    running = target([sys.executable, "-c", become + ASLEEP], ready="ready")
    assert as_owner(rights_of(running.pid), rights_of("self")) is None
    assert run_program_of(running.pid, ["python", "-c", ""], {}, 5.0) is False


def test_a_program_with_our_own_rights_is_run_again(target: Launcher, tmp_path: Path) -> None:
    running = target([sys.executable, "-c", ASLEEP], ready="ready")
    note = tmp_path / "note"
    told = "json.dumps([os.getuid(), os.getcwd(), sorted(os.environ)])"
    code = f"import json, os; open({str(note)!r}, 'w').write({told})"
    assert run_program_of(running.pid, [sys.executable, "-I", "-S", "-c", code], {"PATH": "/"}, 20.0) is True
    uid, folder, variables = json.loads(note.read_text())
    assert (uid, folder) == (os.geteuid(), "/")
    assert "PATH" in variables
    assert "HOME" not in variables


ROOT = Rights((0,) * 4, (0,) * 4, frozenset(), 0x1FF, False, ("user", "mnt", "pid"))
USER = ROOT._replace(uids=(7,) * 4, gids=(8,) * 4, groups=frozenset({9}), capabilities=0)


@pytest.mark.parametrize(
    ("of_target", "ours"),
    [
        pytest.param(ROOT._replace(namespaces=("user", "other", "pid")), ROOT, id="in a container"),
        pytest.param(USER._replace(namespaces=("other", "mnt", "pid")), ROOT, id="in a user namespace"),
        pytest.param(ROOT._replace(capabilities=0x1), ROOT, id="root with fewer capabilities"),
        pytest.param(USER, USER._replace(capabilities=1 << 19), id="ours has the right to enter processes"),
        pytest.param(USER, USER._replace(groups=frozenset({9, 27})), id="ours is in more groups"),
        pytest.param(USER._replace(is_filtered=True), USER, id="in a seccomp sandbox"),
        pytest.param(USER._replace(namespaces=("user", "mnt", "none")), ROOT, id="in a namespace without a network"),
        pytest.param(USER._replace(gains_nothing=True), ROOT, id="kept from gaining rights"),
        pytest.param(USER._replace(label=b"confined"), ROOT, id="confined by a security module"),
        pytest.param(USER, USER._replace(uids=(6,) * 4), id="another user's, and we are not root"),
        pytest.param(USER._replace(uids=(7, 0, 0, 0)), ROOT, id="set-user-ID"),
        pytest.param(USER._replace(gids=(8, 0, 0, 0)), ROOT, id="set-group-ID"),
    ],
)
def test_what_has_fewer_rights_than_we_could_give_up_is_not_run(of_target: Rights, ours: Rights) -> None:
    assert as_owner(of_target, ours) is None
