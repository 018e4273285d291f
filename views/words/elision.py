"""Names that are alike, cut where they are alike: what tells them apart is seen as long as there is room. No Qt.

ThreadPoolExecutor-0_3        Thread…-0_3
ThreadPoolExecutor-0_12  ->   Thread…-0_12
ThreadPoolExecutor-1_3        Thread…-1_3
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Part = tuple[int, int]


def telling_parts(names: Iterable[str]) -> dict[str, Part]:
    """Of each name where it differs from those that are most like it: from what it begins with as they do, and from the
    first figure of a number, up to what it ends with as they do.

    >>> telling_parts(["worker-12-io", "worker-13-io", "main"])
    {'main': (0, 4), 'worker-12-io': (7, 9), 'worker-13-io': (7, 9)}
    """
    order = sorted(set(names))
    found = {}
    for at, name in enumerate(order):
        near = order[max(at - 1, 0) : at] + order[at + 1 : at + 2]
        start = max((_alike(name, other) for other in near), default=0)
        alike = [other for other in near if _alike(name, other) == start] if start else []
        tail = min((_alike(name[start:][::-1], other[start:][::-1]) for other in alike), default=0)
        start = max(min(start, len(name) - 1), 0)  # it may be what another one begins with
        while start and name[start - 1].isdigit():
            start -= 1
        found[name] = (start, max(len(name) - tail, start + 1))
    return found


def cut_where_alike(name: str, part: Part, fits: Callable[[str], bool]) -> str:
    """The name, without as much of what is alike as is too much, from its middle on; the part goes last.

    >>> cut_where_alike("ThreadPoolExecutor-0_12", (19, 23), lambda text: len(text) <= 12)
    'ThreadP…0_12'
    """
    if fits(name):
        return name
    head, told, tail = name[: part[0]], name[part[0] : part[1]], name[part[1] :]
    before, behind = len(head), len(tail)
    while before or behind:
        before, behind = (before - 1, behind) if before >= behind else (before, behind - 1)
        left = head if before == len(head) else f"{head[:before]}…"
        right = tail if behind == len(tail) else f"…{tail[len(tail) - behind :]}"
        if fits(left + told + right):
            return left + told + right
    left, right = "…" if head else "", "…"
    shorter = (left + told[:end] + right for end in range(len(told) - 1, 0, -1))
    return next((text for text in shorter if fits(text)), "…")


def _alike(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
