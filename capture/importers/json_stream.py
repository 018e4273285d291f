"""A JSON file of any length, value by value: the one list that is long is never in memory as a whole.

Rate: a Python loop over values, some 300 000 small objects a second.
"""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from capture.errors import SessionProblem

CHUNK_BYTES = 1 << 20
MOST_CHARACTERS = 1 << 26  # of one value: what a trace says beside its events, the sources of a program for one
_SPACE = " \t\n\r"
MOST_TOKEN = 32  # characters of what may be cut in two


class JsonStream:
    """Reads one file, unpacked where it is gzip's. `is_cut`: it ended amid a value; what came before it is whole."""

    def __init__(self, path: Path) -> None:
        """Raises: SessionProblem when it cannot be opened."""
        self.is_cut = False
        self._path, self._text, self._at, self._ended = path, "", 0, False
        self._decoder = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
        try:
            file = path.open("rb")
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
        except OSError as error:
            raise self._problem(f"cannot be read: {error.strerror}") from error
        self._file: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
        self._raw = file

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
        self._raw.close()

    def items(self) -> Iterator[Any]:
        """The values of the list that begins here. Raises: SessionProblem."""
        self._take("[")
        while (sign := self._next()) != "]":
            if sign == ",":
                self._at += 1
                continue
            if not sign or (value := self.value()) is self:
                self.is_cut = True
                return
            yield value
        self._at += 1

    def names(self) -> Iterator[str]:
        """The names in the object that begins here; whoever gets one takes its `value` or its `items`.

        Raises: SessionProblem.
        """
        self._take("{")
        while (sign := self._next()) != "}":
            if sign == ",":
                self._at += 1
                continue
            key = self.value() if sign else self
            if key is self or self._next() != ":":
                if sign and self._next():
                    raise self._problem("is no JSON: a name in it has no value")
                self.is_cut = True
                return
            self._at += 1
            yield str(key)
            if self.is_cut:
                return

    def starts_list(self) -> bool:
        """Whether what comes next is a list."""
        return self._next() == "["

    def value(self) -> Any:
        """The value that begins here; the stream itself where the file ends amid it. Raises: SessionProblem."""
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if end < len(self._text) or self._ended:  # else it may be a number that goes on
                    self._at = end
                    return value
                wrong = None
            except json.JSONDecodeError as error:
                wrong = error
            except (RecursionError, ValueError) as error:  # numbers of more digits than Python takes
                raise self._problem(f"is not read: {_short(error)}") from error
            if len(self._text) - self._at > MOST_CHARACTERS:
                raise self._problem(f"is not read: a value in it has more than {MOST_CHARACTERS >> 20} MiB")
            if wrong is not None and not self._may_go_on(wrong):
                raise self._problem(f"is no JSON: {wrong.msg.lower()}")
            if not self._more(len(self._text) - self._at):
                self.is_cut = True
                return self

    def _may_go_on(self, wrong: json.JSONDecodeError) -> bool:
        """Whether this may be what the decoder says of a text that was cut."""
        return wrong.pos >= len(self._text) - MOST_TOKEN or wrong.msg.startswith("Unterminated string")

    def _next(self) -> str:
        """The next character that is no space; '' at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more(0):
                return ""

    def _take(self, sign: str) -> None:
        if self._next() != sign:
            raise self._problem(f"is no JSON of that kind: {sign} is missing")
        self._at += 1

    def _more(self, waiting: int) -> bool:
        """Reads on, as much again as is `waiting` for its end; False at the end of the file."""
        if self._ended:
            return False
        try:
            read = self._file.read1(max(CHUNK_BYTES, waiting))  # type: ignore[attr-defined]
        except (EOFError, zlib.error, gzip.BadGzipFile):
            read, self.is_cut = b"", True
        except OSError as error:
            raise self._problem(f"cannot be read: {error.strerror or error}") from error
        self._ended = not read
        self._text, self._at = self._text[self._at :] + self._utf8.decode(read, not read), 0
        return bool(read)

    def _problem(self, what: str) -> SessionProblem:
        return SessionProblem(f"{self._path} {what}.")


def _short(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error).partition(";")[0][:80].lower()
