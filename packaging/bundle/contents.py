"""Which libraries go into the bundle, and which of their files stay out."""

from __future__ import annotations

import ast
import importlib.metadata
import shutil
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from linking import BundleProblem, drop_unreached
from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (
    *("*/tests/*", "*/__pycache__/*", "*/include/*", "*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.h", "*.cc", "*.cmake"),
    *("numpy/f2py/*", "numpy/_core/lib/*", "numpy/distutils/*"),
    *("pyarrow/src/*", "pyarrow/benchmark.py", "pyarrow/_pyarrow_cpp_tests.*"),
    # Sessions are local files: no cloud storage, no network protocol, none of the other file formats.
    *("pyarrow/_flight.*", "pyarrow/_s3fs.*", "pyarrow/_gcsfs.*", "pyarrow/_azurefs.*", "pyarrow/_hdfs.*"),
    *("pyarrow/_substrait.*", "pyarrow/_orc.*", "pyarrow/_dataset_orc.*", "pyarrow/*_parquet_encryption.*"),
    # Pillow writes animated GIFs here and nothing else.
    *("PIL/_avif.*", "PIL/_webp.*", "PIL/_imagingft.*", "PIL/_imagingcms.*", "PIL/_imagingtk.*"),
    *("_duckdb-stubs/*", "adbc_driver_duckdb/*", "duckdb/experimental/*"),
)
QT_PYTHON = ("*.py", "libpyside6.abi3.so*")
OF_QT3D = ("QtOpenGL",)
"""What Qt3DRender imports by itself."""
QT_PLUGINS = (
    *("platforms/libqxcb.so", "platforms/libqwayland.so", "platforms/libqoffscreen.so", "platforms/libqminimal.so"),
    *("xcbglintegrations/*", "wayland-decoration-client/*", "wayland-shell-integration/*"),
    *("wayland-graphics-integration-client/*", "platforminputcontexts/libcompose*", "platforminputcontexts/libibus*"),
    *(
        "platformthemes/libqxdgdesktopportal.so",
        "imageformats/libqsvg.so",
        "imageformats/libqjpeg.so",
        "imageformats/libqgif.so",
    ),
    *("iconengines/*", "renderers/libopenglrenderer.so"),
)
"""The window's displays, what draws the building, and what a desktop's own dialogs need."""


def copy(packages: Path) -> list[importlib.metadata.Distribution]:
    """Copies what Scope needs at run time from .venv, and tells what that is."""
    found = sorted(needed().values(), key=lambda distribution: distribution.name)
    for distribution in found:
        for name in distribution.files or []:
            where = name.as_posix()
            if where.startswith("..") or any(fnmatch(where, pattern) for pattern in LEFT_OUT):
                continue
            source, target = Path(str(distribution.locate_file(name))), packages / where
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
    return found


def drop_unused_qt(packages: Path) -> None:
    """Leaves of Qt the modules that our code imports, the plugins above, and the libraries that those reach."""
    qt = packages / "PySide6"
    used = {*qt_modules(packages), *OF_QT3D}
    for path in [path for path in qt.iterdir() if path.name not in ("Qt", "support")]:
        kept = any(fnmatch(path.name, pattern) for pattern in QT_PYTHON) or path.name.partition(".")[0] in used
        if not kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    missing = [name for name in used if not list(qt.glob(f"{name}.*so"))]
    if missing:
        raise BundleProblem(f"Qt's {', '.join(missing)} is imported and not installed")
    for path in [path for path in (qt / "Qt").iterdir() if path.name not in ("lib", "plugins")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    plugins = qt / "Qt" / "plugins"
    for path in [path for path in plugins.rglob("*") if path.is_file()]:
        if not any(fnmatch(path.relative_to(plugins).as_posix(), pattern) for pattern in QT_PLUGINS):
            path.unlink()
    for folder in (qt / "Qt" / "lib", packages / "pyarrow", packages / "numpy.libs", packages / "pillow.libs"):
        drop_unreached(folder, packages)
    for path in sorted(packages.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def needed() -> dict[str, importlib.metadata.Distribution]:
    """By name: what the project's requirements ask for, and what that asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(project["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = requirement.name.lower().replace("_", "-")
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = importlib.metadata.distribution(name)
        waiting += found[name].requires or []
    return found


def qt_modules(folder: Path) -> Iterator[str]:
    """The names of Qt's modules in the imports of our packages, which lie in this folder."""
    for package in ("views", "scope_gui"):
        for path in (folder / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.ImportFrom) and node.module == "PySide6":
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PySide6."):
                    yield (node.module or "").split(".")[1]
