"""A process of its own with made-up kinds of events: what decoding, ordering, correlating and sealing them takes.

`python -m tests.bench.mixed_driver FOLDER MIX` prints JSON: seconds of one core by stage, of the median of some runs.
Of 20 events of the mix `mixed` 10 are calls and returns, 4 steps with 24 bytes (a call and a text), 2 allocations
(taken and given back), 2 waits (begun and ended), 1 a message (sent or taken), 1 a state; what belongs together is
paired. Of the mix `values` each call has a number and a short text, each return a number. Every return is that of the
innermost call, as it is in a program: one that finds none costs a look at 4 096 open calls. The kinds are rows that are
put into the table before anything else has read it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

EVENTS = 2_000_000
RUNS = 5  # the first one also loads libraries and grows the process: a sealer does so once
TRACKS = 4
CHUNK_SLOTS = 4096
_CALL = ("call", "return")
_INT, _SHORT = 1, 2 | 3 << 4  # of native/scope_values.h; a text of 3 bytes
MIXES: dict[str, tuple[str, ...]] = {
    "mixed": (
        *("call", "step", "take", "step", "return"), *("call", "step", "give", "step", "return"),
        *("call", "wait_begin", "wait_end", "return"), *("call", "state", "message", "return"), *_CALL,
    ),
    "calls": _CALL * 10,
    "lines": ("call", *("step",) * 18, "return"),
    "values": ("given", "result") * 10,
}  # fmt: skip
VALUES = {"given": ("call", (_INT, _SHORT)), "result": ("return", (_INT,))}  # kind, tags of the values
SIZES = {"step": 24, "take": 8, "give": 8, "state": 16} | {word: 8 * len(of) for word, (_, of) in VALUES.items()}
BEFORE = '    @property\n    def word(self) -> str:\n        """How sessions and SQL call it."""'
MADE_UP = """
    STEP = KindRow(code=40, group="state", a="number", b="payload bytes", payload="object", says="A line is run.")
    TAKE = KindRow(code=41, group="state", a="site", b="payload bytes", payload="object", says="Memory is taken.",
        begins=Pair(name="memory", by=("object_id",)))
    GIVE = KindRow(code=42, group="state", a="number", b="payload bytes", payload="object", says="It is given back.",
        ends=Pair(name="memory", by=("object_id",)))
    WAIT_BEGIN = KindRow(code=43, group="state", a="number", says="A wait begins.",
        begins=Pair(name="wait", by=("track_id", "ref")))
    WAIT_END = KindRow(code=44, group="state", a="number", says="A wait ends.",
        ends=Pair(name="wait", by=("track_id", "ref")))
    MESSAGE = KindRow(code=45, group="state", a="number", says="Something is sent.",
        begins=Pair(name="message", by=("ref",), edge="passes"))
    TAKEN = KindRow(code=46, group="state", a="number", says="It is taken.",
        ends=Pair(name="message", by=("ref",), edge="passes"))
