"""Sessions with damage that the manifest does not know of: cut files, flipped bits, files that are gone."""

from __future__ import annotations

from pathlib import Path


def flip_bit(file: Path, at: float = 0.5) -> None:
    """One bit is another one, at that share of the file."""
    data = bytearray(file.read_bytes())
    data[min(int(len(data) * at), len(data) - 1)] ^= 4
    file.write_bytes(data)


def cut(file: Path, at: float = 0.5) -> None:
    """The file ends at that share of its length."""
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * at)])


def files_of(session: Path, segment: int, table: str = "*") -> list[Path]:
    """The files of a segment, counted from 1, that hold a table."""
    found = sorted((session / "segments").glob(f"{segment:08d}.{table}.parquet"))
    assert found, f"segment {segment} has no {table}"
    return found
