"""The busiest lanes are those with the most events in what is visible; they are so until one asks again."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from tests.scope_gui.window.test_effects import Desk
from tests.sessions import Truth
from views.loop import events as e
from views.loop.choosing_lanes import RankLanes
from views.loop.state import Assigns


def is_told(assigns: Assigns) -> bool:
    return assigns.notice is not None


def threads(assigns: Assigns) -> list[int]:
    return [lane.track_id for lane in assigns.lanes if not lane.is_head]


def test_lanes_are_sorted_by_their_events_in_what_is_visible_and_again_as_recorded(desk: Desk, truth: Truth) -> None:
    before = threads(desk.store.assigns)
    events, (start_ns, end_ns) = truth.events, desk.store.assigns.range_ns
    counted = Counter(events.track_id.tolist())
    ranked = desk.do(RankLanes(), until=is_told)
    assert ranked.lane_choice.ranked
    assert threads(ranked) == sorted(before, key=lambda track_id: (-counted[track_id], track_id))
    again = desk.do(e.Tell(notice=None), RankLanes(), until=is_told)
    assert (threads(again), again.lane_choice.ranked) == (before, ())

    third_ns = (start_ns, start_ns + (end_ns - start_ns) // 3)
    seen = events.track_id[(events.time_ns >= third_ns[0]) & (events.time_ns <= third_ns[1])]
    here = Counter(np.asarray(seen).tolist())
    ranked = desk.do(e.Tell(notice=None), e.Show(range_ns=third_ns), RankLanes(), until=is_told)
    counts = [here[track_id] for track_id in threads(ranked)]
    few = max(len(seen) // 64, 3)  # a bin at the end of what is visible counts as a whole
    assert all(one >= other - few for one, other in pairwise(counts))
