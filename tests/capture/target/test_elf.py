"""The ELF reader agrees with the loader, and no damage to a file makes it read outside."""

import ctypes
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from capture.target.elf import ElfError, ElfFile
from capture.target.maps import read_maps


@pytest.fixture(scope="module")
def libc() -> Path:
    mapping = next(m for m in read_maps(os.getpid()) if m.name.startswith("libc.so"))
    return Path(mapping.path)


def test_addresses_are_those_that_the_loader_uses(libc: Path) -> None:
    mapping = next(m for m in read_maps(os.getpid()) if m.path == str(libc))
    library = ctypes.CDLL(str(libc))
    with ElfFile(libc) as file:
        bias = file.bias(mapping.start, mapping.offset)
        assert bias is not None
        for name in ("dlopen", "mmap", "munmap", "getpid", "__errno_location"):
            symbol = file.symbol(name)
            assert symbol is not None and symbol.is_function
            assert bias + symbol.address == ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def test_a_name_that_is_not_defined_is_not_found(libc: Path) -> None:
    with ElfFile(libc) as file:
        assert file.symbol("no_such_function") is None
        assert file.symbol("") is None
    recorder = Path(sys.executable).resolve()
    with ElfFile(recorder) as file:
        assert file.symbol("malloc") is None, "a name that is only imported is not a definition"


def test_programs_name_their_loader_and_libraries_do_not(libc: Path) -> None:
    with ElfFile(Path("/bin/sh")) as program:
        assert program.interpreter is not None and "ld-" in program.interpreter
        assert program.machine == os.uname().machine
    with ElfFile(Path(sys.executable).resolve()) as program:
        assert program.is_dynamic


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), bytes(4096)])
def test_what_is_no_elf_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ElfError):
        ElfFile(path)


def test_damaged_files_give_an_answer_or_an_elf_error(tmp_path: Path) -> None:
    source, library = tmp_path / "small.c", tmp_path / "small.so"
    source.write_text("int alpha(void) { return 1; } int beta(void) { return 2; }")
    if subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=False).returncode:
        pytest.skip("needs a C compiler: cc")
    whole = library.read_bytes()
    with ElfFile(library) as file:
        assert file.symbol("alpha") is not None and file.symbol("gamma") is None
    chance, damaged = random.Random(7), tmp_path / "damaged.so"
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(min(len(content), 4096))] = chance.randrange(256)
        damaged.write_bytes(content[: chance.randrange(len(content)) if chance.random() < 0.3 else len(content)])
        try:
            with ElfFile(damaged) as file:
                found = file.symbol("alpha")
                assert found is None or found.address >= 0
                assert file.interpreter is None or isinstance(file.interpreter, str)
        except ElfError:
            pass
