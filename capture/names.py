r"""Names from outside as text that can be stored, sent and shown: nothing promises that they are UTF-8.

A byte that is part of no letter becomes the escape that Python itself prints in a traceback, `caf\udce9.py`, so the
same file is spelled alike whoever names it: the recorder inside the target, the kernel, or a command line. What the
kernel cuts inside a letter loses the part of the letter.
"""

import codecs
import re
import shlex
from collections.abc import Sequence

import msgspec

from capture.redaction import REDACTED, redacted_words

LONGEST_COMMAND = 32_000
"""Characters of a command line that are kept; the kernel allows 2 MiB."""
_KERNEL_NAME_BYTES = 15
_IN_DOUBLE_QUOTES = re.compile(r'["$`\\!]')  # what a shell does not leave alone there
_PLAIN = re.compile(rf"(?:[\w@%+=:,./-]|{REDACTED}|\\udc[0-9a-f]{{2}})+")


def readable(text: str) -> str:
    r"""`text` without what cannot be encoded.

    >>> readable("caf\udce9.py") == r"caf\udce9.py"
    True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def readable_bytes(raw: bytes) -> str:
    r"""The name that these bytes spell.

    >>> readable_bytes(b"caf\xe9.py") == r"caf\udce9.py"
    True
    """
    return readable(raw.decode("utf-8", "surrogateescape"))


def kernel_name(comm: bytes, command: bytes = b"") -> str:
    """The name of a process or thread; one that the kernel has cut is whole again where the command line tells it.

    >>> kernel_name("обработчик".encode()[:15]), kernel_name(b"a_long_program_", b"python\\0/a_long_program_name.py\\0")
    ('обработ', 'a_long_program_name.py')
    """
    if len(comm) >= _KERNEL_NAME_BYTES:
        for word in command.split(b"\0")[:2]:
            name = word.rpartition(b"/")[2]
            if name.startswith(comm):
                return readable_bytes(name)
    return readable(codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(comm))


def command_words(raw: bytes) -> tuple[str, ...]:
    """The words of a command line as /proc has it; a program may have overwritten it with one text without an end."""
    return tuple(map(readable_bytes, raw.rstrip(b"\0").split(b"\0"))) if raw.strip(b"\0") else ()


def command_line(words: Sequence[str]) -> str:
    """The words as one line for a shell, without secrets, cut where it is longer than anybody reads.

    >>> command_line(["app.py", "a b", "--token", "c d", "--db=bob", "$x"]).replace(REDACTED, "***")
    "app.py 'a b' --token *** --db=bob '$x'"
    """
    line = readable(" ".join(map(_quoted, redacted_words(words))))
    if len(line) <= LONGEST_COMMAND:
        return line
    return f"{line[:LONGEST_COMMAND]} … ({len(line) - LONGEST_COMMAND} more characters)"


def _quoted(word: str) -> str:
    """The word as one types it."""
    if _PLAIN.fullmatch(word):
        return word
    return f'"{word}"' if "'" in word and not _IN_DOUBLE_QUOTES.search(word) else shlex.quote(word)


def json_bytes(value: object) -> bytes:
    """`value` as JSON; texts in it that cannot be encoded are made readable."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_all_readable(msgspec.to_builtins(value)))


def _all_readable(value: object) -> object:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {_all_readable(key): _all_readable(item) for key, item in value.items()}
    return [_all_readable(item) for item in value] if isinstance(value, list | tuple) else value
