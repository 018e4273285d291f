"""The application around the window: set up, run, and put away again."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from types import TracebackType

import msgspec
from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from capture.errors import TargetProblem
from capture.importers.registry import is_foreign
from capture.session.session import Session
from capture.shown_text import one_line
from scope_gui import left_window
from scope_gui.desktop.icon import icon
from scope_gui.display import has_display
from scope_gui.links import followed
from scope_gui.logs import crashes
from scope_gui.places import PROGRAM
from scope_gui.qt_messages import on_qt_message
from scope_gui.recording.recordings import Recordings
from scope_gui.reused_memory import reuse_memory
from scope_gui.settings.file import load, settings_file
from scope_gui.window.converting import Converting
from scope_gui.window.effects import Effects
from scope_gui.window.quit_signals import closing_on_signals
from scope_gui.window.window import MainWindow
from views.drawing.theme import desktop_theme
from views.loop.chosen import with_settings
from views.loop.events import Busy, DesktopLooks, Event, Tell
from views.loop.recording_events import LookAtRecent, OpenSession, RecordingOver, StartDemo
from views.loop.state import Assigns, Notice
from views.loop.store import Pulse, Store
from views.reading.source import Source
from views.words.timespec import time_ns_from_text

# A worker that computes gives the interpreter back after this long. Painting lets go of it with every call into Qt, and
# with Python's own 5 ms a single picture would wait a dozen times as long as it takes to paint.
SWITCH_S = 0.0005

_log = logging.getLogger(__name__)

SETTLE_S = 10.0


def welcome(arguments: argparse.Namespace) -> int:
    """Shows the window without a session."""
    return Application().run()


def open_session(arguments: argparse.Namespace) -> int:
    """Shows a session.

    Raises: SessionProblem for what is no session or a time outside of it, before any window appears, unless the window
    is to say it. WrongUsage for a link that is none.
    """
    if arguments.session is None:
        return welcome(arguments)
    path, place = followed(str(arguments.session))
    event = OpenSession(path=path, at=arguments.at or "", place=place)
    if not arguments.show_problems and not is_foreign(Path(path)):
        with Session.open(path) as session:
            if arguments.at is not None:
                time_ns_from_text(arguments.at, session.start_ns, session.end_ns)
    return Application(event).run()


def demo(arguments: argparse.Namespace) -> int:
    """Shows the demo live; it ends with the window."""
    application = Application()
    application.store.send(StartDemo(path=str(arguments.output.absolute()) if arguments.output else ""))
    return application.run()


class Application:
    """Everything that lives as long as the window."""

    def __init__(self, opening: OpenSession | None = None) -> None:
        """Builds it, and opens a session if one is asked for.

        Raises: TargetProblem where there is no display.
        """
        self.qt = qt_application()
        sys.setswitchinterval(SWITCH_S)
        reuse_memory()
        qInstallMessageHandler(on_qt_message)
        self._left, assigns = left_window.load_left_window()
        settled = load()
        self.store = Store(with_settings(assigns, settled.settings))
        self.source = Source()
        self.effects = Effects(self.source, self.store.send)
        self.recordings = Recordings(self.store.send, self.source.pool)
        self.store.effects += [self.effects, self.recordings, self._leave_when_saved]
        self.window = MainWindow(self.store, self.source)
        self.store.effects.append(Converting(self.window.asking.keeping.verb, self.store.send))
        self.window.may_close = self._may_close
        self.window.begin(self._left)
        self._is_leaving = False
        self.pulse = Pulse(self.store, self.window)
        self.window.closing.connect(self.pulse.stop)
        self.store.send(opening or LookAtRecent())
        self._look_at_desktop()
        self.qt.styleHints().colorSchemeChanged.connect(self._look_at_desktop)
        if settled.problems:
            more = f" And {len(settled.problems) - 1} more." if settled.problems[1:] else ""
            sentence = f"{settings_file().name}: {settled.problems[0]}{more} It stays as it is."
            self.store.send(Tell(notice=Notice(sentence, serious=True)))

    def run(self) -> int:
        """Shows the window until it is closed."""
        previous = sys.excepthook
        sys.excepthook = self._on_failure
        try:
            _log.info("the window opens")
            self._tell_of_crash()
            self.window.show()
            with crashes.keeping_what_ends_at_once(), closing_on_signals(self.window.close):
                return self.qt.exec()
        finally:
            sys.excepthook = previous
            self.close()

    def close(self) -> None:
        """Remembers the layout and ends the workers."""
        geometry, layout = self.window.layout_texts()
        assigns = self.store.assigns
        others = self.window.panels.others()
        fresh = msgspec.structs.replace(self._left, geometry=geometry, layout=layout, layouts=others)
        left_window.save_left_window(fresh, assigns)
        self.pulse.stop()
        self.recordings.close()
        self.effects.stop()
        self.source.pool.settle(SETTLE_S)
        self.window.deleteLater()
        qInstallMessageHandler(None)

    def _look_at_desktop(self) -> None:
        self.store.send(DesktopLooks(theme=desktop_theme(self.qt.styleHints())))

    def _may_close(self) -> bool:
        """Whether the window may go: recordings that it started are stopped and saved first; asked again, it goes."""
        if self._is_leaving or not self.recordings.running:
            return True
        self._is_leaving = True
        self.recordings.stop_all()
        self.store.send(Busy(what="Saving the recording"))
        return False

    def _tell_of_crash(self) -> None:
        """Says once that there is a report that this window has not told of."""
        if self._see_reports():
            left_window.save_left_window(self._left, self.store.assigns)
            sentence = "Scope has failed since you last opened it. Help ▸ Crash reports shows how; nothing was sent."
            self.store.send(Tell(notice=Notice(sentence)))

    def _see_reports(self) -> bool:
        """Takes all reports for told of; whether there was one that was not."""
        newest = next((report.name for report in crashes.reports()), "")
        is_new = newest > self._left.crash_seen
        if is_new:
            self._left = msgspec.structs.replace(self._left, crash_seen=newest)
        return is_new

    def _leave_when_saved(self, event: Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, RecordingOver) and self._is_leaving and not self.recordings.running:
            self.window.close()

    def _on_failure(self, kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        """A bug of ours in a slot: said in the window and logged, with a report; the session is not touched."""
        _log.error("the window failed: %s", one_line(str(error)), exc_info=(kind, error, at))
        self._see_reports()
        sentence = f"Something in this window failed ({kind.__name__}: {error}); the recording is not affected."
        self.store.send(Tell(notice=Notice(sentence, serious=True)))


def qt_application() -> QApplication:
    """The one application of this process.

    Raises: TargetProblem where there is no display; Qt itself would end the process.
    """
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    if not has_display():
        raise TargetProblem(
            "There is no display here to open a window on.", "`scope-gui frame` and `scope-gui query` need none."
        )
    app = QApplication([PROGRAM])  # X11 tells the desktop this name, Wayland the next but one: its entry's
    app.setApplicationName(PROGRAM)
    app.setDesktopFileName(PROGRAM)
    app.setApplicationDisplayName("Scope")
    app.setWindowIcon(icon())
    app.setStyle("Fusion")
    return app
