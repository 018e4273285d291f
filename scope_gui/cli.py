"""The way in: `scope-gui` and `python -m scope_gui`. What a command line means is in `command_line`.

The script that pip writes imports this module first and nothing of ours before it; so nothing else is imported here
until the shield is up.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scope_gui.shield import raise_shield


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and gives its exit code."""
    if argv is None:
        raise_shield()
    from scope_gui import command_line, streams  # noqa: PLC0415 - not before the shield is up
    from scope_gui.logs import log  # noqa: PLC0415

    if argv is not None:
        return command_line.main(argv)
    streams.prepare_streams()
    log.begin_log(command_line.verb_of(sys.argv[1:]))
    try:
        code = command_line.main(None)
    except Exception as error:
        log.failed(error)
        code = 1
    streams.leave_if_others_work(code)
    return code
