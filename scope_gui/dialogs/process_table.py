"""The table model of the attach dialog: lines that change every second while the chosen one stays chosen."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from capture.attach.doctor import Diagnosis
from scope_gui.dialogs.process_lines import COLUMNS, Column, Key, ProcessLine, cell_text, chosen_lines, verdict_text
from views.drawing.theme import colours, qcolor, text_font, widget_font
from views.loop.state import Theme
from views.words.plain_text import tooltip

_TITLES = ("PID", "Python", "Program", "User", "CPU", "Memory", "Age", "Attach")
_RIGHT: frozenset[Column] = frozenset({"pid", "cpu", "memory", "age"})
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class ProcessTable(QAbstractTableModel):
    """The lines that fit the text, in order; what has been examined adds its verdict."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._all: list[ProcessLine] = []
        self._text = ""
        self._by: Column | None = None
        self._down = False
        self.lines: list[ProcessLine] = []
        self.diagnoses: dict[Key, Diagnosis] = {}

    def show_processes(self, lines: list[ProcessLine]) -> None:
        """These are the processes now."""
        self._all = lines
        alive = {line.key for line in lines}
        self.diagnoses = {key: diagnosis for key, diagnosis in self.diagnoses.items() if key in alive}
        self._arrange()

    def show_matching(self, text: str) -> None:
        """Only those that hold these words."""
        self._text = text
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """A click on a column's title; -1 is the order to begin with."""
        self._by = COLUMNS[column] if 0 <= column < len(COLUMNS) else None
        self._down = order is Qt.SortOrder.DescendingOrder
        self._arrange()

    def show_diagnosis(self, key: Key, diagnosis: Diagnosis) -> None:
        """What the examination of a process has found."""
        self.diagnoses[key] = diagnosis
        row = self.row_of(key)
        if row >= 0:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def row_of(self, key: Key | None) -> int:
        """The row of a process, -1 if it is not shown."""
        return next((row for row, line in enumerate(self.lines) if line.key == key), -1)

    def _arrange(self) -> None:
        """Shows other lines; an index that the view holds on to moves with its process."""
        fresh = chosen_lines(self._all, self._text, self._by, self._down)
        if [line.key for line in fresh] == [line.key for line in self.lines]:
            self.lines = fresh
            if fresh:
                self.dataChanged.emit(self.index(0, 0), self.index(len(fresh) - 1, len(COLUMNS) - 1))
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        keys = [self.lines[index.row()].key for index in held]
        self.lines = fresh
        rows = {line.key: row for row, line in enumerate(fresh)}
        moved = [
            self.createIndex(rows[key], index.column()) if key in rows else QModelIndex()
            for key, index in zip(keys, held, strict=True)
        ]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    # -- what Qt asks

    def rowCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(COLUMNS[section])
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self.lines[index.row()], COLUMNS[index.column()]
        diagnosis = self.diagnoses.get(line.key)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell_text(line, column, diagnosis)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{cell_text(line, column, diagnosis)}, {verdict_text(line, diagnosis)}"
            case Qt.ItemDataRole.ToolTipRole if column == "command":
                return tooltip(line.row.command)
            case Qt.ItemDataRole.ToolTipRole if column == "verdict" and diagnosis is not None:
                return tooltip(diagnosis.refusal()) or None
            case Qt.ItemDataRole.TextAlignmentRole:
                return _aligned(column)
            case Qt.ItemDataRole.FontRole if column == "python":
                return widget_font(text_font(bold=True))
            case Qt.ItemDataRole.ForegroundRole:
                return qcolor(self._colour(line, column, diagnosis))
            case _:
                return None

    def _colour(self, line: ProcessLine, column: Column, diagnosis: Diagnosis | None) -> str:
        c = colours(self._theme)
        if not line.is_python or (diagnosis is None and column == "verdict"):
            return c.muted
        if column == "verdict" and diagnosis is not None:
            return c.healthy if diagnosis.ok else c.warning
        return c.text if column in {"command", "python"} else c.muted


def _aligned(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
