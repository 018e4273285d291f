"""What was worked out of segments and is likely to be asked for again, in bounded memory. Any thread may ask."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from capture.session.reader import TableReader
from capture.session.session import Session


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


_Piece = TypeVar("_Piece", bound=_Sized)


class _Kept(Generic[_Piece]):
    def __init__(self) -> None:
        self.pieces: OrderedDict[tuple[int, int], _Piece] = OrderedDict()
        self.bytes = 0


class KeptPieces(Generic[_Piece]):
    """A piece for each segment that was asked for last, for each session that is open."""

    def __init__(self, max_bytes: int) -> None:
        """At most so many of one session; the last piece is kept however large it is."""
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._of: WeakKeyDictionary[TableReader, _Kept[_Piece]] = WeakKeyDictionary()

    def get(self, session: Session, index: int, make: Callable[[Session, int], _Piece]) -> _Piece:
        """The piece of a segment, made when it is not kept. Two threads may make the same one at once.

        Raises: IndexError when there is no such segment, and what `make` raises.
        """
        segment = session.segments[index]
        key = (segment.seq, segment.events)
        with self._lock:
            kept = self._of.setdefault(session.reader, _Kept())
            if key in kept.pieces:
                kept.pieces.move_to_end(key)
                return kept.pieces[key]
        piece = make(session, index)
        with self._lock:
            if key not in kept.pieces:
                kept.pieces[key] = piece
                kept.bytes += piece.nbytes
                while kept.bytes > self._max_bytes and len(kept.pieces) > 1:
                    kept.bytes -= kept.pieces.popitem(last=False)[1].nbytes
        return piece
