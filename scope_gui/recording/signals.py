"""The signals of a terminal and of other processes while something is recorded: who gets them.

What attaches, or takes its orders from a window, stops and saves at them (`stopped_by_signals`). `run` hands them to
the program that it has started (`PassedOn`). That program and its recorder share a process group, so what the terminal
sends (Ctrl+C, Ctrl+\\, Ctrl+Z, hanging up, a new size) reaches the program without us; the recorder goes on and records
how the program takes it. What another process sends to the recorder alone was meant for the program, and is handed to
it. Only the kernel's note on a signal tells the two apart, which handlers of Python do not get; so the signals are
blocked and fetched by the recorder's loop.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

PASSED_ON = frozenset(
    {
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGTSTP,
        signal.SIGCONT,
        signal.SIGWINCH,
    }
)
_FROM_THE_TERMINAL = 0x80  # SI_KERNEL of <asm-generic/siginfo.h>


class PassedOn:
    """Inside, these signals wait for `heard`; `before` is the mask that the program must be started with."""

    def __init__(self) -> None:
        self.before: set[int] = set()
        self.interrupts = 0  # how often Ctrl+C was pressed

    def __enter__(self) -> PassedOn:
        self.before = {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)}
        return self

    def __exit__(self, *_: object) -> None:
        for _number in self._waiting():
            pass  # the recording is over and saved; dying of one now would hide the program's own status
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)

    def heard(self) -> Iterator[int]:
        """The signals to hand to the program; one that stops a job stops us as well, once the program has it."""
        for info in self._waiting():
            from_terminal = info.si_code == _FROM_THE_TERMINAL
            if not from_terminal or self._is_ours_alone(info.si_signo):
                yield info.si_signo
            if info.si_signo == signal.SIGTSTP:
                self._stop_with_the_job()
            self.interrupts += from_terminal and info.si_signo == signal.SIGINT

    @staticmethod
    def _is_ours_alone(number: int) -> bool:
        """Of a terminal that hangs up the kernel tells the leader of its session only: us, as in `ssh -t HOST scope-gui
        run ...`, where without us it would be the program.
        """
        return number == signal.SIGHUP and os.getsid(0) == os.getpid()

    @staticmethod
    def _stop_with_the_job() -> None:
        """As the program does; where nobody could continue a job, the kernel stops neither."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})

    @staticmethod
    def _waiting() -> Iterator[signal.struct_siginfo]:
        while (info := signal.sigtimedwait(PASSED_ON, 0)) is not None:
            yield info


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Inside, Ctrl+C, SIGTERM and a terminal that hangs up (but under `nohup`) ask the recording to stop and save."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, lambda *_: stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def shell_status(returncode: int) -> int:
    """How a shell says it: N for status N, 128 + N for signal N.

    >>> shell_status(3), shell_status(-15)
    (3, 143)
    """
    return returncode if returncode >= 0 else 128 - returncode
