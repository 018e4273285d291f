"""What has become of a flight recorder: its session is gone, and what it has saved lies beside it. No Qt."""

from __future__ import annotations

from pathlib import Path

from capture.errors import SessionProblem
from capture.session.format import MANIFEST
from capture.session.session import Session


def is_over(session: Session) -> bool:
    """Whether it was a flight recorder's, and nothing is left of it: its manifest goes last."""
    return bool(session.manifest.about.flags.get("flight")) and not (Path(session.path) / MANIFEST).exists()


def saved_flights(session: Session) -> list[Path]:
    """The sessions beside it that were made of the same recording, in the order in which they were saved."""
    live, about = Path(session.path), session.manifest.about
    found: dict[int, Path] = {}
    for path in live.parent.glob(f"*{live.suffix}"):
        number = path.stem.removeprefix(f"{live.stem}-")
        if path.stem.startswith(f"{live.stem}-") and number.isascii() and number.isdecimal() and len(number) < 9:
            try:
                with Session.open(path) as saved:
                    one = saved.manifest.about
            except SessionProblem:
                continue
            if (one.created_real_ns, one.start_mono_ns) == (about.created_real_ns, about.start_mono_ns):
                found[int(number)] = path
    return [found[number] for number in sorted(found)]
