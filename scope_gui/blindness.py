"""The list "what this recording cannot see", and what was lost, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from capture.errors import FormatError
from capture.losses import told_losses
from capture.session.format import MANIFEST, MAX_MANIFEST_BYTES, Counts, decode_manifest, told_books
from capture.shown_text import one_line
from capture.unseen import Blindness, told_unseen

HEADING = "What this recording cannot see:"


def unseen_lines(unseen: Sequence[Blindness]) -> Iterator[str]:
    """The list with its heading; nothing when there is nothing to say."""
    if unseen:
        yield HEADING
    for one in unseen:
        yield one_line(f"  - {one.sentence}{f' {one.remedy}' if one.remedy else ''}")


def dropped_line(counts: Counts, written: Callable[[int], str] = str) -> str:
    """How many events are missing, '' when none is. `written`: how a count is written there.

    >>> dropped_line(Counts(produced=10, recorded=9, dropped=1))
    '1 of 10 events was dropped.'
    >>> dropped_line(Counts(produced=5_000, recorded=3_000, dropped=2_000), "{:,}".format)
    '2,000 of 5,000 events were dropped.'
    """
    if not counts.balanced:
        return told_books(counts)
    if not counts.dropped:
        return ""
    lost, produced = written(counts.dropped), written(counts.produced)
    return f"{lost} of {produced} events {'was' if counts.dropped == 1 else 'were'} dropped."


def last_words(session_path: Path) -> list[str]:
    """What a person must know about a session that was just saved, by paragraph; [] when it cannot be read.

    From the manifest alone: the end of a recording must not wait for the table libraries.
    """
    try:
        with (session_path / MANIFEST).open("rb") as file:
            manifest, _ = decode_manifest(file.read(MAX_MANIFEST_BYTES))
    except (OSError, FormatError):
        return []
    lost = "\n".join(map(one_line, told_losses(manifest.losses)))
    unseen = "\n".join(unseen_lines(told_unseen(manifest.unseen)))
    paragraphs = (dropped_line(manifest.counts), lost, unseen)
    return [paragraph for paragraph in paragraphs if paragraph]
