"""A whole view as a link: the session's path, and after a # the state of the window that is kept with a session. No Qt.

    scope-gui open orders.scope#eJyrVkouLSrOTI…

A path may hold a # itself: what names a session as it stands is no link.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import zlib
from collections.abc import Mapping
from typing import Any

from capture.errors import WrongUsage
from capture.typed import converted
from views.loop.remembered import OF_SESSION
from views.loop.state import Assigns
from views.loop.view_states import to_keep

MAX_BYTES = 1 << 20


def link_to(assigns: Assigns) -> str:
    """The link to what a window shows. Raises: ValueError without a session."""
    if assigns.session is None:
        raise ValueError("no session is open")
    packed = zlib.compress(json.dumps(to_keep(assigns, OF_SESSION), separators=(",", ":")).encode(), 9)
    return f"{assigns.session.path}#{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def followed(link: str) -> tuple[str, Mapping[str, Any]]:
    """(the session's path, the state): an empty state for what is just a path.

    Raises: WrongUsage for a link whose state cannot be understood.
    """
    path, sign, state = link.rpartition("#")
    if not sign or os.path.exists(link):  # noqa: PTH110 - of a link that is too long for a name, Path raises
        return link, {}
    try:
        packed = base64.b64decode(state + "=" * (-len(state) % 4), altchars=b"-_", validate=True)
        data = zlib.decompressobj().decompress(packed, MAX_BYTES)
        return path, converted(json.loads(data), dict[str, Any])
    except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
        remedy = "Copy the whole of it, or leave away what follows the #."
        raise WrongUsage(f"The view in the link {link[:60]}… cannot be understood.", remedy) from error
