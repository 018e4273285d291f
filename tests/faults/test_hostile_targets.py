"""Root records a program of another user that answers in the agent's place: a sentence within seconds, and no harm."""

import os
import resource
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.interpreters import everybody_can_reach, found
from tests.scope_command import COMMAND
from tests.targets import Launcher

PROGRAMS = Path(__file__).with_name("programs")
SOMEBODY = 65534
LONGEST_S = 20.0
MOST_MEMORY = 4 << 30  # of addresses; what is in use was 117 MiB

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.fixture(scope="module")
def stage() -> Iterator[Path]:
    """The hostile program, in a folder that every user can reach."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler for the library that the program puts before the C library")
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(PROGRAMS / "answers_for_the_agent.py", folder)
        source, library = PROGRAMS / "before_sending.c", folder / "before_sending.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        yield folder


class Attack(NamedTuple):
    """`said`: one of these parts; `status`: of `attach`, None where either is right."""

    mode: str
    status: int | None
    said: tuple[str, ...]
    title: str


ATTACKS = (
    Attack("link-pool.bin", 1, ("pool.bin cannot be mapped",), "the pool is a link"),
    Attack("fifo-pool.bin", 1, ("pool.bin is not a file of this session alone",), "the pool is a FIFO"),
    Attack("link-defs.bin", 1, ("defs.bin cannot be read",), "the definitions are a link"),
    Attack("fifo-defs.bin", 1, ("defs.bin is not a file",), "the definitions are a FIFO"),
    Attack("cut-short", 1, ("cannot be mapped", "is damaged"), "the pool is cut short under its mapping"),
    Attack("flood", None, ("the agent reports: ",), "messages without end"),
    Attack("odd-greeting", 1, ("introduced itself as no agent does",), "a greeting of other types"),
    Attack("odd-costs", 0, ("saved",), "costs of other types, and without bound"),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.title for attack in ATTACKS])
def test_what_a_target_answers_does_no_harm(attack: Attack, stage: Path, target: Launcher, tmp_path: Path) -> None:
    interpreter = next((one for one in found() if everybody_can_reach(Path(__file__), one.path)), None)
    if interpreter is None:
        pytest.skip("needs Scope and an interpreter in folders that everybody can read")
    secret = tmp_path / "roots"
    secret.write_bytes(b"R" * 200)
    secret.chmod(0o600)
    somebody = SOMEBODY - ATTACKS.index(attack)  # each attack has a user: what that one has left is removed below
    become = ["setpriv", f"--reuid={somebody}", f"--regid={somebody}", "--clear-groups"]
    library = stage / "before_sending.so"
    program: list[str | Path] = [interpreter.path, stage / "answers_for_the_agent.py", library, attack.mode, secret]
    running = target([*become, "env", f"LD_PRELOAD={library}", *program], ready="ready", cwd=Path("/"))
    session = tmp_path / "hostile.scope"
    before = set(Path("/dev/shm").glob("scope-0-*"))
    began = time.monotonic()
    try:
        done = subprocess.run(
            [*COMMAND, "attach", str(running.pid), "--no-window", "--duration", "1", "-o", session],
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY)),
        )
        words = done.stderr.decode()
        assert time.monotonic() - began < LONGEST_S
        assert "Traceback" not in words
        assert any(part in words for part in attack.said), words
        assert attack.status is None or done.returncode == attack.status, words
        assert words.count("the agent reports") <= 10
        assert secret.read_bytes() == b"R" * 200
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert secret.stat().st_uid == 0
        assert done.returncode >= 0, "no signal has ended the recorder"
    finally:
        running.end()
        for left in set(Path("/dev/shm").glob("scope-0-*")) - before:  # what the program itself has put there stays
            if any(path.stat(follow_symlinks=False).st_uid == somebody for path in left.glob("*/*")):
                shutil.rmtree(left)


@pytest.mark.parametrize("minor", ["3.12", "3.14"])
def test_a_program_that_becomes_roots_meanwhile_is_not_entered(minor: str, target: Launcher, tmp_path: Path) -> None:
    """Its orders lie in a folder of its first user, who can change them, and on 3.14 they are a script."""
    real = next((one.path for one in found() if one.minor == minor), None)
    if real is None or not everybody_can_reach(Path(__file__), real):
        pytest.skip(f"needs Scope and Python {minor} in folders that everybody can read")
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(PROGRAMS / "becomes_another_users.py", folder)
        (folder / "bin").mkdir()
        (folder / "lib").mkdir()
        (folder / "lib" / real.name).symlink_to(real.parent.parent / "lib" / real.name)
        roots = Path(shutil.copy(real, folder / "bin"))
        roots.chmod(0o4755)
        become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
        program: list[str | Path] = [*become, real, folder / "becomes_another_users.py", folder, roots]
        running = target(program, ready="ready", cwd=Path("/"))
        command: list[str | Path] = [
            "attach",
            str(running.pid),
            "--no-window",
            "--duration",
            "0.5",
            "-o",
            tmp_path / "s.scope",
        ]
        done = subprocess.run(
            [*COMMAND, *command], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "TMPDIR": name, "XDG_RUNTIME_DIR": ""},
        )  # fmt: skip
        if "became 0" not in running.wait_for_line("became"):
            pytest.skip("needs a file system and a kernel that honour set-user-ID programs")
        assert done.returncode == 1
        assert "left alone" in done.stderr or "No thread of process" in done.stderr
        assert "_scope_recorder" not in Path(f"/proc/{running.pid}/maps").read_text()
        running.end()
