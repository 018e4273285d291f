"""What a verb about calls is asked about: a stretch of time, threads, a function; and how far it is with reading it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from capture.errors import SessionProblem
from capture.events.definitions import SiteRow, TrackRow
from capture.session.session import Session
from dags.analyses.function_statistics import segments_of
from scope_gui.verbs.progress import Progress
from scope_gui.verbs.shared_flags import TIMES
from views.words.timespec import is_time, not_a_time, text_from_ns, time_ns_from_text

MOST_NAMED = 5
CUT = "  * = not whole in this stretch: it began before, or goes on after"


def stretch_flags(parser: argparse.ArgumentParser) -> None:
    """--range and --thread."""
    range_flag(parser)
    parser.add_argument("--thread", metavar="NAME", help="only threads of this name, or with this track_id")


def range_flag(parser: argparse.ArgumentParser) -> None:
    """--range."""
    parser.add_argument(
        "--range",
        type=range_words,
        default=("start", "end"),
        metavar="A..B",
        help=f"only between these: {TIMES}; what lies across an end counts with its part inside",
    )


def range_words(text: str) -> tuple[str, str]:
    """Both ends as they were typed; one that is left out is that of the session.

    >>> range_words("1.5s..40%"), range_words("..250ms")
    (('1.5s', '40%'), ('start', '250ms'))
    """
    first, dots, last = text.partition("..")
    ends = (first.strip() or "start", last.strip() or "end")
    if not dots:
        raise argparse.ArgumentTypeError(f"{text!r} is not a range; write 1.5s..40%, ..2s or 250ms..")
    for end in ends:
        if not is_time(end):
            raise argparse.ArgumentTypeError(not_a_time(end))
    return ends


def range_of(session: Session, words: tuple[str, str]) -> tuple[int, int]:
    """The stretch that is meant. Raises: SessionProblem when it lies outside the session, or ends before it begins."""
    start_ns, end_ns = (time_ns_from_text(word, session.start_ns, session.end_ns) for word in words)
    if start_ns > end_ns:
        raise SessionProblem(f"The range {'..'.join(words)} ends before it begins.")
    return start_ns, end_ns


def tracks_of(session: Session, name: str | None) -> list[TrackRow] | None:
    """The threads that are meant, None for all. Raises: SessionProblem when there is none."""
    if name is None:
        return None
    threads = [track for track in session.tracks() if track.kind != "process"]
    found = [track for track in threads if name in (track.name, str(track.track_id))]
    if not found:
        known = ", ".join(dict.fromkeys(track.name for track in threads[:MOST_NAMED] if track.name))
        raise SessionProblem(f"There is no thread {name!r} in {session.path}.", f"Some that there are: {known}.")
    return found


def function_of(session: Session, text: str) -> SiteRow:
    """The function that is meant: by its name, that of its module before it, its last part, or FILE:LINE.

    Raises: SessionProblem when there is none, or several that are meant as much.
    """
    sites = [site for site in session.sites() if site.function]
    ways: tuple[Callable[[SiteRow], bool], ...] = (
        lambda site: text in (site.function, f"{site.module}.{site.function}"),
        lambda site: site.function.endswith(f".{text}") or (":" in text and f"{site.file}:{site.line}".endswith(text)),
        lambda site: text.casefold() in f"{site.module}.{site.function}".casefold(),
    )
    for way in ways:
        found = [site for site in sites if way(site)]
        if len(found) == 1:
            return found[0]
        if found:
            named = [f"{site.module}.{site.function} ({site.file}:{site.line})" for site in found[:MOST_NAMED]]
            more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            raise SessionProblem(
                f"{text!r} may be {len(found)} functions: {', '.join(named)}{more}.",
                "Name one as MODULE.FUNCTION or FILE:LINE.",
            )
    raise SessionProblem(f"No function {text!r} is known in {session.path}.", "`scope-gui top` lists those that ran.")


def reading(session: Session, range_ns: tuple[int, int], times: int = 1) -> Callable[[], None]:
    """What to call before each segment, which are read so many times at most: tells how far a long answer is."""
    return Progress("reading the calls", times * len(segments_of(session, *range_ns))).step


def heading(session: Session, range_ns: tuple[int, int], tracks: list[TrackRow] | None) -> str:
    """What a table is about."""
    where = "" if tracks is None else f", on {', '.join(track.name or str(track.track_id) for track in tracks)}"
    so_far = "; the recording goes on" if session.live else ""
    return f"from {text_from_ns(range_ns[0])} to {text_from_ns(range_ns[1])}{where}{so_far}"
