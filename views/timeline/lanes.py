"""The lanes from top to bottom: which there are, how high each one is, and how all of them fit into the room. No Qt.

    CPU            18 %   metric: stays at the top
    ▾ python 4711         head: a process
      MainThread          skyline: all depths in 14 to 28 px
      worker-1            open: the focused lane, or one that is kept open: a row per depth, with names
      job-* · 500 threads packed: threads that never ran together share a row

Where all lanes fit with a row per depth, all are open. Else the focused one and those kept open are, and the others
become skylines, as low as is needed to have every thread in sight. Room that is left is shared by the metrics: they
alone show more the higher they are.

Units: px; y of a lane from the top of the lanes' zone, before scrolling, until `in_zone` has placed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from capture.events.definitions import ProcessRow, TrackRow
from capture.events.track_kinds import HEADS
from views.timeline.packs import Member, Pack
from views.words.elision import Part, telling_parts

ROW = 15
MAX_ROW = 26
HEADER = 20
METRIC = 22
PADDING = 5
SKYLINE, LEAST_SKYLINE = 28, 14
SKYLINE_PADDING = 4
LABELLED_ROW = 11
"""From that height on a row has room for a name."""
MAX_DEPTH_ROWS = 48
MAX_LANE = 1_200
SENTENCE_PX = 60
"""How much stays free below the lanes for what is to be said there."""
END_PX = 16
"""How high the strips are that say how many threads lie above and below."""
MANY_THREADS = 64

Shape = Literal["metric", "head", "open", "skyline", "packed"]


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One metric, process or thread, or threads that share a lane. `rows` depths are shown, of `depth` that there are.

    `stays`: at the top while the others are scrolled, which it then `lies_over`. `note` says why there are no rows.
    `members` are the threads of a packed lane: it has a row for each that ran at the same time, and goes by the number
    of its first thread. `metric` is the name of the metric. `telling`: the part of the name that tells it apart.
    """

    track_id: int
    kind: str
    name: str
    y: int
    height: int
    rows: int
    depth: int
    indent: int = 0
    shape: Shape = "open"
    folded: bool = False
    kept_open: bool = False
    stays: bool = False
    lies_over: bool = False
    note: str = ""
    row_px: float = ROW
    members: tuple[Member, ...] = ()
    metric: str = ""
    telling: Part = (0, 0)

    @property
    def first_row_y(self) -> int:
        """Where depth 0 is painted."""
        return self.y + (HEADER if self.shape == "head" else padding(self.shape))

    def row_y(self, depth: int) -> float:
        """Where a depth is painted."""
        return self.first_row_y + depth * self.row_px

    @property
    def track_ids(self) -> tuple[int, ...]:
        """The threads in it."""
        return tuple(one.track_id for one in self.members) or (self.track_id,)

    def track_at(self, row: int, time_ns: int) -> int:
        """The thread that has a row at an instant; of a packed lane 0 where none has."""
        if not self.members:
            return self.track_id
        here = (one for one in self.members if one.row == row and one.start_ns <= time_ns <= one.end_ns)
        return next((one.track_id for one in here), 0)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the person wants of the lanes: track ids. `larger`: how many times as high as it would be a lane is."""

    focus: int = 0
    folded: frozenset[int] = frozenset()
    kept_open: frozenset[int] = frozenset()
    stays: frozenset[int] = frozenset()
    order: Mapping[int, int] = {}
    larger: Mapping[int, float] = {}


def padding(shape: Shape) -> int:
    """What a lane has free above and below its rows, for the marks of events and exceptions."""
    return PADDING if shape == "open" else SKYLINE_PADDING


def in_order(tracks: Iterable[TrackRow], order: Mapping[int, int] | None = None) -> list[TrackRow]:
    """The tracks from top to bottom: each process, then its threads by their place in `order`, then by id."""
    places = order or {}
    return sorted(
        tracks,
        key=lambda row: (row.process_id, row.kind not in HEADS, places.get(row.track_id, len(places)), row.track_id),
    )


def in_sight(
    tracks: Iterable[TrackRow],
    visible_ns: tuple[int, int],
    focus_track_id: int,
    packs: Mapping[int, Pack] | None = None,
) -> list[TrackRow]:
    """The tracks to have a lane: all of them, unless a process has more than MANY_THREADS that are in no pack.

    A server may have a thread for each request. Of that many, those that lived in what is visible are shown, and the
    focused one.
    """
    rows, packed = list(tracks), packs or {}
    threads = Counter(row.process_id for row in rows if row.kind not in HEADS and row.track_id not in packed)
    crowded = {process_id for process_id, count in threads.items() if count > MANY_THREADS}
    return [
        row
        for row in rows
        if row.kind in HEADS
        or row.process_id not in crowded
        or row.track_id == focus_track_id
        or row.track_id in packed
        or ((row.start_ns or 0) <= visible_ns[1] and (row.end_ns is None or row.end_ns >= visible_ns[0]))
    ]


def stacked(
    tracks: Iterable[TrackRow],
    processes: Iterable[ProcessRow],
    depths: Mapping[int, int],
    wanted: Wanted = Wanted(),  # noqa: B008 - it cannot be changed
    *,
    room_px: int = 0,
    metrics: Mapping[str, str] | None = None,
    packs: Mapping[int, Pack] | None = None,
    names: Mapping[int, str] | None = None,
) -> list[Lane]:
    """The lanes from top to bottom, as `in_order` has them; those of a folded process are left out.

    `depths` are the most calls that were ever open on a track; `metrics` are titles by name; `names` what tracks are
    called, where that is not their own name. With threads 2 and 3 under
    process 1, depth 3 and 0, and room for all: y = 0 (header, 20 px), 20 (3 rows and padding, 55 px), 75 (25 px).
    `room_px` 0 is as much room as it takes.
    """
    known = {row.process_id: row for row in processes}
    rows = in_order(tracks, wanted.order)
    hidden = {row.process_id for row in rows if row.kind in HEADS and row.track_id in wanted.folded}
    with_threads = {row.process_id for row in rows if row.kind not in HEADS}
    lanes = [_metric(-1 - at, name, title) for at, (name, title) in enumerate((metrics or {}).items())]
    packed: set[int] = set()
    for row in rows:
        if row.kind in HEADS:
            lanes.append(_head(row, known, wanted, row.process_id in with_threads))
        elif row.process_id in hidden or (row.track_id in packed and row.track_id != wanted.focus):
            continue
        elif (pack := (packs or {}).get(row.track_id)) is not None and row.track_id != wanted.focus:
            packed.update(member.track_id for member in pack.members)
            lanes.append(_packed(row.track_id, pack))
        else:
            name = (names or {}).get(row.track_id) or row.name or f"{row.kind} {row.os_id or row.track_id}"
            lanes.append(_thread(row, name, depths.get(row.track_id, 0), wanted))
    lanes.sort(key=lambda lane: not lane.stays)  # metrics, pinned lanes, then the others, each in their order
    fitted = _told_apart(_fitted(lanes, room_px, wanted))
    larger = [_larger(lane, wanted.larger.get(lane.track_id, 1.0)) for lane in fitted]
    return _placed(_filled(larger, room_px))


def _metric(lane_id: int, name: str, title: str) -> Lane:
    return Lane(
        track_id=lane_id, kind="metric", name=title, y=0, height=METRIC, rows=0, depth=0, shape="metric", stays=True,
        metric=name,
    )  # fmt: skip


def _head(row: TrackRow, names: Mapping[int, ProcessRow], wanted: Wanted, has_threads: bool) -> Lane:
    process = names.get(row.process_id)
    name = row.name or f"{row.kind} {row.os_id or row.track_id}"
    return Lane(
        track_id=row.track_id,
        kind=row.kind,
        name=name if process is None else f"{process.name or name} {process.pid}",
        y=0,
        height=HEADER,
        rows=0,
        depth=0,
        shape="head",
        folded=row.track_id in wanted.folded,
        note="" if has_threads else "no calls are recorded of this process",
    )


def _thread(row: TrackRow, name: str, depth: int, wanted: Wanted) -> Lane:
    return Lane(
        track_id=row.track_id,
        kind=row.kind,
        name=name,
        y=0,
        height=0,
        rows=min(max(depth, 1), MAX_DEPTH_ROWS),
        depth=depth,
        indent=1,
        kept_open=row.track_id in wanted.kept_open,
        stays=row.track_id in wanted.stays,
    )


def _packed(track_id: int, pack: Pack) -> Lane:
    together = f", {pack.rows} at once" if pack.rows > 1 else ""
    return Lane(
        track_id=track_id,
        kind="thread",
        name=f"{pack.name} · {len(pack.members)} threads{together}",
        y=0,
        height=0,
        rows=pack.rows,
        depth=1,
        indent=1,
        shape="packed",
        members=pack.members,
    )


def _fitted(lanes: Sequence[Lane], room_px: int, wanted: Wanted) -> list[Lane]:
    """The lanes with their heights: all open where there is room, else skylines around those that are wanted open."""
    fixed = sum(lane.height for lane in lanes)
    threads = [lane for lane in lanes if not lane.height]
    rows, pads = sum(lane.rows for lane in threads), 2 * PADDING * len(threads)
    if room_px <= 0 or fixed + pads + rows * ROW <= room_px:
        row_px = min(max((room_px - fixed - pads) // max(rows, 1), ROW), MAX_ROW)
        return [lane if lane.height else _with_rows(lane, lane.rows, row_px) for lane in lanes]
    open_ids = {lane.track_id for lane in threads if lane.track_id == wanted.focus or lane.kept_open}
    low = [lane for lane in threads if lane.track_id not in open_ids]
    left = room_px - fixed - LEAST_SKYLINE * len(low)
    heights: dict[int, int] = {}
    for lane in sorted(threads, key=lambda lane: lane.track_id != wanted.focus):  # the focused lane has the first say
        if lane.track_id in open_ids:
            least = min(lane.rows, 3) * ROW + 2 * PADDING
            heights[lane.track_id] = max(least, min(lane.rows * ROW + 2 * PADDING, left))
            left -= heights[lane.track_id]
    heights |= _skylines(low, max(left, 0) + LEAST_SKYLINE * len(low))
    return [lane if lane.height else _squeezed(lane, heights[lane.track_id], open_ids) for lane in lanes]


def _filled(lanes: Sequence[Lane], room_px: int) -> list[Lane]:
    """With metrics that are as high as it takes to fill the room; the first ones have the pixels that do not divide.

    Where no call is recorded the room of a sentence is left, which says so.
    """
    left = room_px - sum(lane.height for lane in lanes) - (0 if any(lane.depth for lane in lanes) else SENTENCE_PX)
    metrics = [lane.track_id for lane in lanes if lane.shape == "metric"]
    if left <= 0 or not metrics:
        return list(lanes)
    more, over = divmod(left, len(metrics))
    grown = {track_id: more + (at < over) for at, track_id in enumerate(metrics)}
    return [msgspec.structs.replace(lane, height=lane.height + grown.get(lane.track_id, 0)) for lane in lanes]


def _skylines(lanes: Sequence[Lane], room_px: int) -> dict[int, int]:
    """How high each is: alike up to SKYLINE, then those grow that have more rows to show, as long as there is room."""
    if not lanes:
        return {}
    each = min(max(room_px // len(lanes), LEAST_SKYLINE), SKYLINE)
    heights = {lane.track_id: each for lane in lanes}
    left = room_px - each * len(lanes)
    waiting = {lane.track_id: lane.rows * ROW + 2 * SKYLINE_PADDING for lane in lanes}
    while left > 0:
        growing = [track_id for track_id, full in waiting.items() if heights[track_id] < full]
        share = left // len(growing) if growing else 0
        if not share:
            break
        for track_id in growing:
            more = min(share, waiting[track_id] - heights[track_id])
            heights[track_id] += more
            left -= more
    return heights


def _squeezed(lane: Lane, height: int, open_ids: set[int]) -> Lane:
    """A lane of that height: its rows as high as they can be, and no more of them than there are pixels."""
    if lane.track_id in open_ids:
        rows = min(lane.rows, max((height - 2 * PADDING) // ROW, 1))
        return _with_rows(lane, rows, ROW)
    inner = height - 2 * SKYLINE_PADDING
    rows = min(lane.rows, inner)
    shape: Shape = "packed" if lane.members else "skyline"
    return msgspec.structs.replace(lane, shape=shape, height=height, rows=rows, row_px=min(inner / rows, float(ROW)))


def _told_apart(lanes: Sequence[Lane]) -> list[Lane]:
    """With the part of each thread's name that no other one has, and a process's number: they are cut last."""
    parts = telling_parts(lane.name for lane in lanes if lane.indent)
    parts |= {lane.name: (lane.name.rfind(" ") + 1, len(lane.name)) for lane in lanes if not lane.indent}
    return [msgspec.structs.replace(lane, telling=parts[lane.name]) for lane in lanes]


def _larger(lane: Lane, factor: float) -> Lane:
    """A lane so many times as high; with a row for each depth as soon as those can have names."""
    if factor == 1.0 or not lane.rows:
        return lane
    height = min(max(round(lane.height * factor), LEAST_SKYLINE), MAX_LANE)
    rows, inner = max(min(lane.depth, MAX_DEPTH_ROWS), lane.rows), height - 2 * PADDING
    if lane.members:
        rows = lane.rows
    elif inner >= rows * LABELLED_ROW:
        return msgspec.structs.replace(lane, shape="open", height=height, rows=rows, row_px=inner / rows)
    inner = height - 2 * SKYLINE_PADDING
    rows = min(rows, inner)
    shape: Shape = "packed" if lane.members else "skyline"
    return msgspec.structs.replace(lane, shape=shape, height=height, rows=rows, row_px=inner / rows)


def _with_rows(lane: Lane, rows: int, row_px: int) -> Lane:
    height = rows * row_px + 2 * padding(lane.shape)
    return msgspec.structs.replace(lane, height=height, rows=rows, row_px=row_px)


def _placed(lanes: Sequence[Lane]) -> list[Lane]:
    placed, y = [], 0
    for lane in lanes:
        placed.append(msgspec.structs.replace(lane, y=y))
        y += lane.height
    return placed


def lanes_height(lanes: Sequence[Lane]) -> int:
    """How tall all lanes are together."""
    return lanes[-1].y + lanes[-1].height if lanes else 0


def staying_height(lanes: Sequence[Lane]) -> int:
    """How tall those are that stay at the top while the others are scrolled."""
    return sum(lane.height for lane in lanes if lane.stays)


class Ends(msgspec.Struct, frozen=True):
    """How many threads are not seen: above and below what is, and left out because the person does not want them."""

    above: int = 0
    below: int = 0
    left_out: int = 0


def ends_of(lanes: Sequence[Lane], scroll: int, height: int, left_out: int = 0) -> Ends:
    """What lies beyond both ends of a zone of that height."""
    moving, top = [lane for lane in lanes if not lane.stays and lane.indent], staying_height(lanes)
    above = [lane for lane in moving if lane.y + lane.height - scroll <= top]
    below = [lane for lane in moving if lane.y - scroll >= height]
    return Ends(_threads_in(above), _threads_in(below), left_out)


def _threads_in(lanes: Sequence[Lane]) -> int:
    return sum(len(lane.track_ids) for lane in lanes)


def in_zone(lanes: Sequence[Lane], scroll: int, height: int) -> list[Lane]:
    """The lanes of which something is seen, where they are seen: from the top of the zone.

    Those that stay come last, and the head of the process whose threads are at the top after them: they lie over the
    others. The head is pushed out by the next one.
    """
    top = staying_height(lanes)
    head = _held_head(lanes, scroll, top)
    moving = [
        msgspec.structs.replace(lane, y=lane.y - scroll)
        for lane in lanes
        if not lane.stays and lane.y + lane.height - scroll > top and lane.y - scroll < height
    ]
    below = [lane for lane in moving if head is None or lane.track_id != head.track_id]
    over = [lane for lane in lanes if lane.stays and lane.y < height] + ([head] if head is not None else [])
    return below + [msgspec.structs.replace(lane, lies_over=True) for lane in over]


def over_height(placed: Sequence[Lane]) -> int:
    """How much of the zone lanes cover that lie over the others: those that stay, and the head that is held."""
    return max((lane.y + lane.height for lane in placed if lane.lies_over), default=0)


def _held_head(lanes: Sequence[Lane], scroll: int, top: int) -> Lane | None:
    """The process whose threads are seen at the top while its own lane has been scrolled away."""
    heads = [(lane.y - scroll, lane) for lane in lanes if lane.shape == "head"]
    above = [lane for y, lane in heads if y < top]
    if not above or not scroll:
        return None
    following = next((y for y, _ in heads if y >= top), top + HEADER)
    y = min(top, following - HEADER)
    return msgspec.structs.replace(above[-1], y=y) if y + HEADER > top else None


def lane_at(placed: Sequence[Lane], y: int) -> Lane | None:
    """The lane at that height of the zone, of those that `in_zone` gave: the last of them lies on top."""
    return next((lane for lane in reversed(placed) if lane.y <= y < lane.y + lane.height), None)
