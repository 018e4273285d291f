"""What to record from now on? The capture flags that may change, as they are; Enter has the recorder take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from capture import flags
from capture.changes import recorded_at
from capture.errors import ScopeError
from capture.events.definitions import ProcessRow
from capture.session.format import Manifest
from capture.settings import CaptureSettings
from scope_gui.dialogs.buttons import last_row
from scope_gui.dialogs.capture_form import FlagFields
from views.drawing.theme import colours
from views.loop.events import Event
from views.loop.recording_events import ChangeRecording
from views.loop.state import Assigns
from views.words.plain_text import plain, rich

_HOW = "The program goes on. The session says what was recorded when, so that a stretch without calls explains itself."
_FOREVER_NS = 1 << 62
WIDTH_PX = 620


class ChangeDialog(QDialog):
    """Enter changes, Escape leaves all as it is; where nothing can change, it says why."""

    def __init__(
        self,
        parent: QWidget,
        send: Callable[[Event], None],
        assigns: Assigns,
        manifest: Manifest | None,
        processes: Sequence[ProcessRow] = (),
    ) -> None:
        """`processes`: all of the session; where several are recorded, one may be chosen."""
        super().__init__(parent)
        self._send, self._theme, self._manifest = send, assigns.theme, manifest
        self._held = held_settings(manifest)
        self.setWindowTitle("Change what is recorded")
        live = [flag for flag in flags.FLAGS if flag.is_live]
        self.fields = FlagFields("change", live, self._held, self)
        self.fields.rows.setContentsMargins(0, 0, 0, 0)
        self.told = QLabel(self)
        self.told.setObjectName("change.told")
        self.told.setWordWrap(True)
        self.told.setTextFormat(Qt.TextFormat.RichText)
        self.go = QPushButton("Record this from now on", self)
        buttons = last_row(self, self.go, "change")
        self.process = self._choice_of([row for row in processes if row.tier == "python" and row.end_ns is None])
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(8)
        rows.addWidget(self.fields)
        rows.addWidget(self.told)
        rows.addStretch(1)
        rows.addLayout(buttons)
        if reason := why_not(assigns, self._held):
            self.fields.setEnabled(False)
            self.go.setEnabled(False)
            self._warn(reason)
        else:
            self._tell(_HOW, colours(self._theme).muted)
            self.fields.fields["include"].setFocus()
        self.ensurePolished()
        self.resize(WIDTH_PX, self.sizeHint().height() * 100 // assigns.scale)  # whoever shows it makes it larger

    def accept(self) -> None:
        """Asks for what is different; what makes no sense stays in the dialog with its reason."""
        try:
            given = self.fields.given()
            changed = self._held.changed(**given)
        except ScopeError as problem:
            self._warn(str(problem))
            return
        different = {name: changed.values[name] for name in given if changed.values[name] != self._held.values[name]}
        if different:
            chosen = self._chosen()
            self._send(ChangeRecording(flags=different, pid=chosen.pid if chosen is not None else None))
        super().accept()

    def _choice_of(self, recorded: list[ProcessRow]) -> QComboBox:
        """All of them, or one; not to be seen where there is one only."""
        self._recorded = recorded
        box = QComboBox(self)
        box.setObjectName("change.process")
        box.addItem(f"all {len(recorded)} processes")
        box.addItems([f"{plain(row.name)} {row.pid}" for row in recorded])
        if len(recorded) > 1:
            self.fields.rows.insertRow(0, "&Process", box)
        else:
            box.hide()
        box.currentIndexChanged.connect(self._show_held)
        return box

    def _chosen(self) -> ProcessRow | None:
        at = self.process.currentIndex() - 1
        return self._recorded[at] if at >= 0 else None

    def _show_held(self) -> None:
        """What the chosen process is recorded by; of all what was told last."""
        chosen = self._chosen()
        self._held = held_settings(self._manifest, chosen.process_id if chosen is not None else 0)
        self.fields.show_values(self._held)

    def _warn(self, reason: str) -> None:
        self._tell(f"⚠ {rich(reason)}", colours(self._theme).warning)

    def _tell(self, text: str, colour: str) -> None:
        self.told.setText(f'<span style="color:{colour}">{text}</span>')


def held_settings(manifest: Manifest | None, process_id: int = 0) -> CaptureSettings:
    """What a session is recorded by at its end, as far as it is known here; of one process, or as was told last."""
    if manifest is None:
        return CaptureSettings()
    about = manifest.about
    names = [flag.name for flag in flags.FLAGS]
    began_with = {name: getattr(about, name) for name in names if hasattr(about, name)} | about.flags
    held, _ = recorded_at(began_with, manifest.changes, _FOREVER_NS, process_id)
    try:
        return CaptureSettings.checked(**{name: value for name, value in held.items() if name in names})
    except ScopeError:  # of a newer Scope
        return CaptureSettings()


def why_not(assigns: Assigns, held: CaptureSettings) -> str:
    """Why what is recorded cannot change, '' where it can."""
    session = assigns.session
    if session is None or not session.live:
        return "This session is finished: nothing is recorded into it any more."
    if session.unfinished:
        return "The recorder of this session is gone: nothing is recorded into it any more."
    if assigns.recorder is not None and assigns.recorder.state == "saving":
        return "The recording is over and is being saved."
    if held.mode == "observe":
        return "The program is only watched from outside: there is nothing in it that could record something else."
    return ""
