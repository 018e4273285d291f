"""What the timeline has of the open session: metrics, lanes, calls and counts, as far as they have been read. No Qt.

    pulled.follow(session)                          another session, or the same one grown
    pulled.stack(assigns, room_px)                  which lanes there are, and how high
    pulled.read(assigns, width, overview=True)      what is visible, from memory; the rest is asked for

Nothing here waits for a file but `wait`. Whoever pulls is told when there is more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from capture.session.session import Session
from dags.analyses.detail_reader import DetailReader
from views.loop.lane_choice import left_out, shown_lanes
from views.loop.state import Assigns
from views.metrics.layout import MetricLine, metric_lines
from views.metrics.samples import Samples
from views.reading.source import Source
from views.timeline.content import Content, Loader, Overview, content_of, overview_of
from views.timeline.lanes import Lane, Wanted, in_sight, stacked
from views.timeline.layout import drawn_ns
from views.timeline.packs import Pack, packs_of
from views.timeline.state import TimelineState

FEW_METRICS = 2


class Pulled:
    """The session's part of one timeline. Used by the thread that paints."""

    def __init__(self, source: Source, tell_more: Callable[[], None], tell_sampled: Callable[[], None]) -> None:
        """Of no session. Both are called on threads of the pool: more has been read, of calls or of metrics."""
        self._source, self._tell_more, self._tell_sampled = source, tell_more, tell_sampled
        self._session: Session | None = None
        self._loader: Loader | None = None
        self._samples: Samples | None = None
        self._packs: tuple[object, set[int], dict[int, Pack]] = (None, set(), {})
        self._read_ns = (0, 0)
        self.metrics: dict[str, MetricLine] = {}
        self._chosen: tuple[object, object, object] = (None, None, None)
        self._order: dict[int, int] = {}
        self._out: set[int] = set()
        self.left_out = 0
        self.lanes: list[Lane] = []
        self.content = Content.empty()
        self.overview = Overview.empty()
        self._overview_of: object = None

    @property
    def is_reading(self) -> bool:
        """Whether segments are being read, visible ones or not."""
        is_sampling = self._samples is not None and self._samples.is_reading
        return is_sampling or (self._loader is not None and self._loader.is_reading)

    def follow(self, session: Session | None) -> None:
        """Shows this session from now on, or the same one as it is now."""
        if self._loader is not None and (session is None or self._session is not session):
            self.shut()
        self._session = session
        if session is None:
            self.lanes, self.metrics = [], {}
            self.content, self.overview, self._overview_of = Content.empty(), Overview.empty(), None
            return
        if self._loader is None:
            self._loader = Loader(DetailReader(session.pinned()), self._tell_more, self._source.pool)
        else:
            self._loader.reader.session = session.pinned()  # segments are known by numbers until the next growth
            self._loader.forget_failures()
        self._samples = self._samples or Samples(session, self._tell_sampled, self._source.pool)
        self._samples.read()
        self.take_samples()

    def take_samples(self) -> None:
        """The metrics as far as they have been read."""
        if self._samples is not None:
            processes = self._source.names.processes.values()
            ends_ns = {row.process_id: row.end_ns for row in processes if row.end_ns is not None}
            self.metrics = {line.name: line for line in metric_lines(self._samples.by_name(), ends_ns)}

    def choose(self, assigns: Assigns) -> None:
        """Which lanes the person wants, and in which order."""
        chosen = (assigns.lanes, assigns.lane_choice, assigns.focus_track_id)
        if all(one is other for one, other in zip(chosen, self._chosen, strict=True)):
            return
        self._chosen = chosen
        shown = shown_lanes(assigns.lanes, assigns.lane_choice, focus=assigns.focus_track_id)
        self._order = {lane.track_id: at for at, lane in enumerate(shown)}
        out = {lane.track_id for lane in assigns.lanes} - self._order.keys()
        if out != self._out:
            self._out = out
        self.left_out = left_out(assigns.lanes, assigns.lane_choice, assigns.focus_track_id)

    def stack(self, assigns: Assigns, room_px: int) -> None:
        """The lanes that these assigns want, in so much room."""
        if self._loader is not None:
            self.lanes = self._stacked(assigns, self._loader.reader.depths(), room_px)

    def read(self, assigns: Assigns, width: int, *, overview: bool = True) -> bool:
        """Takes from memory what is visible now, and asks for the rest; True when there is any.

        While a session grows, what was seen stays for the moment that reading the new end takes: it must not flicker.
        """
        if self._loader is None:
            return False
        reader = self._loader.reader
        content = content_of(self._loader, assigns.visible_ns, width)
        was_seen = reader.session.live and _mostly(self._read_ns, assigns.visible_ns)
        if was_seen and self._loader.want(content.missing, content.missing_calls):
            return True
        self.content, self._read_ns = content, assigns.visible_ns
        if overview or len(self.overview.count) != width:
            self._sum_up(reader, drawn_ns(assigns.range_ns, assigns.range_ns, width), width)
        return self._ask(self._loader, assigns.range_ns, width)

    def _sum_up(self, reader: DetailReader, whole_ns: tuple[int, int], width: int) -> None:
        """The overview, the very same as long as nothing more is known: calls that have been read change nothing."""
        made_of = (reader, reader.session, reader.revision, whole_ns, width)
        if made_of != self._overview_of:
            self._overview_of = made_of
            self.overview = overview_of(reader, whole_ns, width)

    def wait(self) -> None:
        """Returns when what was asked for has been read."""
        if self._loader is not None:
            self._loader.wait()

    def wait_for_samples(self) -> None:
        """Returns when all metrics have been read, and takes them."""
        if self._samples is not None:
            self._samples.wait()
            self.take_samples()

    def pause(self) -> None:
        """Reads no more until it is asked to. Harmless when repeated."""
        if self._loader is not None:
            self._loader.close()
        if self._samples is not None:
            self._samples.close()

    def go_on(self) -> None:
        """Reads on the metrics that are not here yet."""
        if self._samples is not None:
            self._samples.read()

    def shut(self) -> None:
        """Stops reading, and forgets what was read. Harmless when repeated; `follow` starts again."""
        self.pause()
        self._loader = self._samples = None

    def _stacked(self, assigns: Assigns, depths: Mapping[int, int], room_px: int) -> list[Lane]:
        names, own = self._source.names, assigns.of(TimelineState)
        tracks = [row for track_id, row in names.tracks.items() if track_id not in self._out]
        if self._packs[0] is not names or self._packs[1] is not self._out:
            self._packs = (names, self._out, packs_of(tracks, assigns.range_ns[1]))
        wanted = Wanted(
            focus=assigns.focus_track_id,
            folded=assigns.folded,
            kept_open=own.kept_open,
            stays=own.pinned,
            order=self._order,
            larger=dict(own.larger),
        )
        count = None if own.all_metrics else FEW_METRICS
        titles = {name: line.title for name, line in list(self.metrics.items())[:count]}
        packs = self._packs[2]
        return stacked(
            in_sight(tracks, assigns.visible_ns, assigns.focus_track_id, packs),
            names.processes.values(),
            depths,
            wanted,
            room_px=room_px,
            metrics=titles,
            packs=packs,
            names=names.titles,
        )

    def _ask(self, loader: Loader, whole_ns: tuple[int, int], width: int) -> bool:
        reader = loader.reader
        width_ns = (whole_ns[1] - whole_ns[0]) / max(1, width)
        rest = [index for index in reader.missing(*whole_ns, width_ns) if reader.known(index) is None]
        return loader.want(self.content.missing, self.content.missing_calls, rest)


def _mostly(seen_ns: tuple[int, int], now_ns: tuple[int, int]) -> bool:
    """Whether nine tenths of what is visible now had been seen."""
    both = min(seen_ns[1], now_ns[1]) - max(seen_ns[0], now_ns[0])
    return both * 10 >= (now_ns[1] - now_ns[0]) * 9 > 0
