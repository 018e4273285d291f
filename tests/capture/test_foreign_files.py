"""Files that somebody else has chosen: nothing waits for them, touches a device, dies of them, or reads without end."""

import os
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest

from capture.foreign_files import MOST_TOLD, open_regular, read_start
from capture.target.elf import ElfError, ElfFile
from capture.target.maps import file_of, read_maps
from capture.target.python_build import is_interpreter, python_in_file
from capture.target.targets import describe
from tests.targets import Launcher

LIBC = next(Path(m.path) for m in read_maps(os.getpid()) if m.name.startswith(("libc.so.", "libc-2.")))


def odd_files(folder: Path) -> list[Path]:
    """One of each kind that is no regular file, and links to them."""
    fifo, here = folder / "fifo", folder / "socket"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(here))
    link = folder / "link"
    link.symlink_to(fifo)
    return [fifo, here, link, folder, Path("/dev/zero"), Path("/dev/tty"), folder / "missing"]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    for path in odd_files(tmp_path):
        with pytest.raises(OSError, match=r"no regular file|No such file"):
            open_regular(path)
        assert python_in_file(path, "python3.10") is None
        assert is_interpreter(path) is False


def test_no_more_is_read_than_was_asked_for(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    assert len(read_start(sparse, 1000)) == 1000
    assert len(read_start(sparse)) == MOST_TOLD


def test_a_library_that_is_cut_short_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    """It was mapped: reading on ended Scope with a bus error."""
    copy = Path(shutil.copy(LIBC, tmp_path / "libc.so.6"))
    with ElfFile(copy) as file:
        assert file.symbol("dlopen") is not None
        os.truncate(copy, 5000)
        with pytest.raises(ElfError, match="outside the file"):
            file.symbol("malloc")


def test_a_sparse_program_is_searched_for_seconds_at_most(tmp_path: Path) -> None:
    copy = Path(shutil.copy(sys.executable, tmp_path / "python3.10"))
    os.truncate(copy, 1 << 40)
    with ElfFile(LIBC) as file:
        assert file.find_code(b"a pattern that is nowhere in it") is None
    began = time.process_time()
    python_in_file(copy, "python3.10")
    assert time.process_time() - began < 10


def test_a_mapped_file_is_the_one_that_the_kernel_has(target: Launcher, tmp_path: Path) -> None:
    """A FIFO of the same inode number under the same path would be waited for."""
    if os.geteuid() != 0:
        pytest.skip("needs root to follow /proc/PID/map_files")
    library = Path(shutil.copy(LIBC, tmp_path / "libown.so"))
    code = f"import mmap, time\nfile = open({str(library)!r}, 'rb')\nmap = mmap.mmap(file.fileno(), 0, prot=1)\n"
    running = target([sys.executable, "-c", code + "print('ready', flush=True)\ntime.sleep(600)"], ready="ready")
    mapping = next(m for m in read_maps(running.pid) if m.path == str(library))
    library.rename(tmp_path / "moved")
    os.mkfifo(library)
    assert file_of(running.pid, mapping).stat().st_ino == mapping.inode
    assert read_start(file_of(running.pid, mapping), 4) == b"\x7fELF"


def test_variables_without_end_are_not_read_to_the_end(target: Launcher) -> None:
    """A program may say that its variables are as long as its memory (prctl(2), PR_SET_MM_MAP).

    32 MiB here, for everybody who looks at the variables of all processes meets them, other tests too.
    """
    code = """
import ctypes, struct, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
size = 1 << 25
start = libc.mmap(None, size, 3, 0x4022, -1, 0)
with open("/proc/self/stat") as file:
    fields = file.read().rpartition(")")[2].split()
at = lambda number: int(fields[number - 3])
brk = libc.sbrk
brk.restype = ctypes.c_void_p
values = [at(26), at(27), at(45), at(46), at(47), brk(0), at(28), start, start + size, start, start + size]
map = struct.pack("<11Q", *values) + struct.pack("<QIi", 0, 0, -1)
print("ready", libc.prctl(35, 14, map, len(map), 0), ctypes.get_errno(), flush=True)
time.sleep(600)
"""
    running = target([sys.executable, "-c", code], ready="ready")
    if "ready 0" not in running.output():
        pytest.skip(f"needs a kernel that lets a program describe its memory itself: {running.output()}")
    with Path(f"/proc/{running.pid}/environ").open("rb") as file:
        assert len(file.read(MOST_TOLD + 1)) > MOST_TOLD
    assert describe(running.pid).remote_debug_disabled_by is None
