"""Command lines are read the way the interpreter reads them."""

import os
import sys
from pathlib import Path

import pytest

from capture.target.python_command import PythonCommand, parse_command

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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, python3 = tmp_path / "app.py", tmp_path / "bin" / "python3"
    script.touch()
    python3.parent.mkdir()
    python3.symlink_to(PYTHON)

    def interpreter() -> str:
        command = parse_command([str(script)])
        assert command is not None
        return command.interpreter

    monkeypatch.setenv("PATH", str(python3.parent))
    assert interpreter() == PYTHON
    bundle = tmp_path / "bundle"
    (bundle / "python").mkdir(parents=True)
    (bundle / "scope-gui").touch()
    monkeypatch.setattr(sys, "prefix", str(bundle / "python"))
    assert interpreter() == str(python3)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreter() == PYTHON


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["/bin/echo", "hello"],
        ["no-such-program"],
        [PYTHON, "-i"],
        [PYTHON, "--version"],
        [PYTHON, "-V"],
        [PYTHON, "-m"],
        [PYTHON, "-c"],
        [PYTHON, "--"],
        ["env", "A=1", "echo", PYTHON],
        ["env", "--no-such-option", PYTHON, "app.py"],
        ["uv", "run", "--no-such-option", "pytest", PYTHON, "app.py"],
        ["grep", PYTHON, "app.py"],
        ["uv", "run", "pytest"],
        ["uv", "pip", PYTHON, "app.py"],
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
    assert command == PythonCommand(PYTHON, tuple(options), (str(script), "--flag"))


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


@pytest.mark.parametrize(
    ("words", "program"), [([], [""]), (["-"], ["-"]), (["-u", "-", "a"], ["-", "a"]), (["-u"], [""])]
)
def test_a_program_can_come_through_standard_input(
    words: list[str], program: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    command = parse_command([PYTHON, *words])
    assert command is not None
    assert list(command.program) == program
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 0)
    assert parse_command([PYTHON, *words]) is None, "a prompt is a conversation"


@pytest.mark.parametrize("option", ["-x", "-xu", "-ux"])
def test_the_line_to_skip_is_the_programs_and_not_the_launchers(option: str) -> None:
    command = parse_command([PYTHON, option, "app.py"])
    assert command is not None
    words = command.through(Path("/agent/launch.py"), Path("/config.json"))
    kept = [option.replace("x", "")] if len(option) > 2 else []
    assert words == [PYTHON, *kept, "/agent/launch.py", "/config.json", "-x", "--", "app.py"]


@pytest.mark.parametrize(
    "wrapper",
    [["env", "A=1"], ["nice", "-n", "5"], ["timeout", "-s", "INT", "5"], ["uv", "run", "--frozen"], ["poetry", "run"]],
    ids=lambda words: words[0],
)
def test_the_python_behind_a_wrapper_is_found(
    wrapper: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / wrapper[0]
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = parse_command([*wrapper, "python3", "-u", "app.py"])
    assert command is not None
    words = command.through(Path("/agent/launch.py"), Path("/config.json"))
    assert words == [*wrapper, "python3", "-u", "/agent/launch.py", "/config.json", "--", "app.py"]


def test_an_interpreter_by_another_name_is_known_by_what_it_links_to(tmp_path: Path) -> None:
    (tmp_path / "p3").symlink_to(PYTHON)
    command = parse_command([str(tmp_path / "p3"), "app.py"])
    assert command is not None
    assert command.interpreter == str(tmp_path / "p3")
