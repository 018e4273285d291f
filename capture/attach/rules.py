"""What a rule is: one thing that must hold before a process may be entered, judged on facts alone."""

from collections.abc import Callable

import msgspec

from capture.names import readable
from capture.target.host_facts import Host
from capture.target.targets import Target

OBSERVE = "`--mode observe` records its memory, CPU and threads from outside."


class Rule(msgspec.Struct, frozen=True):
    """One thing that must hold; if it does not, `message` says why in one sentence and `remedy` what to do."""

    name: str
    ok: bool
    message: str
    remedy: str | None = None


Judge = Callable[[Target, Host], Rule]


def rule(name: str, problem: str | None, fine: str, remedy: str | None = None) -> Rule:
    """The rule that holds, or the one that `problem` says does not."""
    if problem is None:
        return Rule(name, True, readable(fine))
    return Rule(name, False, readable(problem), remedy and readable(remedy))
