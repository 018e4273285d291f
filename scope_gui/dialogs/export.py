"""What of the window, how large, which moments, into which file: then pictures are made while the dialog waits.

What is on the screen, as large as it is there, is taken from the screen itself; everything else is painted beside it
(`export_job`). Escape stops an export first and closes the dialog then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from capture.errors import ScopeError
from scope_gui.dialogs.export_form import MARKED, VISIBLE, ExportForm
from scope_gui.pictures import plan
from scope_gui.pictures.job import ExportJob
from scope_gui.pictures.offscreen import Desk, picture_of
from views.drawing.legend import legend_height, signs_of
from views.drawing.picture import HasPose, title_height
from views.drawing.theme import colours
from views.loop.chosen import pictures_folder
from views.loop.events import Event
from views.loop.recording_events import PicturesWritten
from views.loop.state import Assigns
from views.loop.store import Store
from views.reading.source import Source
from views.words.figures import count_text, duration_text
from views.words.plain_text import plain


class Screen(Protocol):
    """What there is to be seen."""

    source: Source

    def parts(self) -> Mapping[str, QWidget]: ...
    def size(self) -> QSize: ...
    def layout_texts(self) -> tuple[str, str]: ...
    def another(self, store: Store, source: Source) -> Desk: ...


class ExportDialog(QDialog):
    """Enter exports, Escape closes; a file that is there already has to be confirmed by pressing Export again."""

    def __init__(
        self, window: QWidget, screen: Screen, send: Callable[[Event], None], assigns: Callable[[], Assigns]
    ) -> None:
        """`assigns` gives the state as it is when pictures are made."""
        super().__init__(window)
        self._window, self._screen, self._send, self._assigns = window, screen, send, assigns
        self._job: ExportJob | None = None
        self._suggested = self._replacing = ""
        self.setWindowTitle("Export what you see")
        self.resize(640, 300)
        self.form = ExportForm(self, has_mark=assigns().marked_ns is not None)
        self.form.chosen.connect(self._changed)
        self.form.named.connect(self._look_again)
        self.told = QLabel(self)
        self.told.setObjectName("export.told")
        self.told.setTextFormat(Qt.TextFormat.PlainText)  # a path may look like markup
        self.told.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setObjectName("export.progress")
        self.bar.hide()
        self.go = QPushButton("Export", self)
        self.go.setObjectName("export.go")
        self.go.setDefault(True)
        self.go.clicked.connect(self.begin)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setObjectName("export.cancel")
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.go)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(8)
        for widget in (self.form, self.told, self.bar):
            rows.addWidget(widget)
        rows.addStretch(1)
        rows.addLayout(buttons)
        self._changed()
        self.form.path.setFocus()
        self.form.path.selectAll()

    def order(self) -> plan.Order:
        """What Enter would do.

        Raises: ValueError, TargetProblem with a sentence about what does not make sense.
        """
        view, span_ns = self.form.view_name, self._span()
        size = self._seen_size(view) if self.form.is_as_seen else self.form.size_in_px()
        fps: float | None = None
        times: plan.Moments = (self._assigns().cursor_ns,)
        if span_ns is not None:
            pace = self.form.pace()
            fps, times = pace.fps, plan.moments(span_ns, pace)
        order = plan.Order(view=view, size=size, output=self.form.output(), times=times, fps=fps)
        plan.check_order(order, force=True)
        return order

    def begin(self) -> None:
        """Exports, or says why not."""
        if self._job is not None:
            return
        try:
            order = self.order()
        except (ScopeError, ValueError) as problem:
            self._tell(f"⚠ {str(problem).rstrip('.')}.", warning=True)
            return
        if self._replacing != str(order.output) and _is_there(order):
            self._replacing = str(order.output)
            self.go.setText("Replace")
            self._tell(f"⚠ {order.output} is there already; press Replace to overwrite it.", warning=True)
            return
        self._job = ExportJob(order, self._screen.another, self._screen.source.pool, self)
        self._job.progressed.connect(self.bar.setValue)
        self._job.ended.connect(self._ended)
        self._show_working(True)
        part = self._window if order.view == "window" else self._screen.parts()[order.view]
        if order.fps is None and self.form.is_as_seen and part.isVisible() and not plan.is_vectors(order.output):
            ratio = self._window.devicePixelRatioF()
            self._job.save(picture_of(part, order.view, self._assigns(), signs_of(part), ratio))
            return
        poses = {name: view.pose() for name, view in self._screen.parts().items() if isinstance(view, HasPose)}
        still = msgspec.structs.replace(self._assigns(), playing=False, following=False, steps=(), notice=None)
        self._job.paint(still, self._screen.layout_texts()[1], poses)

    def reject(self) -> None:
        """Stops an export, or closes the dialog when there is none."""
        job = self._job
        if job is None:
            super().reject()
            return
        job.stop()
        into = job.order.output
        kept = f"{len(plan.sequence_files(into))} pictures are in {into}." if into.is_dir() else "Nothing is written."
        self._job = None
        self._show_working(False)
        self._tell(f"Stopped. {kept}")

    def _ended(self, problem: str) -> None:
        job, self._job = self._job, None
        self._show_working(False)
        if problem:
            self._tell(f"⚠ {problem}", warning=True)
        elif job is not None:
            self._send(PicturesWritten(path=str(job.order.output), said=job.said))
            self.accept()

    def _span(self) -> tuple[int, int] | None:
        """The stretch of a sequence, None for a single picture."""
        assigns, chosen = self._assigns(), self.form.moments.currentText()
        if chosen == VISIBLE:
            return assigns.visible_ns
        if chosen == MARKED and assigns.marked_ns is not None:
            return min(assigns.marked_ns, assigns.cursor_ns), max(assigns.marked_ns, assigns.cursor_ns)
        return None

    def _seen_size(self, view: str) -> plan.Size:
        """How large a picture of it is that shows it as it is on the screen."""
        if view == "window":
            return self._screen.size().width(), self._screen.size().height()
        part = self._screen.parts()[view]
        if not part.isVisible():  # behind another, where it may never have had a size
            return plan.DEFAULT_SIZE
        width, height = part.size().width(), part.size().height()
        return max(width, 1), title_height(width) + height + legend_height(signs_of(part), width)

    def _changed(self) -> None:
        """Another choice: another name for the file, unless the person wrote one."""
        is_sequence = self._span() is not None
        self.form.allow_pace(is_sequence)
        if self.form.path.text() in ("", self._suggested):
            self._suggested = self._suggestion(".gif" if is_sequence else self.form.suffix)
            self.form.path.setText(self._suggested)
        self._look_again()

    def _look_again(self) -> None:
        """Says how many pictures there would be, or what is wrong."""
        self._replacing = ""
        self.go.setText("Export")
        span = self._span()
        if span is None:
            self._tell("One picture of what is seen now.")
            return
        try:
            pace = self.form.pace()
            count = len(plan.moments(span, pace))
        except (ScopeError, ValueError) as problem:
            self._tell(f"⚠ {str(problem).rstrip('.')}.", warning=True)
            return
        shown = duration_text(round(count / pace.fps * 1e9))
        what = f"{count_text(count)} pictures of {duration_text(span[1] - span[0])}, to be seen in {shown}"
        self._tell(f"{what}. A name that ends in .gif makes one file, any other a folder of PNGs.")

    def _suggestion(self, suffix: str) -> str:
        assigns = self._assigns()
        session = Path(assigns.session.path if assigns.session is not None else "scope")
        file = f"{session.stem}-{self.form.view_name}-{assigns.cursor_ns // 1_000_000}ms{suffix}"
        return str(Path(pictures_folder(assigns) or session.parent).expanduser() / file)

    def _tell(self, text: str, *, warning: bool = False) -> None:
        shown = colours(self._assigns().theme)
        self.told.setStyleSheet(f"color: {shown.warning if warning else shown.muted}")
        self.told.setText(plain(text))

    def _show_working(self, working: bool) -> None:
        self.form.setEnabled(not working)
        self.go.setEnabled(not working)
        self.go.setText("Export")
        self.bar.setVisible(working)
        self.bar.setValue(0)
        if working and self._job is not None:
            self.bar.setRange(0, len(self._job.order.times))
            self._tell(f"Exporting into {self._job.order.output} …")
            self.cancel.setFocus()


def _is_there(order: plan.Order) -> bool:
    """Whether something would be overwritten."""
    if order.fps is not None and not plan.is_film(order.output):
        return bool(plan.sequence_files(order.output))
    return os.path.lexists(order.output)
