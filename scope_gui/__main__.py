"""`python -m scope_gui` is `scope-gui`."""

import sys

from scope_gui.cli import main

sys.exit(main())
