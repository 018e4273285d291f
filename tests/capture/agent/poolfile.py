"""What a pool.bin and its defs.bin say, read with plain `struct`: a second reader, written from scope_pool.h."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from capture.events.kinds import EXCEPTION_TYPE_BITS, KIND_NAMES, KINDS, PAYLOAD_FLAG, SITE_BITS, ResultFlag, StateFlag
from tests.capture.agent.words import Change, WordReader

ENTER = tuple(kind.word for kind in KINDS if kind.row.depth.step > 0)
LEAVE = tuple(kind.word for kind in KINDS if kind.row.depth.step < 0)
BLOCK_BYTES, SMALL_BYTES = 65536, 4096
LARGE = 1 << 16
WRITING, CLOSED, SLOTS = 1, 2, 3
SITE, EXCEPTION, STATE_KEY, THREAD, PROCESS, UNSEEN, TYPE, LINES, NAME = 1, 2, 3, 4, 5, 6, 7, 8, 9


Line = tuple[str, int]  # a function and a line in its file


@dataclass(frozen=True)
class Event:
    track: int
    seq: int
    ticks: int
    kind: str
    a: int
    flags: int
    b: int
    frames: tuple[tuple[int, int], ...] = ()
    object: int = 0
    text: str = ""
    changes: int = 0
    values: tuple[str, ...] | None = None  # None: not told
    local_changes: tuple[Change, ...] = ()  # of a line, of locals; of a dead frame all that is bound
    line: int = 0  # that the caller is at; 0: not known


@dataclass
class Pool:
    """Everything in one pool directory, checked while it is read."""

    state: int = 0
    pid: int = 0
    clock_kind: int = 0
    blocks_used: int = 0
    events: dict[int, list[Event]] = field(default_factory=dict)
    produced: dict[int, int] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)
    definitions: dict[int, dict[int, list[str]]] = field(default_factory=dict)

    def function(self, site: int) -> str:
        qualname, module = self.definitions[SITE][site][:2]
        return f"{module}:{qualname}"

    def all_events(self) -> list[Event]:
        return [event for track in self.events.values() for event in track]

    def told(self, track: int = 1) -> list[str]:
        """A track's calls in words: 'call f', 'unwind f ValueError', …"""
        words = []
        for event in self.events[track]:
            if event.kind in (*ENTER, *LEAVE, "raise"):
                exception = self.definitions.get(EXCEPTION, {}).get(event.b, [""])[0]
                words.append(f"{event.kind} {self.definitions[SITE][event.a][0]} {exception}".strip())
        return words

    def arguments(self, event: Event) -> dict[str, str]:
        """What a call was told to be called with, by the names that its site says."""
        names = self.definitions[SITE][event.a][5]
        assert len(names.split(",")) == len(event.values or ())
        return dict(zip(names.split(","), event.values or (), strict=True))

    def activations(self) -> Counter[tuple[str, str, int]]:
        """How often each (file, co_name, first line) was entered."""
        counts: Counter[tuple[str, str, int]] = Counter()
        for event in self.all_events():
            if event.kind in ENTER:
                fields = self.definitions[SITE][event.a]
                counts[fields[2], fields[4], int(fields[3])] += 1
        return counts

    def stack(self, event: Event) -> list[tuple[str, int]]:
        return [(self.definitions[SITE][site][0], line) for site, line in event.frames]

    def lines(self) -> set[Line]:
        """All lines that functions have."""
        return {
            (self.definitions[SITE][site][0], line)
            for site, (text,) in self.definitions.get(LINES, {}).items()
            for first, last in (map(int, (part.split("-") * 2)[:2]) for part in text.split(","))
            for line in range(first, last + 1)
        }

    def lines_run(self) -> list[Line]:
        """Those that ran, in order of time on each track."""
        sites = self.definitions[SITE]
        told = [event for event in self.all_events() if event.kind == "line_first"]
        return [(sites[event.a][0], int(sites[event.a][3]) + event.b) for event in told]

    def thread(self, name: str) -> int:
        return next(serial for serial, fields in self.definitions[THREAD].items() if fields[0] == name)

    def states(self) -> list[tuple[str, str, int, int, str]]:
        keys = self.definitions.get(STATE_KEY, {})
        return [
            (keys[event.a][0], keys[event.a][1], event.object, event.flags, event.text)
            for event in self.all_events()
            if event.kind == "state"
        ]


