"""What the bundle is made of, as far as that can be seen without making it (`make bundle` makes and tries it)."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.interpreters import ROOT
from tests.sessions import build_session
from tests.virtual_display import XVFB_IS_HERE, virtual_display

sys.path.insert(0, str(ROOT / "packaging" / "bundle"))
import contents
import interpreter
import linking
import notices
import smoke

sys.path.pop(0)
BY_HAND = {"numpy/distutils/*", "*.cc", "*.cmake", "pyarrow/src/*"}
"""Left out where a library's version has them."""


@pytest.fixture(scope="module")
def libraries() -> dict[str, importlib.metadata.Distribution]:
    return contents.needed()


def files_of(libraries: dict[str, importlib.metadata.Distribution]) -> Iterator[str]:
    for distribution in libraries.values():
        yield from (name.as_posix() for name in distribution.files or [])


def test_libraries_are_those_that_run_and_none_that_tests_need(
    libraries: dict[str, importlib.metadata.Distribution],
) -> None:
    assert {"msgspec", "numpy", "pyarrow", "duckdb", "pyside6-essentials", "shiboken6", "networkx"} <= libraries.keys()
    assert not {"pytest", "mypy", "ruff", "viztracer", "hypothesis", "pip", "setuptools"} & libraries.keys()


def test_every_library_may_be_given_away(libraries: dict[str, importlib.metadata.Distribution]) -> None:
    """A licence must be named, and the GPL may only be one of several to choose from."""
    for name, distribution in libraries.items():
        licence = notices.licence_of(distribution)
        assert licence != notices.UNKNOWN, name
        assert "GPL" not in licence.replace("LGPL", "") or " OR " in licence, f"{name}: {licence}"


def test_what_is_left_out_is_there_to_be_left_out(libraries: dict[str, importlib.metadata.Distribution]) -> None:
    """A pattern that fits nothing any more would let the renamed file back in unseen."""
    names = list(files_of(libraries))
    idle = [pattern for pattern in contents.LEFT_OUT if not any(fnmatch(name, pattern) for name in names)]
    assert set(idle) <= BY_HAND


def test_qt_plugins_that_are_kept_exist(libraries: dict[str, importlib.metadata.Distribution]) -> None:
    plugins = [name.partition("/plugins/")[2] for name in files_of(libraries) if "/Qt/plugins/" in name]
    assert plugins
    idle = [pattern for pattern in contents.QT_PLUGINS if not any(fnmatch(name, pattern) for name in plugins)]
    assert idle == []


def test_every_module_of_qt_that_is_imported_is_known() -> None:
    assert {"QtCore", "QtGui", "QtWidgets", "QtSvg", "Qt3DCore", "Qt3DRender"} <= set(contents.qt_modules(ROOT))


def test_what_modules_of_qt_import_by_themselves_is_in_it_too() -> None:
    used = sorted(set(contents.qt_modules(ROOT)))
    loads = "import sys\nfor name in sys.argv[1:]: __import__(f'PySide6.{name}')\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loads, *used], capture_output=True, text=True, check=True, timeout=60)
    names = (name.split(".") for name in done.stdout.split())
    loaded = {name[1] for name in names if name[0] == "PySide6" and len(name) > 1 and name[1].startswith("Qt")}
    assert loaded == {*used, *contents.OF_QT3D}


def test_glibc_is_told_from_the_symbols_that_are_used(tmp_path: Path) -> None:
    program = Path(sys.executable).resolve()
    (tmp_path / "python").write_bytes(program.read_bytes())
    told = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip("objdump is missing: there is nothing to compare with")
    used = [word.partition("GLIBC_2.")[2] for word in told.stdout.split() if word.startswith("GLIBC_2.")]
    assert linking.glibc_needed(tmp_path) == f"2.{max(int(minor.partition('.')[0]) for minor in used)}"


def test_the_standard_library_comes_without_tests_and_without_gpl_parts() -> None:
    out = interpreter.left_out(["test", "readline.cpython-311-x86_64-linux-gnu.so", "_gdbm.so", "ssl.py", "asyncio"])
    assert out == {"test", "readline.cpython-311-x86_64-linux-gnu.so", "_gdbm.so"}


@pytest.mark.skipif(not XVFB_IS_HERE, reason="Xvfb is missing: no display for a real window")
def test_the_look_that_is_taken_at_a_bundle_shows_a_frame_of_this_tree(tmp_path: Path) -> None:
    """It is a text: nothing else notices when what it calls has changed."""
    session = build_session(tmp_path / "orders.scope", events=300, tracks=2).path
    (tmp_path / "look.py").write_text(smoke.LOOK)
    with virtual_display() as display:
        told = subprocess.run(
            [sys.executable, tmp_path / "look.py", session, tmp_path / "window.png"],
            env={**os.environ, **display, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    has_frame, *_ = json.loads(told.stdout.splitlines()[-1])
    assert has_frame
    assert (tmp_path / "window.png").stat().st_size > 10_000
