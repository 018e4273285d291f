"""Which processes? A live list to search, what is in the way of each, and Enter to record those that are chosen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QItemSelection, QObject, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from capture.attach.doctor import Diagnosis
from capture.errors import ScopeError
from capture.settings import CaptureSettings
from scope_gui.dialogs.buttons import last_row
from scope_gui.dialogs.capture_form import CaptureForm
from scope_gui.dialogs.process_lines import COLUMNS, Key, ProcessLine, in_the_way
from scope_gui.dialogs.process_table import ProcessTable
from scope_gui.dialogs.process_watch import ProcessWatch
from scope_gui.recording.choice import new_session_path, program_name
from views.drawing.theme import colours
from views.loop.events import Event
from views.loop.recording_events import StartRecording
from views.loop.state import Assigns
from views.reading.worker_pool import WorkerPool
from views.words.plain_text import rich

_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_WIDTHS = {"pid": 76, "python": 74, "user": 88, "cpu": 64, "memory": 84, "age": 64, "verdict": 150}


class AttachDialog(QDialog):
    """Enter attaches, Escape closes, Up and Down choose while the typing goes on; with Shift they choose several."""

    listed = Signal(list)
    examined = Signal(object, object)

    def __init__(self, parent: QWidget, send: Callable[[Event], None], assigns: Assigns, pool: WorkerPool) -> None:
        super().__init__(parent)
        self._send, self._theme = send, assigns.theme
        self.setWindowTitle("Attach to a process")
        self.resize(1040, 600)
        self.filter = QLineEdit(self)
        self.filter.setObjectName("attach.filter")
        self.filter.setAccessibleName("Search processes")
        self.filter.setPlaceholderText("Name, command line, user, PID or Python version")
        self.filter.setClearButtonEnabled(True)
        self.filter.installEventFilter(self)
        self.table = ProcessTable(assigns.theme, self)
        self.list = self._make_list()
        self.verdict = QLabel(self)
        self.verdict.setObjectName("attach.verdict")
        self.verdict.setTextFormat(Qt.TextFormat.RichText)
        self.verdict.setWordWrap(True)
        self.verdict.setMinimumHeight(44)
        self.verdict.setAlignment(Qt.AlignmentFlag.AlignTop)
        copied = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        self.verdict.setTextInteractionFlags(copied)
        self.form = CaptureForm("attach", assigns, self)
        self.form.mode.currentIndexChanged.connect(self._show_verdict)
        self.go = QPushButton("Attach", self)
        buttons = last_row(self, self.go, "attach")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(8)
        for widget in (self.filter, self.list, self.verdict, self.form):
            rows.addWidget(widget, 1 if widget is self.list else 0)
        rows.addLayout(buttons)
        self.filter.textChanged.connect(self._filter_changed)
        self.listed.connect(self._show_processes)
        self.examined.connect(self._show_diagnosis)
        self._watch: ProcessWatch | None = ProcessWatch(self.listed.emit, self.examined.emit, send, pool)
        self._show_verdict()
        self.filter.setFocus()

    def _make_list(self) -> QTreeView:
        view = QTreeView(self)
        view.setObjectName("attach.list")
        view.setAccessibleName("Processes")
        view.setModel(self.table)
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = view.header()
        head.setStretchLastSection(False)
        head.setSectionsClickable(True)
        head.setSortIndicatorShown(True)
        head.setSortIndicatorClearable(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.setSectionResizeMode(COLUMNS.index("command"), QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            head.resizeSection([str(name) for name in COLUMNS].index(column), width)
        head.sortIndicatorChanged.connect(self.table.sort)
        view.selectionModel().selectionChanged.connect(self._choice_changed)
        view.doubleClicked.connect(self.accept)
        return view

    # -- what is chosen

    def current(self) -> ProcessLine | None:
        """The process that is chosen."""
        index = self.list.currentIndex()
        return self.table.lines[index.row()] if index.isValid() and index.row() < len(self.table.lines) else None

    def chosen(self) -> list[ProcessLine]:
        """The processes that are to be recorded, in the order of the list: the one that is chosen, or several."""
        rows = sorted({index.row() for index in self.list.selectedIndexes()})
        lines = [self.table.lines[row] for row in rows if row < len(self.table.lines)]
        current = self.current()
        return lines or ([current] if current is not None else [])

    def request(self) -> StartRecording | None:
        """What Enter would do; None while nothing can be done with all that is chosen.

        Raises: ScopeError when an option cannot be read.
        """
        lines = self.chosen()
        tiers = {found.tier if (found := self.table.diagnoses.get(line.key)) else None for line in lines}
        settings = self.form.settings()
        if not lines or None in tiers:
            return None
        if tiers == {"observe"}:
            settings = CaptureSettings.checked(mode="observe")
        elif "observe" in tiers and settings.mode != "observe":
            return None
        first = lines[0]
        name = program_name(first.row.command.split()) if first.is_python else first.row.name
        path = new_session_path(self.form.chosen_folder(), program_name([name]))
        pids = [str(line.row.pid) for line in lines]
        return StartRecording(
            words=("attach", *pids, *settings.words()),
            path=str(path),
            what=f"process {pids[0]} ({name})" if len(pids) == 1 else f"processes {', '.join(pids)}",
        )

    def accept(self) -> None:
        """Begins to record the chosen process; what cannot be done stays in the dialog with its reason."""
        try:
            request = self.request()
        except ScopeError as problem:
            self._say(str(problem), colours(self._theme).warning)
            return
        if request is None:
            return
        self._send(request)
        super().accept()

    # -- what comes in

    def _show_processes(self, lines: list[ProcessLine]) -> None:
        self.table.show_processes(lines)
        self._choose_one()

    def _filter_changed(self, text: str) -> None:
        self.table.show_matching(text)
        self.list.setCurrentIndex(self.table.index(0, 0))  # what was typed is about what fits best
        self._choose_one()

    def _choose_one(self) -> None:
        """Something is always chosen while there is something to choose."""
        if not self.list.currentIndex().isValid() and self.table.lines:
            self.list.setCurrentIndex(self.table.index(0, 0))
        self._examine()
        self._show_verdict()

    def _choice_changed(self, chosen: QItemSelection, others: QItemSelection) -> None:
        self._examine()
        self._show_verdict()

    def _examine(self) -> None:
        """Asks for the chosen process, then for the Python programs that are on the screen."""
        line = self.current()
        first = self.list.indexAt(self.list.viewport().rect().topLeft())
        last = self.list.indexAt(self.list.viewport().rect().bottomLeft())
        top, bottom = max(first.row(), 0), last.row() if last.isValid() else len(self.table.lines) - 1
        visible = [shown.key for shown in self.table.lines[top : bottom + 1] if shown.is_python]
        if self._watch is not None:
            chosen = [one.key for one in self.chosen() if line is None or one.key != line.key]
            self._watch.want([*([line.key] if line is not None else []), *chosen, *visible])

    def _show_diagnosis(self, key: Key, diagnosis: Diagnosis) -> None:
        self.table.show_diagnosis(key, diagnosis)
        if key in {line.key for line in self.chosen()}:
            self._show_verdict()

    def _show_verdict(self) -> None:
        """What will happen, or what is in the way and how to remove it; of several, of the first that needs a word."""
        lines = self.chosen()
        if len(lines) > 1:
            self._show_verdict_of(lines)
            return
        c, line = colours(self._theme), self.current()
        diagnosis = self.table.diagnoses.get(line.key) if line is not None else None
        observe = diagnosis is not None and diagnosis.tier == "observe"
        chosen_observe = self.form.mode.currentData() == "observe"
        self.go.setText("Observe from outside" if observe or (chosen_observe and diagnosis) else "Attach")
        self.go.setEnabled(diagnosis is not None and diagnosis.tier is not None)
        if line is None:
            self._say("No process fits." if self.filter.text() else "Looking for processes…", c.muted)
        elif diagnosis is None:
            self._say(f"Looking at process {line.row.pid}…", c.muted)
        elif diagnosis.ok:
            self._say(
                f"<b>Ready.</b> Python {rich(diagnosis.python or '')} in process {line.row.pid} can be recorded; it "
                "goes on running when the recording ends.",
                c.healthy,
            )
        else:
            self._say_blocked(line, diagnosis)

    def _show_verdict_of(self, lines: list[ProcessLine]) -> None:
        c, found = colours(self._theme), [self.table.diagnoses.get(line.key) for line in lines]
        outside = self.form.mode.currentData() == "observe" or all(one and one.tier == "observe" for one in found)
        in_way = [
            (line, one)
            for line, one in zip(lines, found, strict=True)
            if one is not None and (one.tier is None or (one.tier == "observe" and not outside))
        ]
        self.go.setText(f"{'Observe' if outside else 'Attach to'} {len(lines)} processes")
        self.go.setEnabled(not in_way and None not in found)
        if in_way:
            self._say_blocked(*in_way[0])
        elif None in found:
            self._say(f"Looking at {found.count(None)} of {len(lines)} processes…", c.muted)
        else:
            self._say(f"<b>Ready.</b> {len(lines)} processes go into one session; it ends with the last.", c.healthy)

    def _say_blocked(self, line: ProcessLine, diagnosis: Diagnosis) -> None:
        c, rule = colours(self._theme), diagnosis.blocking
        if rule is None or rule.name == "Python":
            self._say(
                f"Process {line.row.pid} ({rich(line.row.name)}) is no CPython program: Scope can watch its memory, "
                "CPU and threads from outside, not its calls.",
                c.muted,
            )
            return
        remedy = f'<br><span style="color:{c.text}">{_with_code(rule.remedy)}</span>' if rule.remedy else ""
        self._say(f"<b>✗ {in_the_way(rule.name).capitalize()}.</b> {_with_code(rule.message)}{remedy}", c.warning)

    def _say(self, sentence: str, colour: str) -> None:
        self.verdict.setText(f'<span style="color:{colour}">{sentence}</span>')

    # -- keys, and the end

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hands the keys that move through the list over to it."""
        pressed = watched is self.filter and event.type() == QEvent.Type.KeyPress
        if pressed and isinstance(event, QKeyEvent) and event.key() in _LIST_KEYS:
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is looked at any more once the dialog is gone."""
        super().hideEvent(event)
        if self._watch is not None and not event.spontaneous():
            self._watch.stop()
            self._watch = None


def _with_code(text: str) -> str:
    """Rich text of a sentence in which `commands` stand out."""
    parts = rich(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
