"""What can be dropped on the window: one session, packed or as a folder, or its manifest; another tool's recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData

from capture.importers.registry import suffixes


def local_files(data: QMimeData) -> list[str]:
    """The paths of what is dragged; things from elsewhere (a web page) have none."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def openable_path(paths: Sequence[str]) -> str | None:
    """The one thing to open among these, judged by its name alone; what it holds is checked when it is opened.

    Sessions come first: a recording of another tool is taken where there is none.
    """
    found = [path.parent if path.name == "manifest.json" else path for path in map(Path, paths)]
    sessions = {path for path in found if path.suffix == ".scope"}
    others = {path for path in found if path.name.endswith(suffixes())}
    wanted = sessions or others
    return str(wanted.pop()) if len(wanted) == 1 else None
