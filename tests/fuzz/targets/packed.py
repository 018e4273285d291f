"""A packed session that was damaged, or whose headers lie: what it tells was recorded, and what it lacks is said."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from random import Random

from capture.errors import FormatError
from capture.session.pack import pack
from capture.session.session import Session
from tests.fuzz.mutation import Field, some_bytes, some_fields
from tests.fuzz.small_session import sound_files
from tests.fuzz.verdict import Wrong
from tests.properties.test_damage import Rows, read_everything

_LOCAL, _CENTRAL, _END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_FIELDS = {
    _LOCAL: (4, 6, 8, 14, 18, 22, 26, 28),
    _CENTRAL: (4, 8, 10, 16, 20, 24, 28, 30, 32, 42),
    _END: (4, 6, 8, 10, 12, 16, 20),
}
_SIZES = {14: 4, 18: 4, 22: 4, 16: 4, 20: 4, 24: 4, 42: 4, 12: 4}


@functools.cache
def _sound() -> tuple[bytes, Rows]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "small.scope")
        for name, data in sound_files().items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        packed = pack(path, Path(folder, "packed.scope"))
        with Session.open(packed) as session:
            return packed.read_bytes(), read_everything(session)


def seeds() -> dict[str, bytes]:
    return {"small": _sound()[0]}


def mutated(data: bytes, dice: Random) -> bytes:
    if dice.random() < 0.35:
        return some_bytes(data, dice)
    magic = dice.choice((_LOCAL, _CENTRAL, _CENTRAL, _END))
    places = [at for at in range(len(data)) if data.startswith(magic, at)] if magic in data else []
    if not places:
        return some_bytes(data, dice)
    at = dice.choice(places)
    if dice.random() < 0.1:
        start = dice.choice(places)
        return data[:at] + data[start : start + dice.choice((30, 64, 4096))] + data[at:]
    return some_fields(data, [Field(at + field, _SIZES.get(field, 2)) for field in _FIELDS[magic]], dice)


def read(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".scope") as file:
        file.write(data)
        file.flush()
        with Session.open(file.name) as session:
            try:
                found = read_everything(session)
            except FormatError:
                return
            true_rows = _sound()[1]
            for name, rows in found.items():
                if not rows <= true_rows[name]:
                    raise Wrong(f"invented rows of {name}")
            if found != true_rows and session.complete:
                raise Wrong("rows are missing without a word")
