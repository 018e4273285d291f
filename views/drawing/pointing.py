"""What a part of the window tells of what is under a point of it, for menus."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from PySide6.QtCore import QPointF

from views.loop.thing import Thing


@runtime_checkable
class HasThings(Protocol):
    """A widget with things in it. Points are those of its mouse events: of the viewport where it scrolls."""

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """What is there, the most particular first; nothing: there is no menu."""

    def keys_at(self) -> QPointF | None:
        """Where the keyboard is: what is picked or under the cursor; None: nowhere in particular."""
