"""A process of its own with made-up pairs in the table of kinds: `python -m tests.dags.pairs.made_up_kinds SESSION`.

It seals a session and prints as JSON what became of them. The table is an enumeration, which nobody can lengthen once
it is there, so it is put in place before anything reads it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.mixed_driver import add_kinds

KINDS = """
    SENT = KindRow(code=40, group="state", a="number", says="Something is sent.",
        begins=Pair(name="message", by=("ref",), edge="passes"))
    TAKEN = KindRow(code=41, group="state", a="number", says="It is taken.",
        ends=Pair(name="message", by=("ref",), edge="passes"))
"""


def main() -> None:
    """Track 1 sends 7 and 8 and, in the next segment, 9; track 2 takes 7, then 8, and what nobody sent."""
    add_kinds(KINDS)
    from capture.decode.decoder import Decoder  # noqa: PLC0415 - after the kinds are added
    from capture.events.kinds import KIND_CODES  # noqa: PLC0415
    from capture.session.format import About  # noqa: PLC0415
    from capture.session.query import query  # noqa: PLC0415
    from capture.session.segment_store import SegmentStore  # noqa: PLC0415
    from capture.session.session import Session  # noqa: PLC0415
    from dags.correlate.correlator import Correlator  # noqa: PLC0415
    from dags.correlate.sealing import SessionWriter  # noqa: PLC0415
    from tests.synthetic import PaperTarget, record  # noqa: PLC0415

    sent, taken = KIND_CODES["sent"], KIND_CODES["taken"]
    target = PaperTarget().begin()
    target.events(1, record(1000, 7, sent, 0, 0), record(2000, 8, sent, 0, 0), record(5000, 9, sent, 0, 0))
    target.events(2, record(3000, 7, taken, 0, 0), record(4000, 1, taken, 0, 0), record(6000, 8, taken, 0, 0))
    target.clock(9000)
    decoder, path = Decoder(), Path(sys.argv[1])
    for block in target.blocks:
        decoder.feed(block)
    batch = decoder.take(until=True)
    assert batch is not None
    store = SegmentStore.create(path, About(session_id="pairs", created_real_ns=1), sync=False)
    writer = SessionWriter(store)
    writer.write(batch.slice(0, 3), decoder.catalog.tracks)
    again = SessionWriter(store, Correlator.from_keyframe(writer.correlator.keyframe()))
    again.write(batch.slice(3, len(batch)), decoder.catalog.tracks)
    store.finish()
    with Session.open(path) as session:
        rows = query(session, "SELECT cause_event_id, effect_event_id, kind FROM edges ORDER BY ALL").to_pylist()
    counts = again.correlator.pairs.pairs.counts()
    found = {"edges": [list(row.values()) for row in rows]}
    print(json.dumps({**found, "begun": counts["begun"], "lost_begins": counts["lost_begins"]}))


if __name__ == "__main__":
    main()
