"""The wheel: an installed copy is complete, stands alone, records its demo, and a fresh environment takes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scope_gui.places import is_checkout, resource_path
from tests.interpreters import ROOT

PACKAGES = ("capture", "dags", "views", "scope_gui")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = [sys.executable, "packaging/make_wheel.py", str(tmp_path_factory.mktemp("wheel")), "--reuse"]
    return Path(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip())


class Installed:
    """A copy of Scope under a prefix of its own, run from an empty folder."""

    def __init__(self, wheel: Path, prefix: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--no-index", "--ignore-installed", "--prefix", prefix, wheel], check=True)
        (packages,) = prefix.glob("lib/python3.*/site-packages")
        self.prefix, self.packages = prefix, packages
        self.cwd = prefix / "empty"
        self.cwd.mkdir()

    def python(self, *words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-P", *words],
            cwd=self.cwd,
            env={**os.environ, "PYTHONPATH": str(self.packages)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("prefix"))


def sources(folder: str, pattern: str) -> set[str]:
    found = (path for path in (ROOT / folder).rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT / folder)) for path in found}


def test_the_wheel_holds_every_module_every_resource_and_the_native_parts(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        assert {f"{package}/{name}" for name in sources(package, "*.py")} <= names
    (data,) = {name.partition("/")[0] for name in names if ".data/" in name}
    shared = {name.removeprefix(f"{data}/data/share/scope-gui/") for name in names if name.startswith(data)}
    assert shared == sources("resources", "*")
    native = {name for name in names if name.endswith(".so")}
    assert native == {
        "capture/_scope_host.abi3.so",
        "capture/agent/_scope_recorder.abi3.so",
        "dags/_kernels.abi3.so",
    }


def test_the_wheel_holds_nothing_else_and_fits_every_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {*PACKAGES}
    assert not [name for name in names if name.endswith((".c", ".h", ".pyc")) or "/tests/" in name]
    assert "-cp311-abi3-linux_" in wheel.name


def test_an_installed_copy_uses_its_own_code_and_resources(installed: Installed) -> None:
    code = "import json, scope_gui.places as p, dags.kernels as k, capture.hostlib as h\n"
    code += "print(json.dumps([p.__file__, k.__file__, h.__file__, str(p.resource_path('demo')), p.is_checkout()]))"
    *files, demo, is_checkout = json.loads(installed.python("-c", code))
    assert all(Path(file).is_relative_to(installed.packages) for file in files)
    assert Path(demo) == installed.prefix / "share" / "scope-gui" / "demo"
    assert is_checkout is False


def test_an_installed_copy_records_the_demo_that_came_with_it(installed: Installed) -> None:
    """What lies in site-packages counts as a library, so the demo must not."""
    demo = installed.prefix / "share" / "scope-gui" / "demo"
    code = f"import sys; sys.path.insert(0, {str(demo)!r}); from orders.model import Order; print(Order)"
    program = installed.cwd / "program.py"
    program.write_text(code)
    installed.python("-m", "scope_gui", "run", "--no-window", "-o", "demo.scope", "--", sys.executable, program)
    sites = installed.python("-m", "scope_gui", "query", "demo.scope", "SELECT file FROM sites", "--format", "json")
    assert str(demo / "orders" / "model.py") in {row["file"] for row in json.loads(sites)}


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the wheel in it, as pipx makes one; the libraries it asks for are this one's.

    pip looks at what is there, and at nothing else: a wheel that asked for more than the pinned libraries would fail.
    """
    home = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=60)
    (packages,) = home.glob("lib/python3.*/site-packages")
    library = Path(pytest.__file__).parent.parent
    known = [path for path in library.iterdir() if not path.name.casefold().startswith(("__editable__", "scope_gui"))]
    for path in known:
        (packages / path.name).symlink_to(path)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    pip += ["--python", home / "bin" / "python"]
    subprocess.run([*pip, "install", "--quiet", "--no-index", wheel], check=True, timeout=100)
    return home


def test_a_fresh_environment_takes_the_wheel_and_one_line_makes_a_first_picture(fresh: Path, tmp_path: Path) -> None:
    """The line is the README's, for where there is no display."""
    readme = (ROOT / "README.md").read_text()
    [line] = re.findall(r"Where\s+there is no display: `([^`]+)`", readme)
    (tmp_path / "app.py").write_text("def work(n):\n    return sum(range(n))\n\nfor n in range(200):\n    work(n)\n")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")},
        "PATH": f"{fresh / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "first.png").read_bytes().startswith(b"\x89PNG")
    command: list[str | Path] = [fresh / "bin" / "scope-gui", "query", "first.scope", "--format", "json"]
    command.append("SELECT count(*) AS calls FROM calls")
    asked = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(asked.stdout)[0]["calls"] >= 200


def test_a_checkout_finds_its_own_resources() -> None:
    assert is_checkout()
    assert resource_path("demo") == ROOT / "resources" / "demo"