def read(directory: Path, before: Pool | None = None) -> Pool:
    """The pool in `directory`; what `before` held has been freed since.

    Raises: AssertionError where its bytes break a promise of scope_pool.h.
    """
    data = (directory / "pool.bin").read_bytes()
    (definition_bytes,) = struct.unpack_from("<Q", data, 384)
    pool = Pool(definitions=_definitions((directory / "defs.bin").read_bytes()[:definition_bytes]))
    if before is not None:
        pool.produced = {track: events[-1].seq + 1 for track, events in before.events.items()}
        pool.dropped = dict.fromkeys(pool.produced, 0)
    assert data[:8] == b"SCOPEPL\x01"
    assert struct.unpack_from("<IIIIII", data, 8)[0:3] == (5, 4096, BLOCK_BYTES)
    pool.pid, pool.clock_kind = struct.unpack_from("<II", data, 48)
    (pool.state,) = struct.unpack_from("<I", data, 128)
    (pool.blocks_used,) = struct.unpack_from("<I", data, 256)
    numbered = pool.definitions.get(TYPE, {}), pool.definitions.get(NAME, {})
    chunks = []
    slots = []
    for at, capacity in chunks_in_use(data):
        state, track, seq, committed, generation, dropped, _, fits = struct.unpack_from("<IIQIIQII", data, at)
        assert fits == capacity
        assert generation % 2 == 0
        assert committed <= capacity
        if state == SLOTS:
            slots += [struct.unpack_from("<IIQ", data, at + 64 + 16 * place) for place in range(capacity)]
        else:
            assert state in (WRITING, CLOSED)
            chunks.append((track, seq, dropped, committed, at + 64))
    for track, seq, dropped, committed, at in sorted(chunks):
        events = pool.events.setdefault(track, [])
        expected = pool.produced.get(track, 0)
        missing, dropped_since = seq - expected, dropped - pool.dropped.get(track, 0)
        assert missing == dropped_since, f"track {track}: {missing} events are missing, {dropped_since} were dropped"
        reader = WordReader(*({number: fields[0] for number, fields in one.items()} for one in numbered))
        events += _events(data, at, committed, (track, seq), reader)
        pool.produced[track] = events[-1].seq + 1 if events and committed else seq
        pool.dropped[track] = dropped
    for serial, _, dropped in slots:
        if serial in pool.produced:
            pool.produced[serial] += dropped - pool.dropped[serial]
            pool.dropped[serial] = dropped
    for events in pool.events.values():
        heads = [event.ticks for event in events if event.kind != "gap"]
        assert heads == sorted(heads), "time goes backwards on a track"
    return pool


def chunks_in_use(data: bytes | mmap.mmap) -> list[tuple[int, int]]:
    """(where it lies, how many records fit) of every chunk that is not free."""
    table_offset, blocks_offset = struct.unpack_from("<QQ", data, 32)
    found = []
    for block in range(struct.unpack_from("<I", data, 256)[0]):
        (word,) = struct.unpack_from("<I", data, table_offset + 4 * block)
        at = blocks_offset + block * BLOCK_BYTES
        if word & LARGE:
            assert word == LARGE | 1
            found.append((at, 4092))
        else:
            found += [(at + part * SMALL_BYTES, 252) for part in range(16) if word >> part & 1]
    return found


def _events(data: bytes, at: int, committed: int, first: tuple[int, int], reader: WordReader) -> list[Event]:
    """The events of one chunk, to which alone `reader` belongs; `first`: its track, its first number."""
    events: list[Event] = []
    track, seq = first
    index = 0
    while index < committed:
        ticks, a, kind, flags, b = struct.unpack_from("<QIBBH", data, at + 16 * index)
        frames: tuple[tuple[int, int], ...] = ()
        number, text, changes = 0, "", 0
        body = at + 16 * (index + 1)
        raw = data[body : body + b] if flags & PAYLOAD_FLAG else b""
        flags &= ~PAYLOAD_FLAG
        if KIND_NAMES[kind] == "snapshot":
            frames = tuple(struct.iter_unpack("<II", raw))
        elif KIND_NAMES[kind] == "state":
            number, text = struct.unpack_from("<Q", raw)[0], raw[16 if flags & StateFlag.COUNTED else 8 :].decode()
            changes = struct.unpack_from("<Q", raw, 8)[0] if flags & StateFlag.COUNTED else 1
        elif KIND_NAMES[kind] == "raise" and raw:
            (b, number), text = struct.unpack_from("<II", raw), raw[8:].decode()  # its type and line
        elif KIND_NAMES[kind] == "output":
            number, text = struct.unpack_from("<Q", raw)[0], raw[8:].decode()  # its line
        elif KIND_NAMES[kind] == "unwind":
            b &= (1 << EXCEPTION_TYPE_BITS) - 1
        values, line = None, 0
        if KIND_NAMES[kind] in ENTER:
            a, line = a & (1 << SITE_BITS) - 1, a >> SITE_BITS
        if KIND_NAMES[kind] in ("call", "return", "yield") and (raw or flags & ResultFlag.IS_NONE):
            values, b = tuple(reader.read(raw)) if raw else ("None",), 0
        local_changes: tuple[Change, ...] = ()
        if KIND_NAMES[kind] in ("line", "locals"):
            local_changes, b = tuple(reader.read_changes(raw)), 0
        elif KIND_NAMES[kind] == "dead_frame":
            number, local_changes, b = struct.unpack_from("<Q", raw)[0], tuple(reader.read_changes(raw[8:])), 0
        events.append(
            Event(
                track, seq + len(events), ticks, KIND_NAMES[kind], a, flags, b, frames, number, text, changes, values,
                local_changes, line,
            )
        )  # fmt: skip
        index += 1 + (len(raw) + 15) // 16
    assert index == committed, "an event spans chunks"
    return events


def _definitions(data: bytes) -> dict[int, dict[int, list[str]]]:
    found: dict[int, dict[int, list[str]]] = {}
    at = 0
    while at < len(data):
        magic, kind, _, number, size, checksum = struct.unpack_from("<HBBIII", data, at)
        payload = data[at + 16 : at + 16 + size]
        assert magic == 0x5DE5
        assert checksum == _fnv1a(data[at : at + 12] + payload)
        fields = payload.decode().split("\0")
        of_kind = found.setdefault(kind, {})
        if kind == LINES and number in of_kind:
            fields = [f"{of_kind[number][0]},{fields[0]}"]
        of_kind[number if kind != PROCESS else len(of_kind) + 1] = fields
        at += 16 + size
    return found


def _fnv1a(data: bytes) -> int:
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value
