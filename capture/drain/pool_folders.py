"""The folders of pools, in shared memory or in a session: made, found, given to a target's user, and removed.

Shared memory is everybody's, so whatever lies there under our name may have been planted: a folder of pools counts only
when it is ours and nobody else may write in it, and nothing is reached through a link.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from capture.errors import SessionProblem
from capture.folder_names import SESSION_NOTE
from capture.own_folder import OwnFolder, remove_folder


def open_pool(folder: Path) -> OwnFolder:
    """A pool's folder, whose own folder must be ours: the pool itself may be given to its target's user.

    Raises: FileNotFoundError, SessionProblem.
    """
    with OwnFolder.open_pools(folder.parent) as root:
        return root.inside(folder.name, make=False).again()


def make_pool_folder(folder: Path) -> None:
    """Makes a pool's folder, and the one that it lies in.

    Raises: TargetProblem, SessionProblem when somebody else has planted one of them.
    """
    with OwnFolder.open_pools(folder.parent, make=True) as root:
        root.inside(folder.name)


def give_pool_folder(folder: Path, uid: int, gid: int) -> None:
    """Lets a target of another user put its pool there. Raises: OSError, SessionProblem."""
    with OwnFolder.open_pools(folder.parent) as root:
        root.inside(folder.name, make=False).give(uid, gid)
        root.let_pass()


def remove_pool_folder(folder: Path) -> None:
    """Deletes one pool folder and, when it was the last, its parent. Nothing that is not ours, and through no link."""
    with contextlib.suppress(OSError, SessionProblem), OwnFolder.open_pools(folder.parent) as root:
        if folder.name in map(str, root.pools()):
            root.remove_inside(folder.name)
        if not root.pools() and not root.strangers():
            root.remove(SESSION_NOTE)
            remove_folder(folder.parent)


def remove_pools(root: Path) -> None:
    """Deletes all pools of a session, and their folder unless something else lies there."""
    with contextlib.suppress(OSError, SessionProblem), OwnFolder.open_pools(root) as own:
        for number in own.pools():
            own.remove_inside(str(number))
        if not own.pools() and not own.strangers():
            own.remove(SESSION_NOTE)
            remove_folder(root)


def pool_folders(root: Path) -> list[tuple[int, Path]]:
    """(process serial, folder) of each pool under a root, by serial; those that cannot be opened are among them.

    Raises: SessionProblem when somebody else has planted the root, or may write in it.
    """
    try:
        with OwnFolder.open_pools(root) as own:
            return [(number, root / str(number)) for number in own.pools() if _has_pool(own, number)]
    except OSError:
        return []


def refuse_new_pools(root: Path) -> None:
    """Takes away the folders in which no agent has made a pool: from now on none can, which nobody would read."""
    with contextlib.suppress(OSError, SessionProblem), OwnFolder.open_pools(root) as own:
        for number in own.pools():
            own.remove_empty(str(number))


def strangers_among(root: Path) -> list[str]:
    """What lies under a root and is neither a pool nor what names its session; nobody touches it."""
    try:
        with OwnFolder.open_pools(root) as own:
            return sorted(own.strangers())
    except (OSError, SessionProblem):
        return []


def _has_pool(root: OwnFolder, number: int) -> bool:
    """False for the folder of a pool that no agent has made. One that cannot be entered may have held one."""
    try:
        return root.inside(str(number), make=False).has("pool.bin")
    except FileNotFoundError:
        return False
    except SessionProblem:
        return True
