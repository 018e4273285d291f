"""The journal of a session: raw, checksummed blocks, appended as fast as the disk takes them and read back in order.

Only the standard library and xxhash are imported: the process that drains a target must start in milliseconds.
The layout of a block is in `capture.drain.blocks`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from bisect import bisect_right
from pathlib import Path

from capture.disk import write_problem, write_whole
from capture.drain.blocks import (
    HEADER_BYTES,
    MAGIC,
    MAX_PAYLOAD_BYTES,
    Block,
    BlockType,
    JournalPosition,
    JournalProblem,
    block_at,
    block_bytes,
    file_name,
    file_number,
    is_torn,
    journal_files,
    open_journal_file,
    pack_header,
)
from capture.errors import SessionProblem, TargetProblem
from capture.own_folder import OwnFolder

__all__ = [
    "Block",
    "BlockType",
    "JournalPosition",
    "JournalProblem",
    "JournalReader",
    "JournalWriter",
    "delete_before",
    "journal_files",
]

ROLL_BYTES = 64 << 20
_BEGINNING = JournalPosition(1, 0)
_WINDOW_BYTES = 8 << 20  # holds any block, so one read always makes progress
_SEARCH_BUDGET_BYTES = 256 << 20
"""What a reader hashes in vain, all in all: a hostile file may claim a block at every eighth byte, amid whole ones."""


def delete_before(directory: OwnFolder, file_no: int) -> None:
    """Deletes the files whose number is lower, for what they hold is sealed. One that has to stay harms nobody."""
    with contextlib.suppress(OSError):
        for name in directory.names():
            number = file_number(name)
            if number is not None and number < file_no:
                directory.remove(name)


class JournalWriter:
    """Appends blocks. One writer per journal; nothing is buffered, so what `append` accepted survives `kill -9`.

    Power loss is another matter: `sync` bounds what it can take.
    """

    def __init__(self, place: Path | OwnFolder, roll_bytes: int = ROLL_BYTES) -> None:
        """Raises: TargetProblem when the folder holds a journal already (see `reopen`) or cannot be written."""
        self._begin(place, roll_bytes, file_no=1, block_no=1)
        self._create()

    @classmethod
    def reopen(
        cls,
        place: Path | OwnFolder,
        roll_bytes: int = ROLL_BYTES,
        next_block_no: int = 1,
        *,
        sealed: tuple[int, int] | None = None,
    ) -> JournalWriter:
        """Continues a journal after a crash; the torn block at its end, which nobody was promised, is cut off.

        What is not torn but damaged stays where it is, for readers to report.
        `next_block_no` counts only when no file with a whole block is left. `sealed`: a reader begins there, so where
        the journal does not reach that far any more it goes on behind it, and readers report what is missing between.
        Who reopens has the session's lock: cutting a journal that somebody writes destroys it.

        Raises: TargetProblem, SessionProblem when a file of the journal is a link or not ours.
        """
        self = cls.__new__(cls)
        self._begin(place, roll_bytes, file_no=1, block_no=next_block_no)
        directory = self._directory.path
        files = journal_files(directory)
        self.file_no = max(files, default=1)
        known, last_block_no = sorted(files), 0
        for number in reversed(known):
            end, last_block_no = _end_of_file(directory, number, known)
            if number == self.file_no:
                self._open_at(number, end)
            if last_block_no:
                self._block_no = last_block_no + 1
                break
        is_gone = not files or (sealed == _BEGINNING and not last_block_no)  # each begins with a block, at once
        if sealed is not None and (is_gone or self.position < sealed):
            self._begin_behind(*sealed)
        elif not files:
            self._create()
        return self

    def _begin(self, place: Path | OwnFolder, roll_bytes: int, file_no: int, block_no: int) -> None:
        self.file_no = file_no
        self.offset = 0
        self.truncated_bytes = 0
        self._directory = place.again() if isinstance(place, OwnFolder) else OwnFolder.open_journal(place)
        self._roll_bytes = roll_bytes
        self._block_no = block_no
        self._fd = -1
        self._unsynced: list[int] = []  # rolled away since the last sync; syncing at the roll would stall the drain
        self._new_names = False

    @property
    def position(self) -> JournalPosition:
        """Where the next block goes."""
        return JournalPosition(self.file_no, self.offset)

    def append(
        self,
        block_type: int,
        process_serial: int,
        payload: bytes | memoryview,
        *,
        track_serial: int = 0,
        seq_start: int = 0,
        dropped: int = 0,
    ) -> int:
        """The number of the new block; the kernel has it when this returns. The payload is not copied.

        Raises: TargetProblem when the disk is full or fails; the journal then still ends with a whole block.
        """
        length = memoryview(payload).nbytes
        if length > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a block holds at most {MAX_PAYLOAD_BYTES} bytes, not {length}")
        size = block_bytes(length)
        if self.offset and self.offset + size > self._roll_bytes:
            self._roll()
        number = self._block_no
        head = pack_header(Block(block_type, process_serial, track_serial, seq_start, number, dropped, payload))
        padding = bytes(size - HEADER_BYTES - length)
        try:
            written = os.writev(self._fd, (head, payload, padding))
            if written != size:  # nearly full disk, or a signal: finish by the slow way
                write_whole(self._fd, memoryview(b"".join((head, payload, padding)))[written:])
        except OSError as error:
            self._undo()
            raise write_problem(error, "the session's journal") from error
        self.offset += size
        self._block_no = number + 1
        return number

    def sync(self) -> None:
        """Returns once everything appended so far survives a power loss. May run beside `append` in a thread.

        Raises: TargetProblem when the disk fails.
        """
        rolled, self._unsynced = self._unsynced, []
        new_names, self._new_names = self._new_names, False
        try:
            if self._fd >= 0:
                rolled.append(os.dup(self._fd))
            for fd in rolled:
                os.fdatasync(fd)
            if new_names:
                self._directory.sync()
        except OSError as error:
            raise write_problem(error, "the session's journal") from error
        finally:
            for fd in rolled:
                os.close(fd)

    def close(self) -> None:
        """Ends writing, without a sync. Harmless when repeated."""
        for fd in (*self._unsynced, *([self._fd] if self._fd >= 0 else [])):
            os.close(fd)
        self._unsynced, self._fd = [], -1
        self._directory.close()

    def _begin_behind(self, file_no: int, offset: int) -> None:
        """A file behind that place and all that is there, with block numbers that none before it can have."""
        if self._fd >= 0:
            os.close(self._fd)
        most_before = file_no * (ROLL_BYTES // HEADER_BYTES) if (file_no, offset) != _BEGINNING else 1
        self.file_no = max(self.file_no, file_no) + 1
        self._block_no = max(self._block_no, most_before + 1)
        self._create()

    def _create(self) -> None:
        try:
            self._fd = self._directory.new_file(file_name(self.file_no), os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise write_problem(error, "the session's journal") from error
        self.offset = 0
        self._new_names = True

    def _roll(self) -> None:
        full, number = self._fd, self.file_no
        self.file_no += 1
        try:
            self._create()
        except TargetProblem:
            self.file_no = number
            raise
        self._unsynced.append(full)

    def _open_at(self, number: int, end: int) -> None:
        try:
            self._fd = self._directory.open_file(file_name(number), os.O_RDWR | os.O_APPEND)
            size = os.fstat(self._fd).st_size
            if size > end and not is_torn(os.pread(self._fd, block_bytes(MAX_PAYLOAD_BYTES), end)):
                end = size + -size % 8  # blocks begin at multiples of 8
            self.truncated_bytes = max(0, size - end)
            os.ftruncate(self._fd, end)
        except OSError as error:
            raise write_problem(error, "the session's journal") from error
        self.offset = end

    def _undo(self) -> None:
        with contextlib.suppress(OSError):  # else the torn block stays; every reader stops before it
            os.ftruncate(self._fd, self.offset)


class JournalReader:
    """Follows a journal, also while it is being written: whole blocks in order, and a report of what is damaged.

    A torn block at the very end is not damage: its writer is still at it, or died in it.
    """

    def __init__(self, directory: Path, position: JournalPosition | tuple[int, int] | None = None) -> None:
        self.problems: list[JournalProblem] = []
        self._directory = directory
        self._known: list[int] = []  # files, in order, as far as they were looked up
        if position is None:
            self._known = list(journal_files(directory))
            position = (min(self._known, default=1), 0)
        self.position = JournalPosition(*position)
        self._expected_no = 1 if self.position == _BEGINNING else None
        self._one_file = False
        self._fd = -1
        self._fd_no = -1
        self._hashed_in_vain = 0
        self._searched = (-1, -1, -1)  # file, offset, size: where a search for a whole block has failed already

    def read(self, max_bytes: int = 16 << 20) -> list[Block]:
        """The next blocks, about `max_bytes` of them; none when the reader has caught up.

        Raises: SessionProblem when a file cannot be read at all.
        """
        blocks: list[Block] = []
        budget = max_bytes
        while budget > 0:
            # Looked up before the bytes: once a later file exists, this one does not grow any more.
            later = self._later()
            if not self._open():
                if later is None:
                    break
                self._report(0, "a journal file is missing")
                self.position = JournalPosition(later, 0)
                continue
            window = self._read_at(self.position.offset, _WINDOW_BYTES)
            taken, clean = self._take(window, blocks, budget)
            self.position = JournalPosition(self.position.file_no, self.position.offset + taken)
            budget -= taken
            if taken or (not clean and self._skip_damage(later is not None)):
                continue
            if later is None or self._one_file:
                break
            if self.position.offset > os.fstat(self._fd).st_size:
                self._report(0, "a journal file does not reach as far as it was read")
            self.position = JournalPosition(later, 0)
        return blocks

    def _later(self) -> int | None:
        """The next file's number. Files get ascending numbers, so what was looked up once is looked up anew only at
        its end: thousands of files were listed thousands of times.
        """
        at = bisect_right(self._known, self.position.file_no)
        if at == len(self._known):
            self._known = list(journal_files(self._directory))
            at = bisect_right(self._known, self.position.file_no)
        return self._known[at] if at < len(self._known) else None

    def take_problems(self) -> list[JournalProblem]:
        """The damage that was met since the last call."""
        problems, self.problems = self.problems, []
        return problems

    def close(self) -> None:
        """Ends reading. Harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = self._fd_no = -1

    def _take(self, window: memoryview, blocks: list[Block], budget: int) -> tuple[int, bool]:
        """Bytes of whole blocks moved from the window to `blocks`, and whether nothing else follows them."""
        at = 0
        while at < len(window) and at < budget:
            block = block_at(window, at, self._expected_no or 0)
            if block is None:
                return at, False
            if self._expected_no is not None and block.block_no != self._expected_no:
                self._report(0, "blocks are missing", block.block_no - self._expected_no, at)
            self._expected_no = block.block_no + 1
            blocks.append(block)
            at += block_bytes(len(block.payload))
        return at, True

    def _skip_damage(self, finished: bool) -> bool:
        """Moves to the next whole block of this file, or past its last byte when the file is finished.

        False: nothing to skip; what is there may still be in the writer's hands.
        """
        start = self.position.offset
        size = os.fstat(self._fd).st_size
        if not finished and self._searched == (self.position.file_no, start, size):
            return False
        found = self._search(start + 8, size)
        is_given_up = self._hashed_in_vain >= _SEARCH_BUDGET_BYTES
        if found is None and not (finished or is_given_up):
            self._searched = (self.position.file_no, start, size)
            return False
        if not finished and self._is_whole(start):  # its writer was in the midst of it when it was read
            return True
        end = size if found is None else found
        self._report(end - start, "bytes between whole blocks are damaged")
        self.position = JournalPosition(self.position.file_no, end)
        return end > start

    def _is_whole(self, offset: int) -> bool:
        return block_at(self._read_at(offset, _WINDOW_BYTES), 0, self._expected_no or 0) is not None

    def _search(self, offset: int, size: int) -> int | None:
        while offset < size:
            window = self._read_at(offset, _WINDOW_BYTES)
            data = bytes(window)
            at = data.find(MAGIC)
            while at >= 0 and self._hashed_in_vain < _SEARCH_BUDGET_BYTES:
                claimed = block_bytes(int.from_bytes(data[at + 8 : at + 12], "little"))
                if (offset + at) % 8 == 0 and claimed <= _WINDOW_BYTES:
                    if block_at(self._read_at(offset + at, claimed), 0, self._expected_no or 0) is not None:
                        return offset + at
                    self._hashed_in_vain += claimed
                at = data.find(MAGIC, at + 1)
            if self._hashed_in_vain >= _SEARCH_BUDGET_BYTES or not data:
                return None
            offset += max(8, (len(data) - HEADER_BYTES) & ~7)
        return None

    def _open(self) -> bool:
        number = self.position.file_no
        if self._fd_no == number:
            return True
        self.close()
        name = file_name(number)
        try:
            self._fd = open_journal_file(self._directory, name)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise SessionProblem(f"The journal file {name} cannot be read: {error.strerror}.") from error
        self._fd_no = number
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            self.close()
            raise SessionProblem(f"The journal file {name} is not a regular file.")
        return True

    def _read_at(self, offset: int, length: int) -> memoryview:
        try:
            return memoryview(os.pread(self._fd, length, offset))
        except OSError as error:
            raise SessionProblem(f"The journal cannot be read: {error.strerror}.") from error

    def _report(self, lost_bytes: int, what: str, lost_blocks: int = 0, at: int = 0) -> None:
        file_no, offset = self.position
        self.problems.append(JournalProblem(file_no, offset + at, lost_bytes, lost_blocks, what))


def _end_of_file(directory: Path, file_no: int, known: list[int]) -> tuple[int, int]:
    """Where the last whole block of one of the known files ends, and its number (0: there is none)."""
    reader = JournalReader(directory, (file_no, 0))
    reader._known = known
    reader._one_file = True
    end = number = 0
    try:
        while blocks := reader.read(_WINDOW_BYTES):
            end, number = reader.position.offset, blocks[-1].block_no
    finally:
        reader.close()
    return end, number
