"""An interrupted recording of which nothing but a journal of any blocks is left: finished, opened and verified."""

from __future__ import annotations

import re
import tempfile
import zlib
from pathlib import Path
from random import Random

from capture.drain.blocks import file_name
from capture.errors import ScopeError
from capture.folder_names import JOURNAL
from capture.own_folder import OwnFolder
from capture.session.session import Session
from capture.session.verify import verify
from scope_gui.recording.sealer import Sealer
from tests.fuzz.paper import blocks, file_of, mutated_journal
from tests.fuzz.small_session import read_all
from tests.fuzz.verdict import Wrong

_SOME = 4


def seeds() -> dict[str, bytes]:
    whole = blocks()
    return {"whole": file_of(whole), "no end": file_of(whole[:-8])}


def mutated(data: bytes, dice: Random) -> bytes:
    return mutated_journal(data, dice)


def read(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        path = Path(name, "a.scope")
        with OwnFolder.open(path, make=True) as folder:
            folder.make_all()
            (path / JOURNAL / file_name(1)).write_bytes(data)
            sealer = Sealer.start(folder)
            sealer.finish("recovered")
        try:
            with Session.open(path) as session:
                if zlib.crc32(data) % _SOME == 0:
                    read_all(session)
                report = verify(session)
        except ScopeError as error:
            raise Wrong(f"what was recovered cannot be read: {type(error).__name__}") from error
        told = {problem.what for problem in session.problems}
        if strange := [problem.what for problem in report.problems if problem.what not in told and problem.lost]:
            raise Wrong(f"what was recovered contradicts itself: {re.sub('[0-9]+', 'N', strange[0])[:60]}")
