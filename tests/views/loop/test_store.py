"""The Store: folded once per frame, patched only where it is read, never in a circle."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Set

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QTimer, Signal

from capture.errors import ScopeBug
from dags.frame_parts import Frame
from tests.views.windows import KEY, frame, opened
from views.loop import events as e
from views.loop.state import Assigns
from views.loop.store import FRAME_MS, Pulse, Store
from views.loop.view_states import all_fields, changed_fields


class Recording:
    """A view that writes down what it is patched for, and the frames that it was shown."""

    def __init__(self, *reads: str, then: Callable[[], None] = lambda: None) -> None:
        self.reads = frozenset(reads)
        self.patches: list[frozenset[str]] = []
        self.seen: list[int] = []
        self.frames: list[Frame | None] = []
        self._then = then

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        self.patches.append(frozenset(changed))
        self.seen.append(assigns.cursor_ns)
        self.frames.append(assigns.frame)
        self._then()


def test_a_view_is_patched_in_full_once_and_then_only_for_what_it_reads() -> None:
    store, view = Store(opened()), Recording("cursor_ns")
    store.add(view)
    assert view.patches == [all_fields()]
    store.send(e.SetTheme(theme="light"))
    store.fold()
    assert len(view.patches) == 1
    store.send(e.SeekTo(time_ns=40))
    store.fold()
    assert view.patches[1:] == [{"cursor_ns"}]


def test_many_events_are_one_patch() -> None:
    store, view = Store(opened()), Recording("cursor_ns")
    store.add(view)
    for time_ns in range(100):
        store.send(e.SeekTo(time_ns=time_ns))
    store.fold()
    assert view.seen == [0, 99]


def test_there_and_back_again_is_no_change() -> None:
    store, view = Store(opened()), Recording("cursor_ns")
    store.add(view)
    store.send(e.SeekTo(time_ns=5))
    store.send(e.SeekTo(time_ns=0))
    store.fold()
    assert len(view.patches) == 1


def test_an_equal_frame_is_no_change() -> None:
    store = Store(opened())
    store.send(e.FrameReady(key=KEY, time_ns=3, frame=frame(3)))
    assert "frame" in store.fold()
    store.send(e.FrameReady(key=KEY, time_ns=3, frame=frame(3)))
    assert not store.fold()


def test_a_hidden_view_is_patched_once_it_is_seen_with_all_it_missed() -> None:
    store, view = Store(opened()), Recording("cursor_ns", "theme")
    shown: list[bool] = []
    store.add(view, lambda: bool(shown))
    store.send(e.SeekTo(time_ns=5))
    store.fold()
    assert view.patches == []
    shown.append(True)
    store.fold()
    assert view.patches == [all_fields()]
    assert view.seen == [5]


def test_a_view_that_answers_a_patch_with_an_event_is_a_bug() -> None:
    store = Store(opened())
    with pytest.raises(ScopeBug, match="SeekTo"):
        store.add(Recording("cursor_ns", then=lambda: store.send(e.SeekTo(time_ns=1))))


def test_one_broken_view_does_not_blind_the_others() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    store, sound = Store(opened()), Recording("cursor_ns")
    with pytest.raises(ZeroDivisionError):
        store.add(Recording("cursor_ns", then=fail))
    store.add(sound)
    store.send(e.SeekTo(time_ns=8))
    with pytest.raises(ZeroDivisionError):
        store.fold()
    assert sound.seen == [0, 8]


def test_effects_see_each_event_with_the_state_before_and_after_it() -> None:
    store, told = Store(opened()), []
    store.effects.append(lambda event, before, after: told.append((type(event), before.cursor_ns, after.cursor_ns)))
    store.send(e.SeekTo(time_ns=5))
    store.send(e.Follow())
    store.fold()
    assert told == [(e.SeekTo, 0, 5), (e.Follow, 5, 1_000_000)]


def test_what_an_effect_sends_is_folded_in_the_next_frame() -> None:
    store = Store(opened())

    def answer(event: e.Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, e.SetTheme):
            store.send(e.Busy(what="looking"))

    store.effects.append(answer)
    store.send(e.SetTheme(theme="light"))
    assert store.fold() == {"settings", "theme"}
    assert store.fold() == {"busy"}


def test_a_frame_that_comes_at_once_is_patched_together_with_its_cursor() -> None:
    store, view = Store(opened()), Recording("cursor_ns", "frame")
    store.add(view)
    answering: list[threading.Thread] = []

    def answer(event: e.Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, e.SeekTo):
            ready = e.FrameReady(key=KEY, time_ns=event.time_ns, frame=frame(event.time_ns))
            answering.append(threading.Thread(target=store.send, args=(ready,)))
            answering[-1].start()

    store.effects.append(answer)
    store.send(e.SeekTo(time_ns=5))
    store.fold()
    answering[0].join()
    store.fold()
    assert view.patches[1:] in ([{"cursor_ns", "frame"}], [{"cursor_ns"}, {"frame"}])
    assert store.assigns.frame_wanted_ns is None


def test_a_frame_that_does_not_come_holds_nobody_up() -> None:
    store, view = Store(opened()), Recording("cursor_ns", "frame")
    store.add(view)
    store.send(e.SeekTo(time_ns=5))
    store.fold()
    assert view.patches[1:] == [{"cursor_ns"}]


class Parts:
    """A Store with a view that shows states and can be hidden, and one that shows tracks; what it was asked for."""

    def __init__(self) -> None:
        self.store, self.asked = Store(opened()), list[frozenset[str] | None]()
        self.states, self.tracks = Recording("frame"), Recording("frame")
        self.is_shown = False
        self.store.add(self.states, lambda: self.is_shown, frozenset({"states"}))
        self.store.add(self.tracks, parts=frozenset({"tracks"}))
        self.store.effects.append(self._told)
        self.store.send(e.FrameReady(key=KEY, time_ns=0, frame=self.frame("tracks")))
        self.store.fold()

    def frame(self, *parts: str) -> Frame:
        return replace(frame(0), left_out=sorted({"states", "tracks", "metrics"} - set(parts)))

    def _told(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, e.ShowParts):
            self.asked.append(after.frame_parts if after.frame_wanted_ns is not None else None)


def test_only_parts_in_sight_are_asked_for_and_another_as_soon_as_it_comes_into_sight() -> None:
    desk = Parts()
    assert desk.store.assigns.frame_parts == frozenset({"tracks"})
    desk.is_shown = True
    desk.store.fold()
    assert desk.store.assigns.frame_parts == frozenset({"tracks", "states"})
    assert desk.store.assigns.frame_wanted_ns == 0
    desk.is_shown = False
    desk.store.fold()
    assert desk.store.assigns.frame_parts == frozenset({"tracks"})
    assert desk.asked == [None, {"tracks", "states"}, {"tracks"}]


def test_a_view_that_comes_into_sight_is_patched_with_the_frame_that_has_its_parts() -> None:
    desk = Parts()
    desk.is_shown = True
    desk.store.fold()
    desk.store.send(e.FrameReady(key=KEY, time_ns=0, frame=desk.frame("tracks")))  # it was on its way before
    desk.store.fold()
    assert desk.states.frames == []
    desk.store.send(e.FrameReady(key=KEY, time_ns=0, frame=desk.frame("tracks", "states")))
    desk.store.fold()
    assert desk.states.frames == [desk.frame("tracks", "states")]
    assert desk.tracks.frames[-1] == desk.states.frames[-1]


def test_a_view_whose_parts_cannot_be_made_is_shown_no_frame() -> None:
    desk = Parts()
    desk.is_shown = True
    desk.store.fold()
    desk.store.send(e.FrameFailed(key=KEY, time_ns=0))
    desk.store.fold()
    assert desk.states.frames == [None]
    assert desk.tracks.frames[-1] is not None


def test_a_view_that_comes_into_sight_by_the_patch_of_another_one_waits_for_the_next_fold() -> None:
    desk, woken = Parts(), list[int]()

    def show() -> None:
        desk.is_shown = True

    desk.store.wake = lambda: woken.append(1)
    desk.store._shown.insert(0, desk.store._shown.pop())
    desk.tracks._then = show
    desk.store.send(e.FrameReady(key=KEY, time_ns=0, frame=replace(desk.frame("tracks"), event_id=1)))
    woken.clear()
    desk.store.fold()
    assert (desk.states.frames, woken) == ([], [1])
    desk.store.fold()
    assert desk.asked[-1] == frozenset({"tracks", "states"})


def test_a_step_that_is_found_at_once_is_patched_together_with_its_frame() -> None:
    store, view = Store(opened()), Recording("cursor_ns", "frame")
    store.add(view)

    def answer(event: e.Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, e.Step):
            store.send(e.Stepped(key=KEY, from_ns=0, time_ns=7))
        elif isinstance(event, e.Stepped):
            store.send(e.FrameReady(key=KEY, time_ns=7, frame=frame(7)))

    store.effects.append(answer)
    store.send(e.Step(count=1))
    store.fold()
    assert view.patches[1:] == [{"cursor_ns", "frame"}]


@pytest.mark.alone
def test_an_answer_does_not_wait_for_a_display_frame_in_which_nothing_was_painted(qapp: QCoreApplication) -> None:
    store, view = Store(opened()), Recording("cursor_ns")
    store.add(view)
    pulse, loop = Pulse(store), QEventLoop()
    folded_s: list[float] = []

    def answer(event: e.Event, before: Assigns, after: Assigns) -> None:
        folded_s.append(time.monotonic())
        if len(folded_s) < 60:
            QTimer.singleShot(0, lambda: store.send(e.Busy(what=str(len(folded_s)))))
        else:
            loop.quit()

    store.effects.append(answer)
    store.send(e.Busy(what="begun"))
    loop.exec()
    pulse.stop()
    shortest_s = min(later - earlier for earlier, later in itertools.pairwise(folded_s))
    assert shortest_s < FRAME_MS / 1000 / 2
    assert len(view.patches) == 1


def test_no_event_is_lost_when_many_threads_send_at_once() -> None:
    store = Store(opened())

    def send_many() -> None:
        for _ in range(1_000):
            store.send(e.ToggleFold(track_id=threading.get_ident()))
            store.send(e.SetSpeed(speed=2.0))

    counted: list[e.Event] = []
    store.effects.append(lambda event, before, after: counted.append(event))
    threads = [threading.Thread(target=send_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        store.fold()
    store.fold()
    assert len(counted) == 8_000
    assert store.assigns.folded == frozenset()


def test_changed_fields_are_those_that_differ() -> None:
    assert changed_fields(Assigns(), Assigns()) == frozenset()
    assert changed_fields(Assigns(), Assigns(cursor_ns=1, busy="x")) == {"cursor_ns", "busy"}


def test_a_pulse_folds_what_another_thread_sends_and_ticks_while_playing(qapp: QCoreApplication) -> None:
    store = Store(opened())
    pulse = Pulse(store)
    ticks: list[int] = []
    loop = QEventLoop()

    def count(event: e.Event, before: Assigns, after: Assigns) -> None:
        if isinstance(event, e.Tick):
            ticks.append(event.elapsed_ns)
            if len(ticks) == 5:
                store.send(e.Play(on=False))
                QTimer.singleShot(60, loop.quit)

    store.effects.append(count)
    store.send(e.SetSpeed(speed=0.001))
    sender = threading.Thread(target=store.send, args=(e.Play(on=True),))
    sender.start()
    loop.exec()
    sender.join()
    pulse.stop()
    assert len(ticks) in {5, 6}
    assert min(ticks) >= 14_000_000
    assert store.assigns.cursor_ns == sum(int(tick * 0.001) for tick in ticks[:5])


class Signalling(QObject):
    """Emits what loses references on a Qt that does not fit this Python."""

    said = Signal(object)


def test_five_thousand_signals_do_not_end_the_process(qapp: QCoreApplication) -> None:
    heard: list[object] = []
    speaker = Signalling()
    speaker.said.connect(heard.append)
    for at in range(5_000):
        speaker.setObjectName(str(at))
        speaker.said.emit((None, True, False)[at % 3])
    assert len(heard) == 5_000
