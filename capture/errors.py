"""The kinds of failure: the world's, which end in one sentence for the user, and ours, which end in a traceback.

A message is one complete sentence that names the thing it is about; a remedy, where there is one, is a second
sentence that the user can act on. The command line prints both and exits with 1, or with 2 for wrong usage.
"""


class ScopeError(Exception):
    """Something outside Scope is not as needed; `message` is one sentence for the user, `remedy` what to do."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message if remedy is None else f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


class WrongUsage(ScopeError):
    """What was asked for is nothing that can be asked for, in whatever session: exit code 2."""


class TargetProblem(ScopeError):
    """The program to be recorded, or the machine it runs on, does not allow what was asked."""


class PoolProblem(TargetProblem):
    """A target's shared memory cannot be read any more; what was journaled is all there is."""


class SessionProblem(ScopeError):
    """A session cannot be opened, read or written as asked."""


class SessionBusy(SessionProblem):
    """Another process is writing this session."""


class FormatError(SessionProblem):
    """Bytes of a session are not what the format says."""


class SessionFull(TargetProblem):
    """A session lists as much as it can; what it has is kept."""


class ResumeLost(SessionProblem):
    """What is needed to go on with an interrupted session is damaged; what is sealed is whole."""


class RefusedRecords(FormatError):
    """A block of records that cannot be understood; `events` of them at least are lost."""

    def __init__(self, message: str, events: int) -> None:
        super().__init__(message)
        self.events = events


def error_line(error: BaseException) -> str:
    """What somebody else's error says, as a part of a sentence.

    >>> error_line(ValueError("not a number:\\n  x.\\n"))
    'not a number: x'
    """
    return " ".join(str(error).split()).rstrip(".")


class ScopeBug(AssertionError):
    """An invariant of our own is broken; never caught to be shown as the user's mistake."""
