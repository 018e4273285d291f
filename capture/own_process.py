"""How Scope starts another process of its own: the same interpreter, shielded from the folder and the environment.

`-m` alone puts the current folder first on the module path: in a project that has a `capture` package of its own, the
sealer would import that one. The bundle goes further and runs isolated (-I), because PYTHONPATH and PYTHONHOME are
meant for the programs that a person records; its children must as well.
"""

from __future__ import annotations

import sys


def own_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", module, *arguments]
