"""A tree that is as good as a list: every walk through it is as deep as the tree, three thousand calls at most."""

from __future__ import annotations

import sys
import time

DEEPEST, WALKS = 3_000, 12


class Node:
    def __init__(self, below: Node | None) -> None:
        self.below = below

    def depth(self) -> int:
        if self.below is None:
            return self.rest()
        return 1 + self.below.depth()

    def rest(self) -> int:
        time.sleep(0.05)
        return 1


def grown(depth: int) -> Node:
    node = Node(None)
    for _ in range(depth - 1):
        node = Node(node)
    return node


def main() -> None:
    sys.setrecursionlimit(DEEPEST + 1_000)
    for walk in range(WALKS):
        grown(DEEPEST * (1 + walk % 4) // 4).depth()
        time.sleep(0.03)


if __name__ == "__main__":
    main()
