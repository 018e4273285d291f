"""Where less is captured than asked, it is said: at the end of `run`, in `info`, by name and with the way out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import Interpreter
from tests.scope_command import COMMAND, query, run_recorded, scope_json

PROGRAMS = Path(__file__).with_name("programs")
CALLS = "def f(x):\n    return x + 1\n\n\nfor i in range(100):\n    f(i)\n"
SLOW = "import time\n\n\ndef f():\n    time.sleep(0.01)\n\n\nfor i in range(150):\n    f()\n"
PYTHON = sys.executable


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(CALLS)
    return path


def unseen(session: Path) -> dict[str, list[str]]:
    """{code: details} of what `info` says."""
    return {row["code"]: row["details"] for row in scope_json("info", session, "--json")["unseen"]}


def calls_of(session: Path, function: str) -> int:
    rows = query(session, f"SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = '{function}'")
    return int(rows[0]["n"])


@pytest.mark.parametrize("wrapper", [["env", "A=1"], ["env", "-i"], ["nice", "-n", "1"], ["timeout", "60"]])
def test_a_python_behind_a_wrapper_is_recorded_from_its_first_line(
    wrapper: list[str], program: Path, tmp_path: Path
) -> None:
    run_recorded(tmp_path / "s.scope", [*wrapper, PYTHON, program])
    assert calls_of(tmp_path / "s.scope", "f") == 100
    assert unseen(tmp_path / "s.scope") == {}


def test_a_word_that_only_looks_like_a_python_is_left_alone(tmp_path: Path) -> None:
    done = run_recorded(tmp_path / "s.scope", ["env", "echo", "python3", "app.py"])
    assert done.stdout == "python3 app.py\n"


@pytest.mark.sampled
@pytest.mark.parametrize("words", [["-", "one"], []])
def test_a_program_on_standard_input_is_recorded(
    words: list[str], interpreter: Interpreter, program: Path, tmp_path: Path
) -> None:
    program.write_text(CALLS + "import sys\nprint(__name__, __file__, sys.argv, repr(sys.path[0]))\n")
    command = [str(interpreter.path), *words]
    bare = subprocess.run(command, input=program.read_text(), capture_output=True, text=True, check=True)
    recorded = subprocess.run(
        [*COMMAND, "run", "--no-window", "-o", str(tmp_path / "s.scope"), "--", *command],
        input=program.read_text(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert recorded.stdout == bare.stdout
    assert calls_of(tmp_path / "s.scope", "f") == 100


def test_the_first_line_is_skipped_where_the_program_asks_for_it(program: Path, tmp_path: Path) -> None:
    program.write_text("this is no Python\n" + CALLS)
    run_recorded(tmp_path / "s.scope", [PYTHON, "-x", program])
    assert calls_of(tmp_path / "s.scope", "f") == 100
    assert query(tmp_path / "s.scope", "SELECT line FROM sites WHERE function = 'f'") == [{"line": 2}]


def test_an_interpreter_by_another_name_is_recorded(program: Path, tmp_path: Path) -> None:
    (tmp_path / "p3").symlink_to(PYTHON)
    run_recorded(tmp_path / "s.scope", [tmp_path / "p3", program])
    assert calls_of(tmp_path / "s.scope", "f") == 100


def test_a_shell_whose_python_is_gone_too_soon_is_said_to_be_only_watched(tmp_path: Path) -> None:
    done = run_recorded(tmp_path / "s.scope", ["sh", "-c", "exit 0"])
    assert "sh -c … is only watched from outside" in done.stderr
    assert "scope-gui run -- python app.py" in done.stderr
    assert unseen(tmp_path / "s.scope") == {"observed": ["sh -c …"]}


@pytest.mark.alone
@pytest.mark.parametrize("script", ['"$0" "$1"; true', 'exec "$0" "$1"'], ids=["starts", "becomes"])
def test_the_python_that_a_shell_starts_or_becomes_is_recorded_once_found(
    script: str, program: Path, tmp_path: Path
) -> None:
    program.write_text(SLOW)
    done = run_recorded(tmp_path / "s.scope", ["sh", "-c", script, PYTHON, program])
    assert "found a Python in the program" in done.stderr
    assert calls_of(tmp_path / "s.scope", "f") > 0
    (late,) = unseen(tmp_path / "s.scope")["late"]
    assert str(program) in late
    (named,) = query(tmp_path / "s.scope", "SELECT command, python FROM processes WHERE tier = 'python'")
    assert named["command"].endswith(f"{PYTHON} {program}")


@pytest.mark.alone
def test_children_are_named_even_those_that_live_for_a_moment(tmp_path: Path) -> None:
    """Found by looking, and a disk that syncs can keep Scope from it for a tenth of a second: four of each kind."""
    (tmp_path / "worker.py").write_text("import time\ntime.sleep(0.1)\n")
    (tmp_path / "app.py").write_text(
        "import os, subprocess, sys, time\n"
        "for _ in range(4):\n"
        f"    subprocess.run([sys.executable, {str(tmp_path / 'worker.py')!r}])\n"
        "    if os.fork() == 0:\n        time.sleep(0.15)\n        os._exit(0)\n"
        "    os.wait()\n"
    )
    done = run_recorded(tmp_path / "s.scope", [PYTHON, tmp_path / "app.py"])
    names = unseen(tmp_path / "s.scope")["child"]
    assert any("worker.py" in name for name in names)
    assert any("app.py" in name for name in names), "a forked worker goes by the program's own name, without launcher"
    assert not any("_scope_" in name for name in names)
    assert "Only watched from outside, not recorded:" in done.stderr


def test_a_child_that_nobody_could_look_at_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        os._exit(0)\n    os.wait()\n"
    )
    run_recorded(tmp_path / "s.scope", [PYTHON, tmp_path / "app.py"])
    assert unseen(tmp_path / "s.scope").keys() & {"child", "child-short"}


def test_a_program_whose_children_leave_no_trace_is_said_to_be_one(tmp_path: Path) -> None:
    """The kernel charges nobody for children of a program that ignores their end, so no look could tell of them."""
    code = (
        "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n    os._exit(0)\n"
        "try:\n    os.wait()\nexcept ChildProcessError:\n    pass\n"
    )
    run_recorded(tmp_path / "s.scope", [PYTHON, "-c", code])
    assert "child-untraced" in unseen(tmp_path / "s.scope")


def test_patterns_that_nothing_matches_are_said_and_the_others_are_not(program: Path, tmp_path: Path) -> None:
    program.write_text("class A:\n    def __init__(self):\n        self.x = 1\n\n\n" + CALLS + "A()\n")
    flags: list[Any] = ["--include", "typo.*", "--include", "*", "--include", "__main__", "--exclude", "json.*"]
    flags += ["--exclude", "*:f", "--state", "nomodule", "--state", "__main__.A"]
    done = run_recorded(tmp_path / "s.scope", [PYTHON, program], *flags)
    said = unseen(tmp_path / "s.scope")
    assert said["pattern-unmatched"] == ["--include typo.*", "--exclude json.*", "--state nomodule"]
    assert said.keys() <= {"pattern-unmatched", "names-not-looked-at"}  # of all modules, when the program ends at once
    assert "Nothing matched --include typo.*, --exclude json.* and --state nomodule." in done.stderr


def test_the_last_words_of_a_recording_say_what_was_dropped(tmp_path: Path) -> None:
    program = tmp_path / "busy.py"
    program.write_text("def f(x):\n    return x\n\n\nfor i in range(3_000_000):\n    f(i)\n")
    done = run_recorded(tmp_path / "s.scope", [PYTHON, program], "--memory", "1")
    info = scope_json("info", tmp_path / "s.scope", "--json")
    said = f"{info['dropped']} of {info['produced']} events were dropped."
    assert (said in done.stderr) == (info["dropped"] > 1)
    assert "dropped" not in done.stderr or info["dropped"]


@pytest.mark.sampled
def test_generated_methods_of_libraries_are_not_user_code(interpreter: Interpreter, tmp_path: Path) -> None:
    run_recorded(tmp_path / "s.scope", [interpreter.path, PROGRAMS / "generated_code.py"])
    functions = {row["function"] for row in query(tmp_path / "s.scope", "SELECT function FROM sites")}
    made_by_compiler = {"Point.__annotate__", "__annotate__"}
    assert functions - made_by_compiler == {"<module>", "Point", "Plain", "Plain.__init__", "own", "made", "alone"}


def test_asked_to_observe_nothing_is_missing(program: Path, tmp_path: Path) -> None:
    run_recorded(tmp_path / "s.scope", [PYTHON, program], "--mode", "observe")
    assert unseen(tmp_path / "s.scope") == {}


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """An application that runs `app.py` beside it with a Python inside, under a name of its own."""
    library = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "no")
    if not shutil.which("cc") or ".so" not in library.suffixes or not library.is_file():
        pytest.skip("needs a C compiler and a Python with a shared library, to make a program with Python inside")
    path = tmp_path / "application"
    link = [str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run(["cc", "-o", str(path), str(PROGRAMS / "embeds_python.c"), *link], check=True)
    return path


@pytest.mark.alone
def test_a_frozen_application_is_recorded_once_found(frozen: Path, program: Path, tmp_path: Path) -> None:
    program.write_text(SLOW)
    done = run_recorded(tmp_path / "s.scope", [frozen], env={**os.environ, "PYTHONHOME": sys.base_prefix})
    assert "found a Python in the program" in done.stderr
    assert calls_of(tmp_path / "s.scope", "f") > 0
    (late,) = unseen(tmp_path / "s.scope")["late"]
    assert "application" in late


def test_a_frozen_application_that_is_gone_at_once_is_never_passed_over(
    frozen: Path, program: Path, tmp_path: Path
) -> None:
    """Whether it was found before its end is chance."""
    program.write_text("import os\nos._exit(3)\n")
    done = run_recorded(tmp_path / "s.scope", [frozen], env={**os.environ, "PYTHONHOME": sys.base_prefix}, expect=3)
    ((code, details),) = unseen(tmp_path / "s.scope").items()
    assert code in ("late", "observed")
    assert "application" in details[0]
    assert details[0] in done.stderr


def test_an_application_in_one_file_is_recorded_from_its_first_line(program: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import inner\ninner.work()\n")
        archive.writestr("inner.py", CALLS + "def work():\n    f(1)\n")
    run_recorded(tmp_path / "s.scope", [PYTHON, tmp_path / "app.pyz"])
    assert calls_of(tmp_path / "s.scope", "f") == 101
    assert unseen(tmp_path / "s.scope") == {}


def test_a_file_that_names_its_own_interpreter_is_recorded_or_said_to_be_only_watched(tmp_path: Path) -> None:
    """As zipapp -p makes them: a `#!` line before the archive, and the right to be run."""
    application = tmp_path / "application"
    with application.open("wb") as file:
        file.write(f"#!{PYTHON}\n".encode())
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("__main__.py", CALLS)
    application.chmod(0o755)
    done = run_recorded(tmp_path / "s.scope", [application])
    said = unseen(tmp_path / "s.scope")
    assert calls_of(tmp_path / "s.scope", "f") == 100 or ("observed" in said and "only watched" in done.stderr)
