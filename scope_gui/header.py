"""The line beside the menus: which session, how sure its answers are, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Set

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from views.figures import count_text
from views.source import Source
from views.state import Assigns
from views.theme import colours, text_font


class HeaderView(QWidget):
    """Sits at the right end of the menu bar's row."""

    reads: frozenset[str] = frozenset({"session", "revision", "frame", "recorder", "busy", "theme", "following"})

    def __init__(self, source: Source, open_palette: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = source
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(10)
        self.name = QLabel(self)
        self.name.setFont(text_font(bold=True))
        self.status = QLabel(self)
        self.status.setTextFormat(Qt.TextFormat.RichText)
        self.palette_button = QToolButton(self)
        self.palette_button.setText("Commands  Ctrl+Shift+P")
        self.palette_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.palette_button.clicked.connect(open_palette)
        for widget in (self.name, self.status, self.palette_button):
            row.addWidget(widget)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows what has changed."""
        c = colours(assigns.theme)
        self.name.setText(assigns.session.name if assigns.session else "")
        session = self._source.session
        dropped = 0
        if assigns.recorder is not None:
            dropped = assigns.recorder.dropped
        elif session is not None:
            dropped = session.manifest.counts.dropped
        parts = [
            f'<span style="color:{c.healthy if good else c.warning}">{text}</span>'
            for text, good in status_parts(assigns, dropped)
        ]
        self.status.setText(f' <span style="color:{c.muted}">·</span> '.join(parts))


def status_parts(assigns: Assigns, dropped: int) -> list[tuple[str, bool]]:
    """What to say about the open session, each with whether all is well.

    Source: the confidences of the frame at the cursor; the counts of the manifest, or of the recorder while it works.
    """
    if assigns.busy:
        return [(f"{assigns.busy}…", True)]
    if assigns.session is None:
        return []
    parts = [("● live" if assigns.session.live else "recorded", True)]
    frame = assigns.frame
    if frame is not None:
        stacks = frame.confidence.stacks
        parts.append((stacks, stacks == "exact"))
        if frame.gaps:
            parts.append(("a gap here", False))
    overhead = assigns.recorder.overhead if assigns.recorder else None
    if overhead is not None:
        parts.append((f"overhead {overhead:.1%}", overhead < 0.1))
    parts.append((f"▲ {count_text(dropped)} dropped" if dropped else "nothing dropped", not dropped))
    return parts
