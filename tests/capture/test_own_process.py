"""Processes of our own: neither the current folder nor, in the bundle, the environment decides what they import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from capture.own_process import own_command


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's project that has packages of our names."""
    for name in ("capture", "scope_gui", "msgspec"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('imported the package of the project')")
    return tmp_path


def test_a_project_with_packages_of_our_names_is_not_imported(project: Path) -> None:
    done = subprocess.run(
        own_command("scope_gui", "--version"), cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("scope-gui ")


def test_an_isolated_process_starts_isolated_ones(project: Path) -> None:
    code = "from capture.own_process import own_command; import subprocess\n"
    code += "subprocess.run(own_command('scope_gui', '--version'), check=True)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("scope-gui ")
