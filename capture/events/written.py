r"""The bytes that a program has written, of the text that a recording keeps of them.

A text is what was written, where that is UTF-8. Else it is escaped (`OutputFlag.ESCAPED`, `form` of `output`):
a byte that is part of no letter as Python spells it, `\udce9`, and a backslash twice.
"""

from __future__ import annotations

import re

ESCAPED = "escaped"
"""What the table `output` calls such a text."""
_ESCAPE = re.compile(r"\\(?:\\|udc([0-9a-f]{2}))")


def written_bytes(text: str, *, is_escaped: bool) -> bytes:
    r"""What was written.

    >>> written_bytes(r"caf\udce9 \\udce9", is_escaped=True), written_bytes(r"a\b", is_escaped=False)
    (b'caf\xe9 \\udce9', b'a\\b')
    """
    if not is_escaped:
        return text.encode()
    return _ESCAPE.sub(_byte, text).encode("utf-8", "surrogateescape")


def _byte(found: re.Match[str]) -> str:
    return chr(0xDC00 + int(found[1], 16)) if found[1] else "\\"
