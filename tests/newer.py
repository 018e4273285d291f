"""A session as a Scope of a later minor version writes it, with all that a minor version may add (FORMAT.md)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from capture.session.caches import framed, unframed
from capture.session.format import checksum
from capture.session.session import Session

VERSION = "1.7"
KIND, OUTCOME, REASON, METRIC, TABLE = "teleport", "cancelled", "moon phase", "gpu_percent", "dreams"
FLAG = 128


def make_newer(session: Path) -> None:
    """Adds fields to the manifest, columns and tables, and words that nobody knows yet to the tables that are there."""
    body = _body(session)
    body |= {"format": VERSION, "weather": {"sunny": True}}
    body["about"]["mood"] = "calm"
    body["counts"]["dreamt"] = 3
    for entry in _entries(body):
        _widen(session, entry, body)
    for segment in body["segments"]:
        segment["mood"] = "brisk"
        if segment["events"]:
            segment["files"].append(_added(session, f"segments/{segment['seq']:08d}.{TABLE}.parquet"))
        for name, widen in (
            (f"cache/{segment['seq']:08d}.key", _with_part),
            (f"cache/{segment['seq']:08d}.lod", _with_field),
        ):
            if (session / name).exists():
                (session / name).write_bytes(framed(widen(unframed((session / name).read_bytes()))))
    body["defs"].append(_added(session, f"defs/09999999.{TABLE}.parquet"))
    raw = json.dumps(body, separators=(",", ":")).encode()
    data = b'{"scope":"%s","xxh3_64":"%s","manifest":%s}\n' % (
        VERSION.encode(), checksum(VERSION.encode() + raw).encode(), raw,
    )  # fmt: skip
    for name in ("manifest.json", "manifest.bak"):
        (session / name).write_bytes(data)


def additions(session: Path) -> set[str]:
    """All that `make_newer` added, as far as it is still there, folder or packed."""
    with Session.open(session) as opened:
        body = json.loads(opened.raw("manifest.json"))["manifest"]
        files = {entry["name"]: opened.raw(entry["name"]) for entry in _entries(body)}
    return {
        *(f"{place}: {value}" for place, value in _unknown_fields(body)),
        *(line for name, data in files.items() for line in _unknown_in(name.split(".")[1], data)),
    }


def _body(session: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((session / "manifest.json").read_bytes())["manifest"]
    return body


def _entries(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [*body["defs"], *(entry for segment in body["segments"] for entry in segment["files"])]


def _widen(session: Path, entry: dict[str, Any], body: dict[str, Any]) -> None:
    table, path = entry["name"].split(".")[1], session / entry["name"]
    rows = pq.read_table(path)
    if table == "events":
        before = rows["kind"].to_pylist()[-1]
        rows = _with_word(rows, "kind", KIND)
        known = rows["flags"].to_pylist() if "flags" in rows.column_names else [0] * len(rows)
        flags = pa.array([FLAG | (value or 0) for value in known], pa.uint8())
        rows = rows.drop_columns("flags") if "flags" in rows.column_names else rows
        rows = rows.append_column("flags", flags)
        for word, step in ((before, -1), (KIND, 1)):
            body["kinds"][word] = body["kinds"].get(word, 0) + step
    elif table == "calls":
        rows = _with_word(rows, "outcome", OUTCOME)
    elif table == "gaps":
        rows = _with_word(rows, "reason", REASON)
    elif table == "metrics":
        more = [(METRIC, 7.0), ("rss_bytes", float("nan")), ("cpu_percent", float("inf")), ("threads", -float("inf"))]
        when, process = rows["time_ns"][0].as_py(), rows["process_id"][0].as_py()
        added = [{"time_ns": when, "process_id": process, "name": name, "value": value} for name, value in more]
        rows = pa.concat_tables([rows, pa.Table.from_pylist(added, schema=rows.schema)])
    rows = rows.append_column("mood", pa.array([f"calm {n}" for n in range(len(rows))]))
    _write(path, rows)
    entry |= {"bytes": path.stat().st_size, "rows": len(rows), "xxh3_64": checksum(path.read_bytes()), "mood": "wide"}


def _with_word(rows: pa.Table, column: str, word: str) -> pa.Table:
    """The last row says something new."""
    words = [*rows[column].to_pylist()[:-1], word]
    return rows.set_column(rows.schema.get_field_index(column), column, pa.array(words, pa.string()))


def _added(session: Path, name: str) -> dict[str, Any]:
    path = session / name
    _write(path, pa.table({"time_ns": [1, 2], "dream": ["of sheep", "of rain"]}))
    return {"name": name, "bytes": path.stat().st_size, "rows": 2, "xxh3_64": checksum(path.read_bytes())}


def _write(path: Path, rows: pa.Table) -> None:
    pq.write_table(rows, path, version="2.6", compression="zstd", store_schema=False, data_page_version="1.0")


def _with_part(keyframe: bytes) -> bytes:
    kept = msgspec.msgpack.decode(keyframe)
    kept["dags"]["dreams"] = b"\x80"
    kept["mood"] = "calm"
    return msgspec.msgpack.encode(kept)


def _with_field(detail: bytes) -> bytes:
    return msgspec.msgpack.encode({**msgspec.msgpack.decode(detail), "mood": "calm"})


def _unknown_fields(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "manifest", (body.get("format"), body.get("weather"))
    yield "about", body["about"].get("mood")
    yield "counts", body["counts"].get("dreamt")
    yield "kinds", body["kinds"].get(KIND)
    for segment in body["segments"]:
        yield "segment", segment.get("mood")
    for entry in _entries(body):
        yield entry["name"].split(".")[1], entry.get("mood")


def _unknown_in(table: str, data: bytes) -> Iterator[str]:
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    for row in rows:
        if table == TABLE:
            yield f"{table}: {row}"
            continue
        for column, word in (
            ("mood", row.get("mood")),
            ("kind", KIND),
            ("outcome", OUTCOME),
            ("reason", REASON),
            ("name", METRIC),
        ):
            if word is not None and row.get(column) == word:
                yield f"{table}.{column}: {word} at {row.get('time_ns', row.get('start_ns'))}"
