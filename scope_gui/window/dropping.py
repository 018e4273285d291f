"""What can be dropped on the window: one session, packed or as a folder, or the manifest that lies in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData


def local_files(data: QMimeData) -> list[str]:
    """The paths of what is dragged; things from elsewhere (a web page) have none."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def session_path(paths: Sequence[str]) -> str | None:
    """The one session among these, judged by its name alone; what it holds is checked when it is opened."""
    found = [path.parent if path.name == "manifest.json" else path for path in map(Path, paths)]
    sessions = {path for path in found if path.suffix == ".scope"}
    return str(sessions.pop()) if len(sessions) == 1 else None
