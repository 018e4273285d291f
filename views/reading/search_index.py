"""The box that finds anything: what a session has a name for, and which of it a typed text means. No Qt.

    index = session_index(source.session, statistics, exceptions)   # by a worker, when names have grown
    rows = find(index, "put", time_zone=None)                       # at each key, on any thread

The window adds its commands to what `find` gives, and goes where a row's `place` says: a function is selected by its
site, a value by its key, a thread by its track, an exception is gone to at its first event, a time is gone to.
`statistics` and `exceptions` (`dags.analyses`) only make details richer; without them every name is found alike.

What comes first, for each word that was typed; a name must have all of them, and counts by the word it has worst:

    0  it is the name, or its last part     put      Store.put
    1  the last part begins with it         pu       Store.put
    2  the name begins with it              sto      Store.put
    3  a word in it begins with it          item     Store.put_item
    4  words begin with its letters         spi      Store.put_item
    5  it stands in the name                tor      Store.put
    6  it stands in the name with its module or owner

Names that match equally well come in an order that does not depend on what was typed: shorter last parts first, then
by the alphabet.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePath
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from capture.errors import SessionProblem
from capture.events.batch import Int64
from capture.events.definitions import SiteRow
from capture.session.session import Session
from dags.analyses.exceptions_seen import SeenException
from dags.analyses.function_statistics import FunctionStatistics
from views.reading.source import Names
from views.words.figures import calls_text, clock_text, count_text, duration_text
from views.words.timespec import is_time, time_ns_from_text

FoundKind = Literal["time", "function", "value", "thread", "exception"]
MOST_OF_A_KIND = 50
MOST_WORDS = 8
NO_MATCH = 9
Ranks = npt.NDArray[np.int8]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_CLOCK = re.compile(r"(\d{1,4}):([0-5]?\d)(?::([0-5]?\d))?(?:[.,](\d{1,9}))?")
_SECOND_NS = 10**9


class Place(NamedTuple):
    """Where a row leads. `id` is that of the table of its kind: site_id, key_id, track_id, event_id; 0 for a time."""

    kind: FoundKind
    id: int
    time_ns: int | None = None


class FoundRow(NamedTuple):
    """One line under the box. `marks`: (start, end) of what was found in the title, in order, for bold letters."""

    kind: FoundKind
    title: str
    detail: str
    place: Place
    marks: tuple[tuple[int, int], ...] = ()


class Name(NamedTuple):
    """What can be found. `last` is where its last part begins in the title, `around` the module or owner it is in."""

    kind: FoundKind
    title: str
    last: int
    around: str
    detail: str
    place: Place


class SessionIndex:
    """The names of a session, in the order in which equally good ones are shown. Made once, never changed."""

    def __init__(
        self, names: Iterable[Name], range_ns: tuple[int, int] = (0, 0), real_start_ns: int | None = None
    ) -> None:
        """`real_start_ns`: the wall clock at session time 0, ns since 1970; None: not known."""
        self.names = sorted(names, key=lambda one: (len(one.title) - one.last, one.title.casefold(), one.place))
        self.range_ns, self.real_start_ns = range_ns, real_start_ns
        self.titles = [folded(name.title) for name in self.names]
        self.wholes = [
            f"{folded(name.around)}.{title}" if name.around else title
            for name, title in zip(self.names, self.titles, strict=True)
        ]
        self.kinds = np.array([_KINDS.index(name.kind) for name in self.names], np.int8)
        lasts, words, initials = [], list[tuple[str, int]](), list[tuple[str, int]]()
        for at, (name, title) in enumerate(zip(self.names, self.titles, strict=True)):
            lasts.append((title[name.last :], at))
            starts = [match.start() for match in _WORD.finditer(name.title)]
            words += [(title[start:], at) for start in starts]
            letters = "".join(title[start] for start in starts)
            initials += [(letters[begin:], at) for begin in range(len(letters) - 1)]
        self._lasts, self._words = _Sorted(lasts), _Sorted(words)
        self._whole_titles = _Sorted((title, at) for at, title in enumerate(self.titles))
        self._initials = _Sorted(initials)

    def __len__(self) -> int:
        return len(self.names)

    def ranks(self, word: str) -> Ranks:
        """How well each name matches one folded word: 0 best, NO_MATCH not at all. Shape: (len(self),)."""
        ranks = np.full(len(self), NO_MATCH, np.int8)
        ranks[np.fromiter((word in whole for whole in self.wholes), np.bool_, len(self))] = 6
        ranks[np.fromiter((word in title for title in self.titles), np.bool_, len(self))] = 5
        if word.isalnum():
            ranks[self._initials.beginning_with(word)] = 4
        for rank, by in ((3, self._words), (2, self._whole_titles), (1, self._lasts)):
            ranks[by.beginning_with(word)] = rank
        for by in (self._whole_titles, self._lasts):
            ranks[by.equal_to(word)] = 0
        return ranks


class _Sorted:
    """Texts with the rows of their names, to be found by how they begin."""

    def __init__(self, texts: Iterable[tuple[str, int]]) -> None:
        pairs = sorted(texts)
        self._texts = [text for text, _ in pairs]
        self._rows = np.array([row for _, row in pairs], np.int64)

    def beginning_with(self, word: str) -> Int64:
        """The rows of the texts that begin so."""
        first = bisect_left(self._texts, word)
        rows: Int64 = self._rows[first : bisect_left(self._texts, _after(word), first)]
        return rows

    def equal_to(self, word: str) -> Int64:
        """The rows of the texts that are the word."""
        first = bisect_left(self._texts, word)
        rows: Int64 = self._rows[first : bisect_left(self._texts, word + "\0", first)]
        return rows


def found_rows(
    index: SessionIndex, text: str, *, most: int = MOST_OF_A_KIND, time_zone: timezone | None = None
) -> list[FoundRow]:
    """What the text may mean, the best first, at most so many of each kind; nothing for an empty text.

    `time_zone`: of the person, in which "12:03:04" is read; None: that of this machine.
    """
    words = list(dict.fromkeys(folded(text).split()))[:MOST_WORDS]
    found = times(index, text, time_zone)
    if not words or not len(index):
        return found
    ranks = index.ranks(words[0])
    for word in words[1:]:
        ranks = np.maximum(ranks, index.ranks(word))
    order = np.argsort(ranks, kind="stable")[: int(np.count_nonzero(ranks < NO_MATCH))]
    kinds = index.kinds[order]
    places = np.concatenate([np.flatnonzero(kinds == kind)[:most] for kind in range(len(_KINDS))])
    for row in order[np.sort(places)].tolist():
        name = index.names[row]
        marks = _marks(name.title, index.titles[row], words)
        found.append(FoundRow(name.kind, name.title, name.detail, name.place, marks))
    return found


def times(index: SessionIndex, text: str, time_zone: timezone | None = None) -> list[FoundRow]:
    """The instants of the session that the text means: '1.5s', '40%', 'end', and '12:03:04' from its start or by the
    clock on the wall.
    """
    start_ns, end_ns = index.range_ns
    typed = text.strip()
    found = list[tuple[int, str]]()
    if is_time(typed):
        try:
            found.append((time_ns_from_text(typed, start_ns, end_ns), "from the start of the session"))
        except SessionProblem:
            return []  # it lies outside
    clock = _CLOCK.fullmatch(typed)
    if clock is not None:
        found += _clock_times(index, clock, time_zone)
    return [FoundRow("time", clock_text(ns), said, Place("time", 0, ns), ()) for ns, said in found]


def _clock_times(index: SessionIndex, clock: re.Match[str], time_zone: timezone | None) -> list[tuple[int, str]]:
    """'03:04' is minutes and seconds from the start, or hours and minutes on the wall; '12:03:04' hours for both."""
    first, second, third, fraction = clock.groups()
    part_ns = int((fraction or "0").ljust(9, "0"))
    numbers = [int(first), int(second)] + ([int(third)] if third else [])
    since_ns = 0
    for number in numbers:
        since_ns = since_ns * 60 + number
    since_ns = since_ns * _SECOND_NS + part_ns
    start_ns, end_ns = index.range_ns
    found = [(since_ns, "from the start of the session")] if start_ns <= since_ns <= end_ns else []
    hour, minute, second_of = numbers[0], numbers[1], numbers[2] if third else 0
    if index.real_start_ns is None or hour > 23 or (fraction and not third):
        return found
    begun = datetime.fromtimestamp((index.real_start_ns + start_ns) / _SECOND_NS, UTC).astimezone(time_zone)
    days = max(0, end_ns - start_ns) // (86_400 * _SECOND_NS) + 2
    for day in range(-1, min(int(days), 366)):  # the night may have been recorded through
        on_wall = (begun + timedelta(days=day)).replace(hour=hour, minute=minute, second=second_of, microsecond=0)
        ns = round(on_wall.timestamp()) * _SECOND_NS + part_ns - index.real_start_ns
        if start_ns <= ns <= end_ns:
            found.append((ns, f"at {on_wall:%H:%M:%S} on {on_wall:%Y-%m-%d}"))
        elif start_ns - _SECOND_NS < ns < start_ns:  # the second in which it began
            found.append((start_ns, f"at {on_wall:%H:%M:%S} on {on_wall:%Y-%m-%d}"))
    return found


def session_index(
    session: Session,
    statistics: FunctionStatistics | None = None,
    exceptions: Sequence[SeenException] = (),
) -> SessionIndex:
    """Everything of a session that has a name. Takes about a second for 100 000 names."""
    names = Names(session)
    found = [*_functions(names.sites.values(), statistics)]
    found += [
        Name("value", f"{row.owner}.{row.key}", len(row.owner) + 1, "", row.scope, Place("value", row.key_id))
        for row in session.state_keys()
    ]
    for track in names.tracks.values():
        if track.kind != "process":
            process = names.processes.get(track.process_id)
            of = f" of {process.name} ({process.pid})" if process is not None else ""
            place = Place("thread", track.track_id, track.start_ns)
            found.append(Name("thread", names.track(track.track_id), 0, "", f"{track.kind}{of}", place))
    for one in exceptions:
        title = one.type.removeprefix("builtins.") or "an exception"
        detail = f"{count_text(one.count)} times in {names.site(one.site_id)}"
        last = title.rfind(".") + 1
        found.append(Name("exception", title, last, "", detail, Place("exception", one.first_event_id, one.first_ns)))
    about = session.manifest.about
    return SessionIndex(found, (session.start_ns, session.end_ns), about.created_real_ns)


def _functions(sites: Iterable[SiteRow], statistics: FunctionStatistics | None) -> Iterable[Name]:
    for site in sites:
        detail = short_place(site)
        row = None if statistics is None else statistics.row_of(site.site_id)
        if statistics is not None and row is not None:
            longest = duration_text(int(statistics.longest_ns[row]))
            total, own = duration_text(int(statistics.total_ns[row])), duration_text(int(statistics.own_ns[row]))
            calls = calls_text(int(statistics.calls[row]))
            detail = f"{calls}, {total} in all, {own} own, longest {longest} · {detail}"
        place = Place(
            "function", site.site_id, None if row is None or statistics is None else int(statistics.first_ns[row])
        )
        yield Name("function", site.function, site.function.rfind(".") + 1, site.module, detail, place)


def short_place(site: SiteRow) -> str:
    """Where a function stands, in as many words as tell files apart.

    >>> [short_place(SiteRow(1, "put", "shop.store", file, 12)) for file in ("/srv/shop/store.py", "")]
    ['shop/store.py:12', 'shop.store']
    """
    return f"{'/'.join(PurePath(site.file).parts[-2:])}:{site.line}" if site.file else site.module


def folded(text: str) -> str:
    """The text without upper case, letter by letter: places in it are places in the text.

    >>> folded("Straße.Put"), len(folded("İ"))
    ('straße.put', 1)
    """
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(low if len(low := one.lower()) == 1 else one for one in text)


def _after(word: str) -> str:
    """The least text that is above all that begin with the word."""
    return word + "\U0010ffff"


def _marks(title: str, lower: str, words: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """What of the title the words are: where they stand in it, best at the begin of a word, else their initials."""
    starts = [match.start() for match in _WORD.finditer(title)]
    found = list[tuple[int, int]]()
    for word in words:
        at = next((start for start in reversed(starts) if lower.startswith(word, start)), lower.find(word))
        if at >= 0:
            found.append((at, at + len(word)))
            continue
        letters = "".join(lower[start] for start in starts)
        first = letters.find(word)
        found += [(start, start + 1) for start in starts[first : first + len(word)]] if first >= 0 else []
    merged = list[tuple[int, int]]()
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


_KINDS: tuple[FoundKind, ...] = ("function", "value", "thread", "exception", "time")
