"""A manifest with the right checksum that says anything; its files are those of the small session."""

from __future__ import annotations

from random import Random

from capture.format import MANIFEST, MANIFEST_COPY
from tests.fuzz.mutation import json_node
from tests.fuzz.small_session import body_of, opened, read_all, sound_files, with_manifest


def seeds() -> dict[str, bytes]:
    return {"small": body_of(sound_files()[MANIFEST])}


def mutated(data: bytes, dice: Random) -> bytes:
    return json_node(data, dice)


def read(data: bytes) -> None:
    whole = with_manifest(data)
    with opened({**sound_files(), MANIFEST: whole, MANIFEST_COPY: whole}) as session:
        read_all(session)
