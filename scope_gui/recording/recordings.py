"""The recordings that a window has started: the effect behind Attach, Record, the demo and Stop.

Whoever starts a recording ends it. One that this window started is stopped and saved when the window leaves its
session or closes; one that somebody else started (a terminal, another window) is only watched, and stopped only when
a person says so. A program that was attached to or launched goes on; the demo is ours, and ends with its recording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from capture.errors import ScopeError, TargetProblem
from scope_gui.recording import control
from scope_gui.recording.demo import DemoProgram, demo_request
from scope_gui.recording.recorder_process import RecorderProcess
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.chosen import sessions_folder
from views.loop.state import Assigns, Notice
from views.reading.worker import Worker
from views.reading.worker_pool import WorkerPool


class Recordings:
    """An effect of the Store. Starting and asking is done by the threads of the pool."""

    def __init__(self, send: Callable[[e.Event], None], pool: WorkerPool) -> None:
        self._send = send
        self._worker = Worker(pool, send)
        self._own: dict[str, RecorderProcess] = {}
        self._demos: dict[str, DemoProgram] = {}

    def __call__(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        """Starts what this event asks for."""
        match event:
            case r.StartRecording():
                self._send(e.Busy(what=f"Starting to record {event.what}"))
                self._worker.ask(f"start {event.path}", lambda: self._start(event))
            case r.StartDemo(path=path):
                self._send(e.Busy(what="Starting the demo"))
                folder = sessions_folder(after)
                self._worker.ask("demo", lambda: self._start_demo(folder, path))
            case r.StopRecording() if after.session is not None:
                path = after.session.path
                self._worker.ask(f"stop {path}", lambda: self._stop(path))
            case r.SaveFlight() if after.session is not None:
                path = after.session.path
                self._worker.ask(f"save {path}", lambda: self._save_flight(path))
            case r.ChangeRecording(flags=flags, pid=pid) if after.session is not None:
                path = after.session.path
                self._send(e.Busy(what="Changing what is recorded"))
                self._worker.ask(f"change {path}", lambda: self._change(path, flags, pid))
            case e.SessionOpened() | e.SessionClosed():
                shown = after.session.path if after.session is not None else ""
                for path, recorder in list(self._own.items()):
                    if path != shown and recorder.has_begun:
                        recorder.stop()
            case r.RecordingOver(path=path):
                self._forget(path)

    @property
    def running(self) -> int:
        """How many of the recordings that this window started go on."""
        return sum(recorder.is_running for recorder in list(self._own.values()))

    def stop_all(self) -> None:
        """Asks all of them to detach and save; `RecordingOver` comes for each."""
        for recorder in list(self._own.values()):
            recorder.stop()

    def close(self) -> None:
        """Lets go of them; one that is still saving, or that has only just begun, ends and saves by itself."""
        self._worker.stop(forget=True)
        self.stop_all()
        for path in [*self._own, *self._demos]:
            self._forget(path)

    # -- work of the pool

    def _start(self, request: r.StartRecording) -> None:
        path, launch, key = Path(request.path), request.launch, _key(request.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = launch.folder if launch is not None else request.folder
            self._own[key] = RecorderProcess(
                request.words,
                Path(key),
                folder,
                self._begun,
                lambda recorder: self._ended(recorder, request.what),
            )
        except OSError as error:
            self._send(e.Busy(what=""))
            where = error.filename or path.parent
            problem = TargetProblem(f"{request.what} cannot be recorded: {where}: {error.strerror}.")
            self._send(e.Tell(notice=Notice(str(problem), serious=True)))
            self._end_demo(key)

    def _start_demo(self, folder: str, path: str) -> None:
        try:
            program = DemoProgram()
            request = demo_request(program, folder, path)
        except ScopeError as problem:
            self._send(e.Busy(what=""))
            self._send(e.Tell(notice=Notice(str(problem), serious=True)))
            return
        self._demos[_key(request.path)] = program
        self._send(request)

    def _stop(self, path: str) -> None:
        recorder = self._own.get(path)
        if recorder is not None:
            recorder.stop()
        else:
            control.ask(Path(path), "stop")

    def _save_flight(self, path: str) -> None:
        try:
            control.trigger(Path(path), "asked for in the window")
            notice = Notice("The flight recorder saves what it has, as a session of its own beside this one.")
        except ScopeError as problem:
            notice = Notice(str(problem), serious=True)
        self._send(e.Tell(notice=notice))

    def _change(self, path: str, flags: Mapping[str, object], pid: int | None) -> None:
        try:
            words = control.changes_told(control.configure(Path(path), flags, pid), pid)
            notice = Notice(f"Recorded from now on: {' · '.join(words)}")
        except ScopeError as problem:
            notice = Notice(str(problem), serious=True)
        self._send(e.Busy(what=""))
        self._send(e.Tell(notice=notice))

    # -- on the recorder's thread

    def _begun(self, recorder: RecorderProcess) -> None:
        self._send(e.Busy(what=""))
        self._send(r.OpenSession(path=str(recorder.session_path)))

    def _ended(self, recorder: RecorderProcess, what: str) -> None:
        path = str(recorder.session_path)
        if not recorder.has_begun:
            self._send(e.Busy(what=""))
        # One that was killed in the middle is found out by who watches its session, and that offers to recover it.
        if not (recorder.has_begun and recorder.was_killed):
            outcome = recorder.outcome() if recorder.failed else f"{what[:1].upper()}{what[1:]}: {recorder.outcome()}"
            self._send(e.Tell(notice=Notice(outcome, serious=recorder.failed)))
        self._end_demo(path)
        self._send(r.RecordingOver(path=path))

    def _end_demo(self, path: str) -> None:
        program = self._demos.pop(path, None)
        if program is not None:
            program.end()

    def _forget(self, path: str) -> None:
        recorder = self._own.pop(path, None)
        if recorder is not None:
            recorder.let_go()
        self._end_demo(path)


def _key(path: str) -> str:
    """The session's path as the window names it once it is open."""
    given = Path(path)
    return str(given.parent.resolve() / given.name)
