"""What is under a point of the timeline, for menus: call, exception, bookmark, metric, thread, moment. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from views.drawing.time_scale import px_from_ns
from views.loop.events import SeekTo, Select
from views.loop.state import Bookmark, Selection
from views.loop.thing import Thing, bookmark_thing, moment_thing, thread_thing
from views.metrics.layout import MetricLine, metric_thing
from views.reading.source import Names
from views.timeline.content import Content
from views.timeline.layout import Zone, innermost_at
from views.timeline.pick import Hit
from views.timeline.pointing import Pointing

FLAG_PX = (-3, 11)
"""From where to where beside its instant a bookmark's flag is meant."""


class Point(NamedTuple):
    """A point of the view as it reads it: its instant, what the lanes have there, the raise that is marked there."""

    zone: Zone
    time_ns: int
    hit: Hit | None = None
    exception_ns: int | None = None
    bookmark: Bookmark | None = None


def bookmark_at(bookmarks: Sequence[Bookmark], x: float, seen_ns: tuple[int, int], width: int) -> Bookmark | None:
    """The bookmark whose flag is at an x of the stretch that is seen over that width; the nearest of several."""
    away = [(x - px_from_ns(bookmark.time_ns, seen_ns, width), bookmark) for bookmark in bookmarks]
    near = [(abs(px), bookmark) for px, bookmark in away if FLAG_PX[0] <= px <= FLAG_PX[1]]
    return min(near, key=lambda one: one[0])[1] if near else None


def things_under(
    place: tuple[float, float],
    pointing: Pointing,
    bookmarks: Sequence[Bookmark],
    names: Names,
    metrics: Mapping[str, MetricLine],
) -> tuple[Thing, ...]:
    """What is under a point of the timeline as it is seen, the most particular first."""
    x, y = place
    hit, zone = pointing.hit(x, y), pointing.zone(x, y)
    seen_ns = pointing.whole_ns if zone == "overview" else pointing.visible_ns
    flag = bookmark_at(bookmarks, x - pointing.gutter, seen_ns, pointing.lanes_width)
    point = Point(
        zone,
        pointing.time_at(x, y),
        hit,
        exception_ns=pointing.exception_at(x, y) if zone == "lanes" else None,
        bookmark=flag if zone in ("overview", "ruler") else None,
    )
    metric = metrics.get(hit.lane.metric) if hit is not None and hit.lane.shape == "metric" else None
    return things_at(point, pointing.content, names, metric)


def place_of_keys(pointing: Pointing, cursor_ns: int, track_id: int) -> tuple[int, int] | None:
    """Where the innermost call of the focused lane is at the cursor; None where the lane is not in sight."""
    if not any(track_id in lane.track_ids for lane in pointing.lanes):
        return None
    spans = pointing.content.spans
    span = innermost_at(spans, track_id, cursor_ns, 0)
    return pointing.point_of(track_id, 0 if span is None else int(spans["depth"][span]), cursor_ns)


def things_at(point: Point, content: Content, names: Names, metric: MetricLine | None = None) -> tuple[Thing, ...]:
    """The most particular first."""
    return tuple(_things(point, content, names, metric))


def _things(point: Point, content: Content, names: Names, metric: MetricLine | None) -> Iterator[Thing]:
    hit = point.hit
    if point.bookmark is not None:
        yield bookmark_thing(point.bookmark)
    if point.exception_ns is not None and hit is not None:
        there = (Select(selection=Selection("track", hit.track_id, hit.track_id)),)
        seek = SeekTo(time_ns=point.exception_ns, visit=True)
        yield Thing(
            kind="exception",
            name=names.track(hit.track_id),
            track_id=hit.track_id,
            time_ns=point.exception_ns,
            click=(*there, seek),
        )
    if metric is not None:
        yield metric_thing(metric, point.time_ns)
    elif hit is not None:
        if point.zone == "lanes" and hit.span is not None:
            yield _call(hit, content, names)
        if hit.track_id:
            yield thread_thing(hit.track_id, names.track(hit.track_id), is_process=hit.lane.shape == "head")
    if point.zone != "gutter":
        yield moment_thing(point.time_ns)


def _call(hit: Hit, content: Content, names: Names) -> Thing:
    assert hit.span is not None
    span = content.spans[hit.span]
    track_id, site_id = int(span["track_id"]), int(span["site_id"])
    site = names.sites.get(site_id)
    picked = Select(selection=Selection("call", int(span["call_id"]), track_id))
    return Thing(
        kind="call",
        name=names.site(site_id),
        id=int(span["call_id"]),
        track_id=track_id,
        site_id=site_id if site is not None else 0,
        depth=int(span["depth"]),
        place=f"{site.file}:{site.line}" if site is not None and site.file else "",
        time_ns=hit.time_ns,
        click=(picked, SeekTo(time_ns=hit.time_ns, visit=True)),
    )
