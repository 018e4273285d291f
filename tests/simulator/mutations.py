"""Faults put into the real code: what a simulator is worth that finds them, and nothing when it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from capture.decode.decoder import Decoder
from capture.drain import blocks, journal
from capture.drain.blocks import Block, BlockType, JournalPosition
from capture.drain.drain import Drain
from capture.drain.pool import Pool, ScanEntry
from capture.drain.pool_folders import remove_pools
from capture.own_folder import OwnFolder
from capture.session.folder import SessionFolder
from capture.session.segment_store import SegmentStore
from scope_gui.recording import recovery, sealer
from scope_gui.recording.recorded_process import RecordedProcess
from tests.simulator import native

Mutation = Callable[[], contextlib.AbstractContextManager[None]]
MUTATIONS: dict[str, Mutation] = {}


def _mutation(name: str) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Iterator[None]]]:
    def keep(function: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
        MUTATIONS[name] = contextlib.contextmanager(function)
        return function

    return keep


@_mutation("the read position moves before the records are in the journal")
def _advances_first() -> Iterator[None]:
    real = Drain._move

    def move(self: Drain, entry: ScanEntry) -> int:
        self.pool.advance(entry)
        with mock.patch.object(Pool, "advance", lambda pool, entry: None):
            return real(self, entry)

    with mock.patch.object(Drain, "_move", move):
        yield


@_mutation("a block in seven is dropped without a word")
def _drops_blocks() -> Iterator[None]:
    real = Decoder.feed

    def feed(self: Decoder, block: Block) -> None:
        if block.type != BlockType.RECORDS or block.block_no % 7:
            real(self, block)

    with mock.patch.object(Decoder, "feed", feed):
        yield


@_mutation("a torn block is accepted")
def _accepts_torn() -> Iterator[None]:
    real = blocks.block_at

    def block_at(window: memoryview, at: int, least_block_no: int = 0) -> Block | None:
        whole = real(window, at, least_block_no)
        if whole is not None or len(window) - at < blocks.HEADER_BYTES or window[at : at + 4] != blocks.MAGIC:
            return whole
        _, kind, process, length, track, seq, number, dropped = blocks._HEAD.unpack_from(window, at)
        start = at + blocks.HEADER_BYTES
        payload = bytes(window[start : start + length]).ljust(length, b"\0")
        return Block(kind, process, track, seq, number, dropped, payload)

    with mock.patch.object(journal, "block_at", block_at):
        yield


@_mutation("a torn block is not cut off")
def _keeps_torn() -> Iterator[None]:
    with mock.patch.object(journal, "is_torn", lambda tail: False):
        yield


@_mutation("a resume point forgets what was read and had not gone out")
def _forgets_waiting() -> Iterator[None]:
    with mock.patch.object(Decoder, "oldest_block", property(lambda self: self.next_block)):
        yield


@_mutation("a resume point is placed where reading has come to")
def _resumes_too_late() -> Iterator[None]:
    def position(self: sealer.Sealer, block_no: int) -> JournalPosition:
        return self._reader.position

    with mock.patch.object(sealer.Sealer, "_position_of", position):
        yield


@_mutation("nobody takes the lock")
def _no_lock() -> Iterator[None]:
    with mock.patch.object(OwnFolder, "lock", lambda self: None):
        yield


@_mutation("the pool goes before its rest is drained")
def _removes_pool_first() -> Iterator[None]:
    real = RecordedProcess._close_target

    def close(self: RecordedProcess) -> None:
        self.remove_pool()
        real(self)

    with mock.patch.object(RecordedProcess, "_close_target", close):
        yield


@_mutation("a recovery deletes the pools before it has drained them")
def _recovers_nothing() -> Iterator[None]:
    real = recovery._drain_pools

    def drain(folder: Any, pools: Any, sealed: Any, say: Any) -> int:
        for one in pools:
            remove_pools(one.root)
        return real(folder, pools, sealed, say)

    with mock.patch.object(recovery, "_drain_pools", drain):
        yield


@_mutation("a full disk takes the pool away")
def _gives_up_pool() -> Iterator[None]:
    real = RecordedProcess.give_up

    def give_up(self: RecordedProcess, *, remove: bool) -> None:
        real(self, remove=True)

    with mock.patch.object(RecordedProcess, "give_up", give_up):
        yield


@_mutation("a recovery counts what was drained twice")
def _counts_twice() -> Iterator[None]:
    real = Decoder.feed

    def feed(self: Decoder, block: Block) -> None:
        real(self, block)
        if block.type == BlockType.RECORDS and block.track_serial in (
            queues := self.catalog.target(block.process_serial).tracks
        ):
            queue = queues[block.track_serial]
            queue.taken += queue.duplicates
            queue.duplicates = 0

    with mock.patch.object(Decoder, "feed", feed):
        yield


@_mutation("definitions are read after the records that use them")
def _late_definitions() -> Iterator[None]:
    real = Drain.drain_once

    def drain_once(self: Drain, *, clock_block: bool = False) -> int:
        with mock.patch.object(self.pool, "new_definitions", lambda: b""):
            return real(self, clock_block=clock_block)

    with mock.patch.object(Drain, "drain_once", drain_once):
        yield


@_mutation("the manifest lists a segment before it is written")
def _commits_first() -> Iterator[None]:
    real = SegmentStore._write_tables

    def write(self: SegmentStore, seq: int, tables: Any) -> Any:
        entries = real(self, seq, tables)
        for entry in entries[:1]:
            self._folder.own.remove(entry.name)
        return entries

    with mock.patch.object(SegmentStore, "_write_tables", write):
        yield


@_mutation("a recovery does not read back what it has written")
def _reads_nothing_back() -> Iterator[None]:
    with mock.patch.object(SessionFolder, "expect_back", lambda self, entry: None):
        yield


@_mutation("a recovery reads back only what it has committed")
def _reads_back_too_late() -> Iterator[None]:
    never = property(lambda self: False, lambda self, value: None)
    with mock.patch.object(SessionFolder, "reads_back", never, create=True):
        yield


def _in_c(name: str, file: str, before: str, after: str) -> None:
    def mutated() -> Iterator[None]:
        changed = native.library(((file, before, after),))
        with mock.patch.object(native, "library", lambda: changed):
            yield

    MUTATIONS[name] = contextlib.contextmanager(mutated)


_in_c(
    "what is written while a block is journaled counts as drained", "pool_scan.c",
    "__atomic_store_n(&chunk->drained, entry->committed, __ATOMIC_RELEASE);",
    "__atomic_store_n(&chunk->drained, chunk->committed, __ATOMIC_RELEASE);",
)  # fmt: skip
_in_c(
    "a chunk is freed while its thread writes", "pool_scan.c",
    "if (entry->state != SCOPE_CHUNK_CLOSED)", "if (entry->committed < 20)",
)  # fmt: skip
_in_c(
    "sequence numbers count slots", "pool_scan.c",
    "for (uint64_t i = from; i < to; i += event_slots(&records[i], abi))", "for (uint64_t i = from; i < to; i++)",
)  # fmt: skip
