"""What a recording cannot see: one table of sentences, for everything that is told where less is captured than asked.

Whoever notices says a code and a detail: the recorder inside the target with `scope_unseen(code, detail)` in C, the
agent with `recorder.unseen(code, detail)`, the recorder process with an `unseen` fact. Readers find the rows in the
session. A new code is one row here.
"""

from __future__ import annotations

import msgspec


class Unseen(msgspec.Struct, frozen=True):
    """One kind of blindness. `sentence` may hold `{details}`, which becomes the names that it is about."""

    code: str
    sentence: str
    remedy: str = ""


UNSEEN: tuple[Unseen, ...] = (
    Unseen("class-untouched", "Attributes of {details} are not recorded: watching would have broken the class."),
    Unseen("codes-full", "More functions were made than can be told apart; the later ones are counted, not named."),
    Unseen("foreign-profiler", "Calls of {details} are missing while another profiler holds the thread."),
    Unseen("greenlets", "Stacks of {details} are not known from the moment greenlets began to switch there."),
    Unseen("sub-interpreter", "What runs in sub-interpreters is not recorded."),
    Unseen("child", "The child process {details} was not recorded, only watched from outside."),
    Unseen("connection-closed", "The program closed Scope's connection; the recording ended there."),
    Unseen("pattern-unmatched", "Nothing matched {details}."),
)

BY_CODE = {row.code: row for row in UNSEEN}
