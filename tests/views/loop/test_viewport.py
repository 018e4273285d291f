"""The visible stretch under every zoom and pan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from views.loop.viewport import MIN_VISIBLE_NS, fitted, panned, showing, zoomed

ENDS = st.integers(0, 10**15)
SPANS = st.tuples(ENDS, ENDS).map(lambda ends: (min(ends), max(ends) + MIN_VISIBLE_NS))


@given(SPANS, SPANS, st.floats(1e-6, 1e6), st.floats(-5, 5), st.integers(-(10**15), 10**16))
def test_whatever_is_done_the_stretch_lies_within_the_recording_and_is_not_empty(
    recorded: tuple[int, int], wanted: tuple[int, int], factor: float, share: float, around_ns: int
) -> None:
    visible = fitted(wanted, recorded)
    inside_ns = min(max(around_ns, recorded[0]), recorded[1])
    for span in (
        visible,
        zoomed(visible, recorded, factor, around_ns),
        panned(visible, recorded, share),
        showing(inside_ns, visible, recorded),
    ):
        assert recorded[0] <= span[0] < span[1] <= recorded[1]
        assert span[1] - span[0] >= MIN_VISIBLE_NS
    assert showing(inside_ns, visible, recorded)[0] <= inside_ns <= showing(inside_ns, visible, recorded)[1]


def test_an_empty_recording_is_shown_as_it_is() -> None:
    assert zoomed((5, 5), (5, 5), 0.5, 5) == (5, 5)
    assert panned((5, 5), (5, 5), 1.0) == (5, 5)


def test_zooming_in_and_out_around_an_instant_keeps_it_in_place() -> None:
    near = zoomed((0, 1_000_000), (0, 1_000_000), 0.1, 300_000)
    assert near == (270_000, 370_000)
    assert zoomed(near, (0, 1_000_000), 10.0, 300_000) == (0, 1_000_000)
