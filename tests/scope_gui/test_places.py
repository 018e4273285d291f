"""Resources are found by where the code lies: in a tree, under a prefix, or beside the packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import TargetProblem
from scope_gui import places


def code_in(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if scope_gui lay there."""
    monkeypatch.setattr(places, "__file__", str(packages / "scope_gui" / "places.py"))


def test_a_missing_file_is_named_and_the_remedy_said() -> None:
    with pytest.raises(TargetProblem, match=r"nothing_like_that is missing .* Install Scope again"):
        places.resource_path("nothing_like_that")


@pytest.mark.parametrize(
    ("packages", "share"),
    [
        ("lib/python3.11/site-packages", "share/scope-gui"),
        ("local/lib/python3.13/dist-packages", "local/share/scope-gui"),
        ("folder", "folder/share/scope-gui"),
    ],
)
def test_an_installed_copy_finds_what_came_with_it(
    packages: str, share: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / share / "demo").mkdir(parents=True)
    code_in(tmp_path / packages, monkeypatch)
    assert places.resource_path("demo") == tmp_path / share / "demo"
    assert not places.is_checkout()


def test_a_foreign_package_called_resources_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "resources" / "demo").mkdir(parents=True)
    code_in(packages, monkeypatch)
    with pytest.raises(TargetProblem, match="share/scope-gui/demo is missing"):
        places.resource_path("demo")
