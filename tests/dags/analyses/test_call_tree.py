"""Who called whom in a stretch: as a slow reading of all calls says, and as cProfile's callers say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses import call_forest, call_tree
from dags.analyses.call_tree import CallTree
from dags.analyses.function_statistics import function_statistics
from tests.dags.analyses.test_function_statistics import PROGRAM, any_session, rows_of, sealed
from tests.scope_command import run_recorded
from tests.sessions import build_session
from tests.streams import Event, streams

Path_ = tuple[int, ...]


def slowly(
    rows: list[dict[str, Any]], start_ns: int, end_ns: int, tracks: set[int] | None, *, by_track: bool
) -> dict[Path_, list[int]]:
    """[calls, cut, errors, total, own] by path; a path begins with its track, 0 where that makes no difference."""
    found: dict[Path_, list[int]] = {}
    for row in rows:
        ended_ns = 1 << 62 if row["end_ns"] is None else row["end_ns"]
        if (tracks is not None and row["track_id"] not in tracks) or row["start_ns"] > end_ns:
            continue
        if ended_ns <= start_ns and row["start_ns"] < start_ns:
            continue
        chain = [row, *row["callers"]][::-1]
        path = (row["track_id"] if by_track else 0, *(call["site_id"] or 0 for call in chain))
        inside = min(ended_ns, end_ns) - max(row["start_ns"], start_ns)
        told = found.setdefault(path, [0, 0, 0, 0, 0])
        told[0] += 1
        told[1] += row["start_ns"] < start_ns or ended_ns > end_ns
        told[2] += row["outcome"] == "raise" and ended_ns <= end_ns
        told[3] += inside
        told[4] += inside
        if row["callers"]:
            found.setdefault(path[:-1], [0, 0, 0, 0, 0])[4] -= inside
    return found


def by_path(tree: CallTree) -> dict[Path_, list[int]]:
    paths: list[Path_] = []
    found = {}
    for node in range(len(tree)):
        parent = int(tree.parent[node])
        assert parent < node
        above = paths[parent] if parent >= 0 else (int(tree.track_id[node]),)
        paths.append((*above, int(tree.site_id[node])))
        figures = (tree.calls, tree.cut, tree.errors, tree.total_ns, tree.own_ns)
        found[paths[-1]] = [int(column[node]) for column in figures]
    assert len(found) == len(tree)
    return found


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_any_stretch_of_any_session_is_the_tree_of_its_calls(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        rows = rows_of(session)
        for _ in range(4):
            start_ns, end_ns = sorted(data.draw(st.sampled_from(times)) for _ in range(2))
            tracks, by_track = data.draw(st.sampled_from([None, {1}, {2, 3}])), data.draw(st.booleans())
            tree = call_tree.call_tree(session, (start_ns, end_ns), track_ids=tracks, by_track=by_track)
            said = {path: told for path, told in by_path(tree).items() if any(told)}
            expected = slowly(rows, start_ns, end_ns, tracks, by_track=by_track)
            assert said == {path: told for path, told in expected.items() if any(told)}


def test_the_nodes_of_a_function_add_up_to_its_statistics(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=5).path
    with Session.open(path) as session:
        range_ns = (session.start_ns + 200_000, session.end_ns - 90_000)
        found, tree = function_statistics(session, range_ns), call_tree.call_tree(session, range_ns)
    for row, site in enumerate(found.site_id.tolist()):
        nodes = tree.site_id == site
        assert tree.calls[nodes].sum() == found.calls[row]
        assert tree.own_ns[nodes].sum() == found.own_ns[row]
        assert tree.errors[nodes].sum() == found.errors[row]
    walked = list(tree.walk())
    assert sorted(node for _, node in walked) == list(range(len(tree)))
    assert [node for level, node in walked if not level] == tree.roots().tolist()
    inner = next(node for _, node in walked if len(tree.children(node)) > 1)
    at = [node for _, node in walked].index(inner)
    assert walked[at + 1][1] == tree.children(inner)[0]
    least_ns = int(tree.total_ns[inner])
    assert {node for _, node in tree.walk(least_ns)} == set(range(len(tree))) - {
        node for node in range(len(tree)) if tree.total_ns[node] < least_ns
    }


def test_a_recursion_deeper_than_is_told_apart_loses_no_time(tmp_path: Path) -> None:
    deep = 40
    events = [Event(10 * n, Kind.CALL, 1, 1 + n % 2) for n in range(deep)]
    events += [Event(10 * (deep + n), Kind.RETURN, 1, 1 + (deep - 1 - n) % 2) for n in range(deep)]
    with Session.open(sealed(tmp_path / "s.scope", events, [25, 50], finish=True)) as session:
        whole = call_tree.call_tree(session)
        assert len(whole) == deep
        assert not whole.folded.any()
    with mock.patch.object(call_forest, "MAX_LEVELS", 7), Session.open(tmp_path / "s.scope") as session:
        folded = call_tree.call_tree(session)
        assert len(folded) == 7
        assert folded.folded.tolist() == [False] * 6 + [True]
        assert folded.own_ns.sum() == whole.own_ns.sum() == whole.total_ns[0]
    with mock.patch.object(call_tree, "MAX_TREE_NODES", 5), Session.open(tmp_path / "s.scope") as session:
        full = call_tree.call_tree(session)
        assert (len(full), full.folded.tolist()) == (5, [False] * 4 + [True])
        assert full.own_ns.sum() == whole.total_ns[0]


def test_a_real_program_calls_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    run_recorded(tmp_path / "s.scope", [sys.executable, tmp_path / "program.py"])
    with Session.open(tmp_path / "s.scope") as session:
        names = {row.site_id: row.function for row in session.sites()}
        tree = call_tree.call_tree(session)
    chains = {tuple(names[site] for site in path[1:]): told[0] for path, told in by_path(tree).items()}
    assert chains[("<module>", "main")] == 1
    assert chains[("<module>", "main", "Shop.order")] == 300
    assert chains[("<module>", "main", "Shop.order", "numbers")] == sum(n + 1 for n in range(300) if n % 7)
    assert [chains[("<module>", "main", *("fib",) * level)] for level in (1, 2, 12)] == [1, 2, 2]
    assert chains[("<module>", "main", "even", "odd", "even")] == 1
