"""JSON for the agent's messages, without importing anything into the target.

The standard `json` package would stay in `sys.modules` after a detach, and removing it again could give the target two
copies of it. The messages are small, so a plain reader is fast enough.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NAMES = {"true": True, "false": False, "null": None}
_DEEPEST = 16


def dumps(value: "Any") -> str:
    """`value` as one line of ASCII JSON; dicts, lists, text, numbers, true, false and null only."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return '"' + "".join(_escaped(character) for character in value) + '"'
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(dumps(str(key)) + ":" + dumps(item) for key, item in value.items()) + "}"
    return "[" + ",".join(dumps(item) for item in value) + "]"


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return "\\" + character
    if 0x20 <= code < 0x7F:
        return character
    if 0xD800 <= code < 0xE000:  # half a letter, of a name that is no UTF-8: spelled as Python prints it
        return f"\\\\u{code:04x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def loads(text: str) -> "Any":
    """The value that the JSON `text` spells.

    Raises: ValueError if it is not JSON.
    """
    try:
        value, at = _value(text, _skip(text, 0), 0)
    except (IndexError, KeyError):
        raise ValueError("the JSON text ends too early or has an unknown escape") from None
    if _skip(text, at) != len(text):
        raise ValueError("something follows the JSON value")
    return value


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _value(text: str, at: int, depth: int) -> "tuple[Any, int]":
    if depth > _DEEPEST:
        raise ValueError("the JSON text is nested too deeply")
    first = text[at]
    if first == '"':
        return _string(text, at + 1)
    if first == "{":
        return _members(text, _skip(text, at + 1), depth)
    if first == "[":
        return _items(text, _skip(text, at + 1), depth)
    end = at
    while end < len(text) and text[end] not in " \t\r\n,]}":
        end += 1
    word = text[at:end]
    if word in _NAMES:
        return _NAMES[word], end
    return (float(word) if any(mark in word for mark in ".eE") else int(word)), end


def _string(text: str, at: int) -> "tuple[str, int]":
    parts = []
    while text[at] != '"':
        if text[at] != "\\":
            parts.append(text[at])
            at += 1
        elif text[at + 1] == "u":
            parts.append(chr(int(text[at + 2 : at + 6], 16)))
            at += 6
        else:
            parts.append(_ESCAPES[text[at + 1]])
            at += 2
    joined = "".join(parts)
    if any("\ud800" <= character <= "\udfff" for character in joined):
        joined = joined.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return joined, at + 1


def _members(text: str, at: int, depth: int) -> "tuple[dict[str, Any], int]":
    members: dict[str, Any] = {}
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError("a JSON key must be text")
        key, at = _string(text, at + 1)
        at = _skip(text, at)
        if text[at] != ":":
            raise ValueError("a JSON key without a value")
        members[key], at = _value(text, _skip(text, at + 1), depth + 1)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "}":
            raise ValueError("JSON members without a comma")
    return members, at + 1


def _items(text: str, at: int, depth: int) -> "tuple[list[Any], int]":
    items = []
    while text[at] != "]":
        item, at = _value(text, at, depth + 1)
        items.append(item)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "]":
            raise ValueError("JSON items without a comma")
    return items, at + 1
