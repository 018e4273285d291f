"""A manifest with the right checksum that says anything; its files are those of the small session."""

from __future__ import annotations

import zlib
from random import Random

import msgspec

from capture.losses import told_losses
from capture.session.beyond import with_fields
from capture.session.format import MANIFEST, MANIFEST_COPY, decode_manifest, manifest_beyond
from capture.unseen import told_unseen
from tests.fuzz.mutation import json_node
from tests.fuzz.small_session import body_of, opened, read_all, sound_files, with_manifest

_SOME = 4


def seeds() -> dict[str, bytes]:
    return {"small": body_of(sound_files()[MANIFEST])}


def mutated(data: bytes, dice: Random) -> bytes:
    return json_node(data, dice)


def read(data: bytes) -> None:
    is_newer = zlib.crc32(data) % _SOME == 1
    whole = with_manifest(data, b"1.9" if is_newer else b"1.0")
    if is_newer:  # what a newer Scope has added is carried over when such a session is written anew
        manifest, _ = decode_manifest(whole)
        msgspec.json.encode(with_fields(msgspec.to_builtins(manifest), manifest_beyond(whole, manifest)))
    with opened({**sound_files(), MANIFEST: whole, MANIFEST_COPY: whole}) as session:
        session.info()
        told_losses(session.manifest.losses)
        told_unseen(session.manifest.unseen)
        if zlib.crc32(data) % _SOME == 0:
            read_all(session)
