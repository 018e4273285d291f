"""The lines of a call tree as far as it is opened. No Qt.

At first it is open along what took longest of what has callees, down to where no callee took half of its caller's time.

    ▾ <module>                1.2 s
      ▾ main                  1.2 s
        ▸ Shop.order          610 ms
          report              90 ms
"""

from __future__ import annotations

from collections.abc import Iterator, Set

import numpy as np

from capture.events.batch import Int64
from dags.analyses.call_tree import CallTree
from views.inspector.figures import Path, TreeRow
from views.reading.source import Names

MOST_LINES = 400
MOST_CALLEES = 40
FIRST_LEVELS = 12


def tree_lines(tree: CallTree, toggled: Set[Path], names: Names) -> tuple[tuple[TreeRow, ...], int]:
    """(the lines from the top down, how many more there would be). `toggled`: those that are not as at first."""
    at_first = _open_at_first(tree)
    rows, left_out = list[TreeRow](), 0
    waiting = [(0, node, _root_path(tree, node)) for node in tree.roots()[::-1].tolist()]
    while waiting:  # as many as are opened
        level, node, path = waiting.pop()
        if len(rows) == MOST_LINES:
            left_out += 1
            continue
        below = tree.children(node)
        is_open = bool(len(below)) and (node in at_first) != (path in toggled)
        rows.append(_line(tree, names, (level, node, path), below, is_open=is_open))
        if is_open:
            shown = below[:MOST_CALLEES][::-1].tolist()
            waiting += [(level + 1, child, (*path, int(tree.site_id[child]))) for child in shown]
    return tuple(rows), left_out


def _root_path(tree: CallTree, node: int) -> Path:
    return int(tree.track_id[node]), int(tree.site_id[node])


def _line(tree: CallTree, names: Names, at: tuple[int, int, Path], below: Int64, *, is_open: bool) -> TreeRow:
    level, node, path = at
    site_id, track_id = int(tree.site_id[node]), int(tree.track_id[node])
    return TreeRow(
        path=path,
        level=level,
        site_id=site_id,
        name=names.site(site_id),
        thread=names.track(track_id) if track_id and not level else "",
        calls=int(tree.calls[node]),
        total_ns=int(tree.total_ns[node]),
        own_ns=int(tree.own_ns[node]),
        errors=int(tree.errors[node]),
        has_more=bool(len(below)),
        is_open=is_open,
        left_out=max(0, len(below) - MOST_CALLEES) if is_open else 0,
    )


def _open_at_first(tree: CallTree) -> frozenset[int]:
    return frozenset(_along_the_longest(tree))


def _along_the_longest(tree: CallTree) -> Iterator[int]:
    nodes = np.array([root for root in tree.roots()[:MOST_LINES] if len(tree.children(root))], np.int64)
    for _ in range(FIRST_LEVELS):
        if not len(nodes):
            return
        node = int(nodes[0])
        nodes = tree.children(node)
        if len(nodes):
            yield node
        if not len(nodes) or tree.total_ns[nodes[0]] * 2 < tree.total_ns[node]:
            return
