"""The arguments of a call, read from the text of its event: a name and a value each.

The text is what `capture.decode` makes of a target's words, `x=1, name='a, b=2', *args=(1, 2)`: values as Python shows
them, texts in quotes with backslashes, what holds others in brackets, objects as `<module.Type at 0x7f>`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from dags.frame_parts import FrameArgument

MOST_READ = 8_192  # characters of a text; targets send 1 000 bytes
KEPT = 1 << 14
_NAME = r"\*{0,2}[^\W\d]\w*="
_TOKEN = re.compile(rf"'(?:[^'\\]|\\.)*'?|[(\[{{<]|[)\]}}>]|, (?={_NAME}|…\Z)", re.DOTALL)
_NAMED = re.compile(rf"({_NAME[:-1]})=", re.DOTALL)


@lru_cache(KEPT)
def arguments_of_text(text: str) -> tuple[FrameArgument, ...]:
    """Each argument in order; what has no name, such as a last `…` for those that are left out, has an empty one.

    >>> [(one.name, one.value) for one in arguments_of_text("x=1, name='a, b=2', *rest=(1, [2]), …")]
    [('x', '1'), ('name', "'a, b=2'"), ('*rest', '(1, [2])'), ('', '…')]
    """
    if len(text) > MOST_READ:
        text = text[:MOST_READ] + "…"
    pieces, begin, depth = list[str](), 0, 0
    for token in _TOKEN.finditer(text):
        said = token[0]
        if said in "([{<":
            depth += 1
        elif said in ")]}>":
            depth = max(0, depth - 1)
        elif said == ", " and depth == 0:
            pieces.append(text[begin : token.start()])
            begin = token.end()
    pieces.append(text[begin:])
    return tuple(map(_argument, pieces))


def _argument(piece: str) -> FrameArgument:
    named = _NAMED.match(piece)
    return FrameArgument(name=named[1], value=piece[named.end() :]) if named else FrameArgument(name="", value=piece)
