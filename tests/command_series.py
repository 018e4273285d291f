"""Runs several command lines one after the other, with one start for all: `python -m tests.command_series`.

A JSON list of argument lists on standard input; a JSON list of (command, exit code, stdout, stderr) on standard output.
A start and Qt's imports take longer than most of what is asked for.
"""

from __future__ import annotations

import json
import sys

from scope_gui.pictures.offscreen import headless_application
from tests.scope_command import scope_here

if __name__ == "__main__":
    application = headless_application()  # kept: each command takes the one that is there
    done = [scope_here(words) for words in json.load(sys.stdin)]
    json.dump([(one.args, one.returncode, one.stdout, one.stderr) for one in done], sys.stdout)
