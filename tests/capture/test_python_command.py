"""Command lines are read the way the interpreter reads them."""

import subprocess
import sys
from pathlib import Path

import pytest

from capture.python_command import parse_command

PYTHON = sys.executable


@pytest.mark.parametrize(
    ("words", "options", "program"),
    [
        (["app.py"], [], ["app.py"]),
        (["app.py", "-x", "--help"], [], ["app.py", "-x", "--help"]),
        (["-u", "app.py"], ["-u"], ["app.py"]),
        (["-X", "dev", "-W", "error", "-bb", "app.py", "1"], ["-X", "dev", "-W", "error", "-bb"], ["app.py", "1"]),
        (["-Xdev", "-Werror", "app.py"], ["-Xdev", "-Werror"], ["app.py"]),
        (["-uX", "dev", "app.py"], ["-uX", "dev"], ["app.py"]),
        (["-EIsSOO", "app.py"], ["-EIsSOO"], ["app.py"]),
        (["-m", "http.server", "0"], [], ["-m", "http.server", "0"]),
        (["-mhttp.server", "0"], [], ["-m", "http.server", "0"]),
        (["-um", "http.server"], ["-u"], ["-m", "http.server"]),
        (["-c", "print(1)", "-u"], [], ["-c", "print(1)", "-u"]),
        (["-uc", "print(1)"], ["-u"], ["-c", "print(1)"]),
        (["-uc1+1"], ["-u"], ["-c", "1+1"]),
        (["-u", "--", "app.py"], ["-u"], ["app.py"]),
        (["--check-hash-based-pycs", "always", "app.py"], ["--check-hash-based-pycs", "always"], ["app.py"]),
    ],
)
def test_options_of_the_interpreter_are_told_from_those_of_the_program(
    words: list[str], options: list[str], program: list[str]
) -> None:
    command = parse_command([PYTHON, *words])
    assert command is not None
    assert (command.interpreter, list(command.options), list(command.program)) == (PYTHON, options, program)


def test_a_script_without_interpreter_runs_under_scopes_own_and_from_the_bundle_under_that_on_the_path(
    tmp_path: Path,
) -> None:
    script, python3 = tmp_path / "app.py", tmp_path / "bin" / "python3"
    script.touch()
    python3.parent.mkdir()
    python3.symlink_to(PYTHON)
    code = "import sys; from capture.python_command import parse_command; print(parse_command([sys.argv[1]])[0])"

    def interpreter(*options: str, path: Path) -> str:
        words = [PYTHON, *options, "-c", code, str(script)]
        done = subprocess.run(words, env={"PATH": str(path)}, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert interpreter(path=python3.parent) == PYTHON
    assert interpreter("-I", path=python3.parent) == str(python3)
    assert interpreter("-I", path=tmp_path) == PYTHON


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["/bin/echo", "hello"],
        ["no-such-program"],
        [PYTHON],
        [PYTHON, "-"],
        [PYTHON, "--version"],
        [PYTHON, "-V"],
        [PYTHON, "-u"],
        [PYTHON, "-m"],
        [PYTHON, "-c"],
        [PYTHON, "-x", "app.py"],
        [PYTHON, "--"],
    ],
)
def test_what_nothing_can_be_put_in_front_of_is_not_a_python_command(argv: list[str]) -> None:
    assert parse_command(argv) is None


@pytest.mark.parametrize("argv", [["-m", "json.tool"], ["-c", "pass"]])
def test_without_an_interpreter_scopes_own_is_used(argv: list[str]) -> None:
    command = parse_command(argv)
    assert command is not None
    assert (command.interpreter, list(command.program)) == (PYTHON, argv)


def test_a_script_that_cannot_be_executed_itself_runs_under_scopes_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("")
    command = parse_command([str(script), "1"])
    assert command is not None
    assert (command.interpreter, command.program) == (PYTHON, (str(script), "1"))


SHEBANGS = [
    (f"#!{PYTHON}\n", []),
    (f"#! {PYTHON} -E -u\n", ["-E", "-u"]),
    (f"#!/usr/bin/env {PYTHON}\n", []),
    (f"#!/usr/bin/env -S {PYTHON} -u\n", ["-u"]),
    (f"""#!/bin/sh\n'''exec' "{PYTHON}" "$0" "$@"\n' '''\n""", []),
]


@pytest.mark.parametrize(("first_line", "options"), SHEBANGS)
def test_a_console_script_is_run_by_the_python_in_its_shebang(
    tmp_path: Path, first_line: str, options: list[str]
) -> None:
    script = tmp_path / "tool"
    script.write_text(first_line + "print(1)\n")
    script.chmod(0o755)
    command = parse_command([str(script), "--flag"])
    assert command is not None
    assert command == (PYTHON, tuple(options), (str(script), "--flag"))


def test_a_shell_script_is_not_a_python_command(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert parse_command([str(script)]) is None


def test_the_launcher_stands_between_options_and_program() -> None:
    command = parse_command([PYTHON, "-u", "-m", "app", "x"])
    assert command is not None
    words = command.through(Path("/agent/launch.py"), Path("/private/config.json"))
    assert words == [PYTHON, "-u", "/agent/launch.py", "/private/config.json", "--", "-m", "app", "x"]