"""


def add_kinds(rows: str = MADE_UP) -> None:
    """Puts made-up rows into the table; nobody may have imported it yet."""
    name = "capture.events.kinds"
    assert name not in sys.modules
    path = Path(__file__).parents[2] / "capture" / "events" / "kinds.py"
    text = path.read_text()
    at = text.index(BEFORE)
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(path)
    exec(compile(text[:at] + rows.lstrip("\n") + "\n" + text[at:], str(path), "exec"), module.__dict__)


def recorded(mix: str) -> Any:
    """The blocks of a target that made EVENTS events on TRACKS tracks."""
    from capture.events.definitions import DefinitionKind  # noqa: PLC0415 - after the kinds are added
    from tests.synthetic import PaperTarget, definition  # noqa: PLC0415

    words = MIXES[mix]
    target = PaperTarget().begin()
    if mix == "values":
        target.define(
            *(definition(DefinitionKind.SITE, n, f"g{n}", "m", "m.py", "1", f"g{n}", "x,name") for n in range(1, 11))
        )
    target.define(*(definition(DefinitionKind.STATE_KEY, n, "m", f"k{n}", "global") for n in range(1, 101)))
    per_block = len(words) * _rounds(words)
    for first in range(0, EVENTS, per_block):
        target.blocks.append(_block(words, first, len(target.blocks) + 1))
        target.clock((first + per_block) * 50)
    return target


def _slots(word: str) -> int:
    return 1 + (SIZES.get(word, 0) + 15) // 16


def _rounds(words: tuple[str, ...]) -> int:
    return CHUNK_SLOTS // sum(_slots(word) for word in words)


def _block(words: tuple[str, ...], first: int, block_no: int) -> Any:
    import numpy as np  # noqa: PLC0415

    from capture.drain.blocks import Block, BlockType  # noqa: PLC0415
    from capture.events.batch import RECORD_DTYPE  # noqa: PLC0415
    from capture.events.kinds import KIND_CODES, PAYLOAD_FLAG  # noqa: PLC0415

    rounds = _rounds(words)
    turn, of = divmod(first // (len(words) * rounds), TRACKS)
    slots = np.cumsum([0, *(_slots(word) for word in words)])
    records = np.zeros((rounds, int(slots[-1])), RECORD_DTYPE)
    payload = records.view("<u8").reshape(rounds, -1, 2)
    numbers = first + len(words) * np.arange(rounds)
    for at, (slot, word) in enumerate(zip(slots.tolist(), words, strict=False)):
        head = records[:, slot]
        kind, tags = VALUES.get(word, (word, ()))
        head["ticks"], head["kind"] = (numbers + at) * 50, KIND_CODES[kind]
        ended = words[:at].count("return") + words[:at].count("result")
        head["a"] = 1 + (numbers // 20 % 100 if word == "state" else ended)
        if word == "message":
            head["kind"] = np.where(numbers // 20 % 2, KIND_CODES["taken"], KIND_CODES["message"])
            head["a"] = 1 + numbers // 40
        if size := SIZES.get(word, 0):
            head["flags"], head["b"] = PAYLOAD_FLAG, size
            for place, tag in enumerate(tags):
                number = 0x646C6F << 8 if tag == _SHORT else (numbers + at) % 1_000_000 << 4
                payload[:, slot + 1, place] = number | tag
            if tags:
                continue
            payload[:, slot + 1, 0] = 1 + numbers % 1000
            text = np.char.zfill((numbers % 100_000_000).astype("S8"), 8).view("<u8")
            payload[:, slot + 1, 1] = text
            if size > 16:
                payload[:, slot + 2, 0] = text
    return Block(BlockType.RECORDS, 1, 1 + of, turn * len(words) * rounds, block_no, 0, records.tobytes())


def seconds_of(path: Path, target: Any) -> dict[str, float]:
    """Seconds of one core for each stage."""
    from capture.decode.decoder import Decoder  # noqa: PLC0415
    from capture.session.format import About  # noqa: PLC0415
    from capture.session.segment_store import SegmentStore  # noqa: PLC0415
    from dags.correlate.sealing import SessionWriter  # noqa: PLC0415
    from scope_gui.recording.sealer import READ_BYTES, even_pieces  # noqa: PLC0415

    decoder, store = Decoder(), SegmentStore.create(path, About(session_id="mixed", created_real_ns=1), sync=False)
    writer, seconds, sealed = SessionWriter(store), dict.fromkeys(("decode", "correlate and seal"), 0.0), 0
    at_once = 2 * READ_BYTES // len(target.blocks[-2].payload)  # as the sealer reads; every other block is a clock
    for last in range(at_once, len(target.blocks) + at_once, at_once):
        began = time.process_time()
        for block in target.blocks[last - at_once : last]:
            decoder.feed(block)
        batch = decoder.take(until=last >= len(target.blocks))
        seconds["decode"] += time.process_time() - began
        began = time.process_time()
        for piece in even_pieces(batch) if batch is not None else ():
            writer.write(piece, decoder.catalog.tracks, decoder.catalog.state_keys)
            sealed += len(piece)
        seconds["correlate and seal"] += time.process_time() - began
    store.finish()
    assert sealed >= EVENTS
    assert decoder.totals().lost == decoder.late == 0
    unpaired = writer.correlator.pairs.pairs.counts()
    assert unpaired["lost_begins"] == unpaired["lost_ends"] == 0, unpaired
    assert unpaired["begun"] <= TRACKS, unpaired
    return seconds


def main() -> None:
    """Measures, and prints."""
    add_kinds()
    from scope_gui.recording.sealer import KEPT_BYTES  # noqa: PLC0415 - after the kinds are added
    from scope_gui.reused_memory import reuse_memory  # noqa: PLC0415

    reuse_memory(KEPT_BYTES)  # as a sealer does
    folder, mix = Path(sys.argv[1]), sys.argv[2]
    target = recorded(mix)
    runs = [seconds_of(folder / f"{mix}-{n}.scope", target) for n in range(RUNS)]
    print(json.dumps(sorted(runs, key=lambda run: sum(run.values()))[RUNS // 2]))


if __name__ == "__main__":
    main()
