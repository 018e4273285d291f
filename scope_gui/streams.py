"""Standard input, output and error of a Scope process, whatever they are: closed, full, a pipe without a reader.

An answer that cannot be written is one sentence and exit 1; a reader that goes away (`| head`) is no failure; words
that nobody can hear never end a recording. A number below 3 that is closed would be given to the next file that is
opened, a journal perhaps, and what is meant for "standard error" would be written into it: they are taken here, and
closed again in every program that we start.

No character that commands a terminal passes through here, whoever prints it, but for what says itself that it is ours.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from capture.errors import TargetProblem
from capture.shown_text import escaped_json, one_line, printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class AnswerLost(TargetProblem):
    """Standard output does not take what was to be written."""


class _Answers(io.FileIO):
    """Standard output: says in a sentence that it cannot be written."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise AnswerLost(f"The answer cannot be written to standard output: {error.strerror}.") from None


class _Words(io.FileIO):
    """Standard error: what cannot be written is not said."""

    def write(self, data: ReadableBuffer) -> int:
        with contextlib.suppress(OSError):
            return super().write(data)
        return memoryview(data).nbytes


class Printable(io.TextIOWrapper):
    """Text of which nothing commands a terminal; see `capture.shown_text`."""

    def write(self, text: str) -> int:
        super().write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)


def command_terminal(stream: TextIO, codes: str) -> None:
    """Writes control characters of our own."""
    if isinstance(stream, Printable):
        io.TextIOWrapper.write(stream, codes)
    else:
        stream.write(codes)


def prepare_streams() -> None:
    """Makes the three streams safe to use; for a process that is ours, never for a test's or a library's."""
    _take_closed_numbers()
    sys.stdout = _text(_Answers(1, "w", closefd=False), by_line=os.isatty(1))
    sys.stderr = words_to(2)


def words_to(descriptor: int) -> TextIO:
    """A stream for words, line by line, that never fails."""
    return _text(_Words(descriptor, "w", closefd=False), by_line=True)


def let_go_of_inherited() -> None:
    """Closes what was only passed through us to a program: a socket or pipe that it closes is closed then.

    What we have opened ourselves is never inheritable.
    """
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - the list's own descriptor is in it
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                os.close(number)


def drop_answers() -> None:
    """What is still waiting to be written to standard output goes nowhere."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Inside, a reader of the answer that goes away ends the answer only: the exit code says something as well."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        drop_answers()


def say(*lines: str) -> None:
    """Words on standard error, at once, each line as one line."""
    print(f"scope-gui: {chr(10).join(map(one_line, lines))}", file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """One document on standard output."""
    import msgspec  # noqa: PLC0415 - who prints no JSON does not wait for it

    sys.stdout.write(escaped_json(msgspec.json.encode(value).decode()) + "\n")


def leave_if_others_work(code: int) -> None:
    """Ends the process here when a thread of ours is still in a library that cannot be interrupted, a query's.

    The interpreter's own end would wait for it, or take the library away under it.
    """
    if any(thread.name == "query" for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _text(raw: io.FileIO, *, by_line: bool) -> TextIO:
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return Printable(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=by_line)


def _take_closed_numbers() -> None:
    """Not inherited, so that they are closed in programs that we start. Reading and answering fail as before."""
    for number, way in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            taken = os.open(os.devnull, way | os.O_CLOEXEC)
            if taken != number:
                os.dup2(taken, number, inheritable=False)
                os.close(taken)
