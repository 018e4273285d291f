"""The one place where a session's folders are changed: by descriptor, through no link, and only what is ours.

A session may have come from anywhere, so what lies in its folder is hostile: `cache` may be a link to somebody's home,
`journal/00000001.jrn` a second name of a file elsewhere. A path is looked up anew at every use, a descriptor is not;
so each folder is opened once, without following a link, and everything in it is reached from there. Nothing is made,
replaced, cut or removed that has not a name of the format, or is not ours. `tests/capture/test_own_folder.py` proves
that no other module changes files of a session.

Only the standard library is imported: the recorder must start in milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import itertools
import os
import socket
import stat
import time
from pathlib import Path
from typing import NoReturn, Self

from capture.disk import write_problem, write_whole
from capture.errors import SessionBusy, SessionProblem, TargetProblem
from capture.folder_names import FOLDERS, JOURNAL, ONE_POOL, POOLS, SESSION, is_file, is_pool_number, writer_of
from capture.lock_holders import held_by

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOOK_S = 0.05  # somebody who looks whether it is held has it for a moment
_HERE, _NO_REPLACE, _EXCHANGE = -100, 1, 2  # AT_FDCWD, RENAME_NOREPLACE and RENAME_EXCHANGE of linux/fs.h
_counter = itertools.count(1)


class OwnFolder:
    """A session's folder, or one in it, held open. Several threads may use it."""

    def __init__(self, fd: int, path: Path, kind: str) -> None:
        """Use `open`, `open_journal`, `open_pools` or `adopt`. The descriptor is ours from now on."""
        self.path = path
        self.fd = fd
        self._kind = kind
        self._inside: dict[str, OwnFolder] = {}

    # -- getting hold of one

    @classmethod
    def open(cls, path: Path, *, make: bool = False, new: bool = False) -> Self:
        """A session's folder, which the user has named: of that name alone a link is followed.

        `make`: with its folders, where they are missing; `new`: it must not exist yet. Who may write in the folder
        around a new one can put something else in its place before it is opened: a link, or what is not empty.

        Raises: SessionProblem when it is not ours or no folder, TargetProblem when it cannot be made.
        """
        if make or new:
            _make(path, parents=not new, is_new=new)
        folder = cls._opened(path, SESSION, _OPEN_FOLDER | (os.O_NOFOLLOW if new else 0))
        if new and os.listdir(folder.fd):  # noqa: PTH208  a descriptor
            folder.close()
            raise SessionProblem(
                f"Another folder was put in the place of {path} while it was made, so it is left alone.",
                "Choose a place with -o that nobody else may write in.",
            )
        return folder

    @classmethod
    def open_journal(cls, path: Path) -> Self:
        """A journal's folder, made when it is missing. Raises: as `open`."""
        _make(path, parents=True)
        return cls._opened(path, JOURNAL, _OPEN_FOLDER | os.O_NOFOLLOW)

    @classmethod
    def open_pools(cls, path: Path, *, make: bool = False) -> Self:
        """The folder of a session's pools, in shared memory or in the session.

        Raises: as `open`, also when somebody else has planted it, or may write in it.
        """
        if make:
            _make(path)
        folder = cls._opened(path, POOLS, _OPEN_FOLDER | os.O_NOFOLLOW)
        if os.fstat(folder.fd).st_mode & 0o022:
            folder.close()
            raise SessionProblem(f"Others may write in {path}, so it is left alone.")
        return folder

    @classmethod
    def adopt(cls, fd: int, path: Path) -> Self:
        """A session's folder that the process which has started this one holds, with its lock."""
        return cls(fd, path, SESSION)

    @classmethod
    def _opened(cls, path: Path, kind: str, flags: int) -> Self:
        try:
            fd = os.open(path, flags)
        except OSError as error:
            _refuse(path, error)
        folder = cls(fd, path, kind)
        owner = os.fstat(fd).st_uid
        if owner != os.geteuid():
            folder.close()
            raise SessionProblem(
                f"{path} belongs to another user (uid {owner}), and only its owner's Scope changes it."
            )
        return folder

    def again(self) -> OwnFolder:
        """The same folder, and the same lock, which is held until all of them are closed."""
        return OwnFolder(os.dup(self.fd), self.path, self._kind)

    def inside(self, name: str, *, make: bool = True) -> OwnFolder:
        """A folder of the format in this one. It is closed with this one.

        Raises: SessionProblem when it is a link, is not ours, or is missing and not to be made; TargetProblem.
        """
        known = self._inside.get(name)
        if known is not None:
            return known
        kind = self._kind_inside(name)
        path = self.path / name
        if make:
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=self.fd)
            except OSError as error:
                raise write_problem(error, f"the folder {path}") from error
        try:
            fd = os.open(name, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=self.fd)
        except OSError as error:
            _refuse(path, error)
        if kind != ONE_POOL and os.fstat(fd).st_uid != os.geteuid():  # a pool may have been given to its target's user
            os.close(fd)
            raise SessionProblem(f"{path} belongs to another user, so it is left alone.")
        return self._inside.setdefault(name, OwnFolder(fd, path, kind))

    def make_all(self) -> None:
        """Makes the folders of a session that are missing. Raises: as `inside`."""
        for name in FOLDERS:
            self.inside(name)

    def close(self) -> None:
        """Lets go of the folder and its lock. Harmless when repeated."""
        inside, self._inside = self._inside, {}
        for folder in inside.values():
            folder.close()
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lock(self) -> None:
        """Nobody else has this folder until it is closed; children that inherit the descriptor hold it too.

        The lock goes with the last process that holds it, so having it proves that these are dead, and not silent.

        Raises: SessionBusy when somebody has it, for longer than it takes to look whether somebody has; SessionProblem
        when it is not any more what its path leads to, because who had it before has packed it.
        """
        deadline = time.monotonic() + _LOOK_S
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    busy = f"{self.path} is being recorded or worked on by another process{held_by(self.fd)}."
                    raise SessionBusy(busy, "Wait until it ends.") from error
                time.sleep(0.005)
            except OSError:
                return  # a file system without locks: the caller's care is all there is
            else:
                self.refuse_if_moved()
                return

    def refuse_if_moved(self) -> None:
        """Raises: SessionProblem."""
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.stat(), os.fstat(self.fd)):
                return
        raise SessionProblem(f"{self.path} was packed, moved or deleted by another process meanwhile.")

    # -- files

    def names(self) -> dict[str, os.stat_result]:
        """What is in here that has a name of the format: regular files of ours. Raises: OSError."""
        found = {}
        for name in os.listdir(self.fd):  # noqa: PTH208  a descriptor
            if is_file(self._kind, name):
                with contextlib.suppress(FileNotFoundError):
                    info = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
                    if stat.S_ISREG(info.st_mode) and self._is_ours(info):
                        found[name] = info
        return found

    def pools(self) -> list[int]:
        """The numbers of the pools in a folder of pools. Raises: OSError."""
        return sorted(int(name) for name in os.listdir(self.fd) if is_pool_number(name))  # noqa: PTH208  a descriptor

    def strangers(self) -> list[str]:
        """Names in here that are none of the format, or of folders inside. Raises: OSError."""
        known, kind = self._folders_inside(), self._kind
        return [name for name in os.listdir(self.fd) if name not in known and not is_file(kind, name)]  # noqa: PTH208  a descriptor

    def has(self, name: str) -> bool:
        """Whether there is anything of that name."""
        folder, leaf = self._place_of(name, make=False)
        try:
            os.stat(leaf, dir_fd=folder.fd, follow_symlinks=False)
        except OSError:
            return False
        return True

    def new_file(self, name: str, flags: int = os.O_WRONLY) -> int:
        """The descriptor of a file that did not exist. Raises: OSError, SessionProblem."""
        folder, leaf = self._place_of(name)
        return os.open(leaf, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder.fd)

    def open_file(self, name: str, flags: int) -> int:
        """The descriptor of a regular file that is ours and has no other name.

        Raises: FileNotFoundError, OSError, SessionProblem when it is anything else.
        """
        folder, leaf = self._place_of(name, make=False)
        fd = os.open(leaf, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder.fd)
        info = os.fstat(fd)
        if stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and folder._is_ours(info):
            return fd
        os.close(fd)
        raise SessionProblem(
            f"{self.path / name} is not a file of this session alone, so it is left alone.",
            "If it has a second name, in a copy made of links, say: a copy made by `cp -r` has files of its own.",
        )

    def write(self, name: str, data: object, *, durable: bool = False) -> int:
        """Writes a new file, in place of what has its name, or nothing. Returns its size.

        Raises: TargetProblem, SessionProblem.
        """
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        try:
            try:
                fd = self.new_file(name)
            except FileExistsError:
                self.remove(name)
                fd = self.new_file(name)
            try:
                write_whole(fd, view)
                if durable:
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                self.remove(name)
            raise write_problem(error, name.rpartition("/")[2]) from error
        return len(view)

    def replace(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Replaces a file atomically: a reader sees the old bytes or the new ones.

        Raises: TargetProblem, SessionProblem; the old file is then as it was.
        """
        folder, leaf = self._place_of(name)
        fresh = f"{leaf}.{os.getpid()}-{next(_counter)}.new"
        folder.write(fresh, data, durable=durable)
        try:
            os.rename(fresh, leaf, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                folder.remove(fresh)
            raise write_problem(error, leaf) from error

    def remove(self, name: str) -> None:
        """Removes a file or a link of that name, if there is one. What another user has made stays.

        Raises: OSError.
        """
        folder, leaf = self._place_of(name, make=False)
        with contextlib.suppress(FileNotFoundError):
            if folder._is_ours(os.stat(leaf, dir_fd=folder.fd, follow_symlinks=False)):
                os.unlink(leaf, dir_fd=folder.fd)

    def sync(self, *names: str) -> None:
        """Returns once these files survive a power loss, or the folder's names if none is given.

        A file that is gone is not needed any more. Raises: TargetProblem.
        """
        for name in names or (".",):
            folder, leaf = self._place_of(name, make=False) if name != "." else (self, name)
            try:
                fd = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise write_problem(error, leaf) from error
            try:
                os.fsync(fd)
            except OSError as error:
                raise write_problem(error, leaf) from error
            finally:
                os.close(fd)

    def remove_inside(self, name: str) -> bool:
        """Removes a folder of the format in this one with what is ours in it; False when something stays.

        Raises: OSError, SessionProblem when it is a link or not ours.
        """
        try:
            folder = self.inside(name, make=False)
        except FileNotFoundError:
            return True
        folder.clear()
        folder.close()
        self._inside.pop(name, None)
        try:
            os.rmdir(name, dir_fd=self.fd)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def remove_empty(self, name: str) -> bool:
        """Removes a folder of the format in this one, unless something lies in it; whether it did."""
        self._kind_inside(name)
        inside = self._inside.pop(name, None)
        if inside is not None:
            inside.close()
        try:
            os.rmdir(name, dir_fd=self.fd)
        except OSError:
            return False
        return True

    def clear(self) -> None:
        """Removes all files and folders of the format in this one, last what says which session it was.

        What the system does not let us remove stays. Raises: OSError, SessionProblem.
        """
        for name in self._folders_inside():
            self.remove_inside(name)
        for name in sorted(os.listdir(self.fd), key=lambda name: name.startswith("manifest")):  # noqa: PTH208
            if is_file(self._kind, name):
                with contextlib.suppress(OSError):
                    self.remove(name)

    def remove_unfinished(self) -> None:
        """Removes files that a process was about to put in the place of others when it was killed. Raises: OSError."""
        for folder in (self, *(self.inside(name) for name in (FOLDERS if self._kind == SESSION else ()))):
            for name in folder.names():
                writer = writer_of(name)
                if writer is not None and not Path(f"/proc/{writer}").exists():
                    folder.remove(name)

    def bind(self, listener: socket.socket, name: str) -> None:
        """Gives a socket its name in here, for its owner alone. Raises: OSError."""
        folder, leaf = self._place_of(name)
        listener.bind(f"/proc/self/fd/{folder.fd}/{leaf}")  # an address holds 107 bytes, and paths can be longer
        os.chmod(leaf, 0o600, dir_fd=folder.fd)

    @property
    def here(self) -> Path:
        """A path that leads to the folder wherever it is moved, for as long as it is held."""
        return Path(f"/proc/self/fd/{self.fd}")

    @property
    def is_gone(self) -> bool:
        """Whether somebody has deleted the folder."""
        return os.fstat(self.fd).st_nlink == 0

    def give_place_to(self, file: Path) -> None:
        """Puts a finished file where this session's folder is, and deletes what is the session's in the folder.

        The two names are exchanged at once, so whatever ends us, the session is under its name. What else somebody
        put into the folder stays, under the name that the file had. Raises: OSError.
        """
        aside = file
        if not _renamed(file, self.path, _EXCHANGE):  # a crash leaves it whole under a similar name
            aside = self.path.with_name(f"{self.path.name}.{os.getpid()}.old")
            self.path.rename(aside)
            try:
                file.rename(self.path)
            except BaseException:
                aside.rename(self.path)
                raise
        self.clear()
        remove_folder(aside)

    # -- a pool that another user's program will fill

    def give(self, uid: int, gid: int) -> None:
        """Makes a pool's folder that of its target's user. Raises: OSError."""
        os.fchown(self.fd, uid, gid)

    def let_pass(self) -> None:
        """Lets other users reach what they have been given in here; they can still not list it. Raises: OSError."""
        os.fchmod(self.fd, 0o711)

    # -- inner parts

    def _folders_inside(self) -> tuple[str, ...]:
        if self._kind == SESSION:
            return (*FOLDERS, POOLS)
        return tuple(map(str, self.pools())) if self._kind == POOLS else ()

    def _kind_inside(self, name: str) -> str:
        if self._kind == SESSION and name in (*FOLDERS, POOLS):
            return name
        if self._kind == POOLS and is_pool_number(name):
            return ONE_POOL
        raise SessionProblem(f"{self.path} has no folder {name!r:.80}: that is not a name of the format.")

    def _place_of(self, name: str, *, make: bool = True) -> tuple[OwnFolder, str]:
        """The folder that holds a file, and its name there."""
        where, _, leaf = name.rpartition("/")
        folder = self.inside(where, make=make) if where else self
        if not is_file(folder._kind, leaf):
            raise SessionProblem(f"{name!r:.80} is not a name of a session's file, so it is left alone.")
        return folder, leaf

    def _is_ours(self, info: os.stat_result) -> bool:
        """Whether we may change it: a pool's files are those of its target's user, to whom we gave the folder."""
        return info.st_uid == os.geteuid() or (self._kind == ONE_POOL and info.st_uid == os.fstat(self.fd).st_uid)


def remove_folder(path: Path) -> bool:
    """Removes an empty folder of a session, or of pools; False when it is not there, or not empty."""
    try:
        path.rmdir()
    except OSError:
        return False
    return True


def name_finished(file: Path, name: Path) -> None:
    """Gives a finished file its name, unless there is anything of that name. Raises: OSError."""
    if not _renamed(file, name, _NO_REPLACE):  # a file system that cannot: two at the same moment meet nobody
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name))
        file.rename(name)


def write_through(path: Path, name: str, data: bytes, *, durable: bool = False) -> None:
    """Replaces a file in a session's folder that is not held. Raises: SessionProblem, TargetProblem."""
    with OwnFolder.open(path) as folder:
        folder.replace(name, data, durable=durable)


def _renamed(one: Path, other: Path, how: int) -> bool:
    """Whether two names have been exchanged, or one given up for the other; False where the system cannot.

    Raises: OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), how) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number))


def _make(path: Path, *, parents: bool = False, is_new: bool = False) -> None:
    try:
        path.mkdir(mode=0o700, parents=parents, exist_ok=not is_new)
    except FileExistsError as error:
        if is_new:
            raise TargetProblem(f"{path} already exists; choose another name with -o.") from error
        raise SessionProblem(f"{path} is a link or no folder, and Scope writes through no link.") from error
    except OSError as error:
        raise TargetProblem(f"cannot write {path}: {error.strerror}; choose another place with -o.") from error


def _refuse(path: Path, error: OSError) -> NoReturn:
    """Raises: SessionProblem, FileNotFoundError."""
    if isinstance(error, FileNotFoundError):
        raise error
    if isinstance(error, NotADirectoryError) and path.is_file() and not path.is_symlink():
        raise SessionProblem(
            f"{path} is one file: packed, perhaps by another process meanwhile, or no session."
        ) from error
    if isinstance(error, NotADirectoryError):
        raise SessionProblem(f"{path} is a link or no folder, and Scope writes through no link.") from error
    raise SessionProblem(f"{path} cannot be opened: {error.strerror}.") from error
