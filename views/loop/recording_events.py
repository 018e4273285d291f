"""Events of whole sessions and of their recorders: opened, begun, changed, ended, in the list of recent ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from views.loop.events import Event
from views.loop.state import Launch, RecentSession, Recorder


class OpenSession(Event, frozen=True, kw_only=True):
    """Opens the session at this path; `at`: a time as people type it, `place`: the view that a link asks for."""

    path: str
    at: str = ""
    place: Mapping[str, Any] = {}


class OpenConverted(Event, frozen=True, kw_only=True):
    """Makes a session, at `session`, of another tool's recording at `path`, and opens it. The effect does it."""

    path: str
    session: str
    at: str = ""


class StartRecording(Event, frozen=True, kw_only=True):
    """Has a recorder of its own begin: `words` are those of the command line, `path` is the session it makes.

    `what` names the target in sentences; `launch` is remembered to be offered again, and says where the program runs;
    `folder` says it for one that is not remembered.
    """

    words: tuple[str, ...]
    path: str
    what: str
    launch: Launch | None = None
    folder: str = ""


class StartDemo(Event, frozen=True, kw_only=True):
    """Starts the demo program and records it, at `path` or where recordings are kept."""

    path: str = ""


class StopRecording(Event, frozen=True, kw_only=True):
    """Asks the recorder of the open session to detach and save."""


class SaveFlight(Event, frozen=True, kw_only=True):
    """Has the flight recorder of the open session save what it has."""


class ChangeRecording(Event, frozen=True, kw_only=True):
    """Records something else of the open session's program from now on; `flags` are capture flags by name.

    `pid`: of that process alone; None: of all.
    """

    flags: Mapping[str, object]
    pid: int | None = None


class RecordingOver(Event, frozen=True, kw_only=True):
    """A recorder that this window had started has ended, well or not."""

    path: str


class LookAtRecent(Event, frozen=True, kw_only=True):
    """Looks again what the sessions opened lately hold."""


class RecentChanged(Event, frozen=True, kw_only=True):
    """The sessions opened lately."""

    paths: tuple[str, ...]


class RecentDescribed(Event, frozen=True, kw_only=True):
    """What the sessions opened lately hold."""

    rows: tuple[RecentSession, ...]


class ForgetRecent(Event, frozen=True, kw_only=True):
    """Takes a session off the list; the session itself stays where it is."""

    path: str


class PicturesWritten(Event, frozen=True, kw_only=True):
    """An export is finished; the next one is offered in the same folder. `said`: a sentence about it, '' for none."""

    path: str
    said: str = ""


class RecorderSaid(Event, frozen=True, kw_only=True):
    """How the recording goes; None: it has ended."""

    recorder: Recorder | None


class RecorderGone(Event, frozen=True, kw_only=True):
    """Nobody records the open session any more, and nobody has finished it."""

    key: int


class Recover(Event, frozen=True, kw_only=True):
    """Finishes a session whose recorder is gone: the open one, or that at `path`."""

    path: str = ""
