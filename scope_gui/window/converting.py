"""The effect that opens recordings of other tools: a session is made of one first, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from scope_gui.dialogs.own_verb import OwnVerb
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns, Notice


class Converting:
    """Runs `scope-gui convert`, then opens what it made and says what that is."""

    def __init__(self, verb: OwnVerb, send: Callable[[e.Event], None]) -> None:
        """`verb` is the one that other work of the window goes through: one thing at a time, which can be stopped."""
        self._verb, self._send = verb, send
        self._said: dict[str, str] = {}

    def __call__(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        """Starts what this event asks for."""
        match event:
            case r.OpenConverted(path=path, session=session, at=at):
                done = partial(self._open, session, at)
                self._verb.start(f"Converting {Path(path).name}", "convert", path, session, then=done)
            case e.SessionOpened(session=session) if said := self._said.pop(session.path, ""):
                self._send(e.Tell(notice=Notice(said)))
            case _:
                pass

    def _open(self, session: str, at: str, said: str) -> None:
        self._said[session] = said
        self._send(r.OpenSession(path=session, at=at))
