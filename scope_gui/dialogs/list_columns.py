"""How a list of sessions looks, wherever there is one: columns, one line a session, long names cut inside."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QTreeWidget


def set_columns(view: QTreeWidget, columns: Sequence[str], right: Collection[int]) -> None:
    """Gives it these columns: the first takes the room that is left, those in `right` stand at the right."""
    view.setColumnCount(len(columns))
    view.setHeaderLabels(list(columns))
    view.setRootIsDecorated(False)
    view.setUniformRowHeights(True)
    view.setAllColumnsShowFocus(True)
    view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    head = view.header()
    head.setStretchLastSection(False)
    head.setSectionsClickable(False)
    head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    for column in right:
        view.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
