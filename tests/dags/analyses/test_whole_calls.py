"""`dags.analyses.whole_calls` says the same as the statistics, which also say whose time it was."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dags.analyses.function_statistics import function_statistics
from dags.analyses.whole_calls import Longest, longest_of_each, medians_ns
from tests.dags.analyses.test_function_statistics import any_session
from tests.streams import Event, streams


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_any_stretch_says_what_the_statistics_say(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, instants):
        start_ns, end_ns = sorted(data.draw(st.tuples(*[st.sampled_from(instants)] * 2)))
        told = function_statistics(session, (start_ns, end_ns))
        rows = {int(site): row for row, site in enumerate(told.site_id) if told.calls[row] > told.cut[row]}
        expected = {
            site: Longest(int(told.calls[row] - told.cut[row]), int(told.longest_whole_ns[row]))
            for site, row in rows.items()
        }
        assert longest_of_each(session, (start_ns, end_ns)) == expected
        medians = {site: told.median_ns(row) for site, row in rows.items()}
        assert medians_ns(session, (start_ns, end_ns), [*rows, 1 << 20]) == medians
