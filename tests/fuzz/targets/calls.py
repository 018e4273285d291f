"""A summary of calls with the right checksum that says anything: read, and all that is asked of it asked."""

from __future__ import annotations

from random import Random

from dags.analyses.call_finder import next_call, slowest_calls
from dags.analyses.call_summary import rebuilt_summary
from dags.analyses.call_tree import call_tree
from dags.analyses.function_statistics import ORDERS, function_statistics
from tests.fuzz.cached import opened_with_cache, sound_cache
from tests.fuzz.mutation import msgpack_node
from tests.fuzz.verdict import Wrong


def seeds() -> dict[str, bytes]:
    return {"small": sound_cache(rebuilt_summary)}


def mutated(data: bytes, dice: Random) -> bytes:
    return msgpack_node(data, dice)


def read(data: bytes) -> None:
    with opened_with_cache("calls_name", data) as session:
        for range_ns in (None, (session.start_ns, (session.start_ns + session.end_ns) // 2)):
            found = function_statistics(session, range_ns)
            for by in ORDERS:
                if len(found.ranked(by)) > len(found):
                    raise Wrong("more functions are ranked than there are")
            for row in range(len(found)):
                found.median_ns(row)
                found.distribution(row)
            tree = call_tree(session, range_ns, by_track=True)
            if len(list(tree.walk())) > len(tree):
                raise Wrong("a node of the tree is shown twice")
            slowest_calls(session, None, 5, range_ns)
        next_call(session, 2, session.start_ns)
