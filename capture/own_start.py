"""Runs one of our modules in an interpreter that was started with -I: `python -I own_start.py MODULE ARGUMENTS`.

Isolated, an interpreter finds what is installed and nothing else. A Scope that lies elsewhere (a checkout, pip's
--target, a user's own site-packages) comes right behind the standard library. What Scope needs, if it is nowhere else,
comes from the folder on PYTHONPATH that has it, but behind everything: no module of the user's has a name of ours then.
"""

# ruff: noqa: PTH100, PTH112, PTH118, PTH120 - pathlib is ours to import only once the path is right

import os
import runpy
import site
import sys
from importlib.util import find_spec

NEEDED = "msgspec"


def main() -> None:
    """Becomes the module; its arguments follow."""
    module, *arguments = sys.argv[1:]
    libraries = (i for i, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages")))
    sys.path.insert(next(libraries, len(sys.path)), os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if find_spec(NEEDED) is None:
        given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        folders = [folder for folder in (*given, site.getusersitepackages()) if folder]
        sys.path += [folder for folder in folders if os.path.isdir(os.path.join(folder, NEEDED))][:1]
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
