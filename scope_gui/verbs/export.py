"""`scope-gui export`: pictures of a session without a display, the same as the window's own.

Everything is checked before Qt is loaded: what cannot be done is said at once, in one sentence.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, cast, get_args

from capture.errors import SessionProblem
from capture.named import named
from capture.session.notes import shown_notes
from capture.session.session import Session
from capture.shown_text import one_line
from dags.frame.reader import FrameReader
from scope_gui.pictures import plan
from scope_gui.reused_memory import reuse_memory
from scope_gui.streams import command_terminal
from scope_gui.verbs.opened import no_track
from scope_gui.verbs.shared_flags import per_second, pictures, seconds, session_flag, time_word
from views import registry
from views.building.measures import MEASURES
from views.building.state import SetMeasure
from views.inspector.state import ToggleSource
from views.loop.events import (
    Event,
    FindingsKnown,
    FrameReady,
    Mark,
    MarkedFrameReady,
    SeekTo,
    Select,
    SetTheme,
    Show,
    Tell,
)
from views.loop.state import Assigns, Notice, Selection, Theme
from views.loop.update import handle_event
from views.reading.opening import bookmark_of, session_opened
from views.reading.source import Names, Source
from views.supervision.state import SetHeat
from views.words.damage import damage_sentence
from views.words.timespec import text_from_ns, time_ns_from_text

if TYPE_CHECKING:
    from scope_gui.pictures.offscreen import Desk
    from scope_gui.pictures.vectors import Vectors
    from views.loop.store import Store

KEY = 1


def flags(parser: argparse.ArgumentParser) -> None:
    """Which picture, or which sequence."""
    session_flag(parser)
    parser.add_argument(
        "--at", type=time_word, metavar="TIME", help="one picture, of this moment: 1.5s, 250ms, 40%%, start or end"
    )
    parser.add_argument(
        "--view", choices=plan.views(), default="window", help="what is seen (default: the whole window)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="F.png|F.svg|DIR|F.gif",
        help="a single picture is replaced if it is there",
    )
    parser.add_argument(
        "--format",
        choices=tuple(plan.FORMATS),
        help="of a single picture: pixels, or shapes and text (default: as the file's name ends)",
    )
    parser.add_argument("--size", default="1600x900", metavar="WxH", help="in pixels (default 1600x900)")
    parser.add_argument("--theme", choices=get_args(Theme), default="dark")
    parser.add_argument("--track", type=int, metavar="ID", help="pick this thread or process")
    parser.add_argument(
        "--mark", type=time_word, metavar="TIME", help="compare with this moment: the inspector lists what changed"
    )
    parser.add_argument("--source", action="store_true", help="the source line of each call on the stack")
    parser.add_argument(
        "--measure", choices=[row.name for row in MEASURES], default="calls", help="what the building's height is"
    )
    parser.add_argument(
        "--heat", choices=("activity", "cpu", "memory"), default="activity", help="what the supervision map's colour is"
    )
    stretch = parser.add_argument_group("a sequence, or what the timeline shows of a single picture")
    stretch.add_argument(
        "--from", dest="from_time", type=time_word, metavar="TIME", help="where the stretch begins (default: start)"
    )
    stretch.add_argument("--to", dest="to_time", type=time_word, metavar="TIME", help="where it ends (default: end)")
    stretch.add_argument("--fps", type=per_second, metavar="N", help="pictures a second")
    stretch.add_argument("--speed", type=seconds, metavar="X", help="seconds of the session in one (default 1)")
    stretch.add_argument("--frames", type=pictures, metavar="N", help="so many pictures at equal steps instead")
    stretch.add_argument("--force", action="store_true", help="replace the pictures of an earlier sequence")


def run(arguments: argparse.Namespace) -> int:
    """Writes one picture, or a sequence of them."""
    try:
        size = plan.size_from_text(arguments.size, arguments.view)
        pace = _pace(arguments)
        _check_format(arguments.format, arguments.output, is_sequence=pace is not None)
    except ValueError as wrong:
        print(f"scope-gui export: {one_line(str(wrong))}.", file=sys.stderr)
        return 2
    reuse_memory()  # a picture is made of some 50 tables, one after the other
    with Session.open(arguments.session) as session:
        span_ns = _span(arguments, session)
        times = plan.moments(span_ns, pace) if pace is not None else (_moment(arguments.at, session, span_ns),)
        fps = pace.fps if pace is not None else None
        order = plan.Order(view=arguments.view, size=size, output=arguments.output, times=times, fps=fps)
        plan.check_order(order, force=arguments.force)
        source, frames = Source(session), FrameReader(session)
        return _write(order, session, source, frames, _state(arguments, session, source.names, frames, times[0]))


def _write(order: plan.Order, session: Session, source: Source, frames: FrameReader, assigns: Assigns) -> int:
    """Builds the views and writes what they look like at each moment; what they read has begun before Qt is loaded."""
    rows = registry.VIEWS if order.view == plan.WINDOW else (registry.view_named(order.view),)
    begun = [named(row.ahead)(source, assigns) for row in rows if row.ahead]
    try:
        return _painted(order, session, source, frames, assigns)
    finally:
        for end in begun:
            end()


def _painted(order: plan.Order, session: Session, source: Source, frames: FrameReader, assigns: Assigns) -> int:
    from scope_gui.pictures.offscreen import Offscreen, headless_application  # noqa: PLC0415 - Qt is loaded only now
    from scope_gui.pictures.picture_files import album, save_png  # noqa: PLC0415

    app, done, told, count = headless_application(), 0, "", len(order.times)
    with _Interrupts() as interrupts:
        views = Offscreen(order.view, source, assigns, order.size, make_desk=_main_window)
        try:
            with interrupts.held():
                pages = None if order.fps is None else album(order.output, count, order.fps)
            for time_ns in order.times:
                with interrupts.held():
                    views.show(frames.at(time_ns))
                views.load()
                if (damage := damage_sentence(session)) != told:
                    told = damage
                    print(f"scope-gui: {one_line(damage)}", file=sys.stderr)
                    views.do(Tell(notice=Notice(damage, serious=True)))
                    views.load()
                views.show_picked()
                with interrupts.held():
                    if plan.is_vectors(order.output):
                        _save_vectors(views.vectors(), order.output)
                    elif pages is None:
                        save_png(views.picture(), order.output)
                    else:
                        pages.add(views.picture())
                        _say_progress(done + 1, count)
                    done += 1
            if pages is not None:
                with interrupts.held(pages.give_up):
                    pages.finish()
        except KeyboardInterrupt:
            kept = done and not plan.is_film(order.output)
            told = f"{done} of {count} pictures are in {order.output}" if kept else "nothing was written"
            print(f"scope-gui: interrupted; {one_line(told)}", file=sys.stderr)
            return 1
        finally:
            views.close()
            del app
    return 0


def _save_vectors(vectors: Vectors, output: Path) -> None:
    vectors.save(output)
    if vectors.said:
        print(f"scope-gui: {vectors.said}", file=sys.stderr)


def _check_format(asked: str | None, output: Path, *, is_sequence: bool) -> None:
    """Raises: ValueError with a sentence, for a format that the name or the sequence contradicts."""
    if asked is not None and is_sequence:
        raise ValueError(f"--format {asked} is of a single picture; a sequence is a folder of PNGs, or a GIF")
    if asked is not None and output.suffix.lower() != plan.FORMATS[asked]:
        raise ValueError(
            f"--format {asked} wants a name that ends in {plan.FORMATS[asked]}, and there is {output.name}"
        )


def _main_window(store: Store, source: Source) -> Desk:
    return cast("Desk", named("scope_gui.window.window:MainWindow")(store, source))


def _state(arguments: argparse.Namespace, session: Session, names: Names, frames: FrameReader, at_ns: int) -> Assigns:
    """The state of a window in which somebody has done what the flags say."""
    told = [bookmark_of(note) for note in shown_notes(session)]
    opened = session_opened(session, names, KEY, at_ns=at_ns, bookmarks=told)
    unsought = FindingsKnown(key=KEY, findings=())  # the detectors take longer than the picture
    events: list[Event] = [SetTheme(theme=arguments.theme), opened, unsought]
    if arguments.mark is not None:
        mark_ns = time_ns_from_text(arguments.mark, session.start_ns, session.end_ns)
        events += [SeekTo(time_ns=mark_ns), Mark(), SeekTo(time_ns=at_ns)]
        events.append(MarkedFrameReady(key=KEY, time_ns=mark_ns, frame=frames.at(mark_ns)))
    events += [SetMeasure(measure=arguments.measure), SetHeat(heat_by=arguments.heat)]
    events += [Show(range_ns=_span(arguments, session)), *([ToggleSource()] if arguments.source else [])]
    if arguments.track is not None:
        if arguments.track not in names.tracks:
            raise no_track(session, arguments.track)
        events.append(Select(selection=Selection("track", arguments.track, arguments.track)))
    assigns = Assigns()
    for event in [*events, FrameReady(key=KEY, time_ns=at_ns, frame=frames.at(at_ns))]:
        assigns = handle_event(assigns, event)
    return assigns


def _pace(arguments: argparse.Namespace) -> plan.Pace | None:
    """How the sequence goes; None for one picture.

    Raises: ValueError with a sentence, for flags that do not go together.
    """
    paced = [f"--{name}" for name in ("fps", "speed", "frames", "force") if getattr(arguments, name)]
    if arguments.at is not None:
        if paced:
            raise ValueError(f"--at asks for one picture, {paced[0]} belongs to a sequence (--from, --to)")
        return None
    if arguments.from_time is None and arguments.to_time is None:
        raise ValueError("say which moment, --at TIME, or which stretch, --from TIME --to TIME")
    if arguments.fps is None and arguments.frames is None:
        raise ValueError("say how many pictures a sequence has: --fps N, with --speed X if need be, or --frames N")
    if arguments.speed is not None and arguments.frames is not None:
        raise ValueError("--frames says how many pictures there are, and so does --speed; take one of them")
    return plan.Pace(fps=arguments.fps or plan.DEFAULT_FPS, speed=arguments.speed or 1.0, pictures=arguments.frames)


def _span(arguments: argparse.Namespace, session: Session) -> tuple[int, int]:
    """What the timeline shows."""
    start_ns, end_ns = session.start_ns, session.end_ns
    from_ns = time_ns_from_text(arguments.from_time or "start", start_ns, end_ns)
    to_ns = time_ns_from_text(arguments.to_time or "end", start_ns, end_ns)
    if from_ns > to_ns:
        raise SessionProblem(f"--from {arguments.from_time} is after --to {arguments.to_time or 'end'}.")
    return from_ns, to_ns


def _moment(text: str, session: Session, span_ns: tuple[int, int]) -> int:
    time_ns = time_ns_from_text(text, session.start_ns, session.end_ns)
    if not span_ns[0] <= time_ns <= span_ns[1]:
        span = f"{text_from_ns(span_ns[0])} to {text_from_ns(span_ns[1])}"
        raise SessionProblem(f"The time {text} is outside what the timeline is to show, {span}.")
    return time_ns


def _say_progress(done: int, count: int) -> None:
    """On a terminal one line that changes, else a line for each tenth."""
    if sys.stderr.isatty():
        command_terminal(sys.stderr, "\r")
        print(f"{done} of {count} pictures", end="\n" if done == count else "", file=sys.stderr, flush=True)
    elif done == count or done * 10 // count > (done - 1) * 10 // count:
        print(f"{done} of {count} pictures", file=sys.stderr, flush=True)


class _Interrupts:
    """Ctrl+C, kept waiting while Qt calls our painting code, through which no exception passes, and while a file is
    being written, which is to be whole.
    """

    def __init__(self) -> None:
        self._held = self._asked = False
        self._hurry: Callable[[], None] | None = None

    def __enter__(self) -> _Interrupts:
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def held(self, hurry: Callable[[], None] | None = None) -> Iterator[None]:
        """Within this no KeyboardInterrupt comes; at its end, if one was asked for. `hurry` is called to get there."""
        self._held, self._hurry = True, hurry
        try:
            yield
        finally:
            self._held = False
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._held:
            raise KeyboardInterrupt
        self._asked = True
        if self._hurry is not None:
            self._hurry()
