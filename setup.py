"""Native parts, each found by folder, with those below it, so that a new C file needs no edit here.

`_scope_recorder` enters targets: stable ABI of 3.10, everything newer is looked up with dlsym at run time.
`_scope_host` and `_kernels` are plain C libraries that this program loads through ctypes; they use no Python.h,
so the GIL is released around every call and one build serves every interpreter. All three carry the stable ABI's
suffix for that reason: a `.venv` of another Python version loads the same files.

What is in resources/ is installed to PREFIX/share/scope-gui (`scope_gui/places.py` says why and finds it); an editable
installation uses the checkout's and gets no second copy.

`scope_kinds.h` is made first, from the table of kinds (`capture/events/kinds.py`), which needs no package of others.

`-Werror` is not here but in `make check`: a newer compiler's new warning must not keep anyone from installing.
"""

import sys
from collections import defaultdict
from pathlib import Path

from setuptools import Extension, setup

sys.path.insert(0, str(Path(__file__).parent))  # a build in isolation does not look here

from capture.events.kinds_header import write_header

FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-fvisibility=hidden", "-fno-strict-aliasing"]


def native(name: str, folder: str, include: str, flags: list[str], **more: object) -> Extension:
    """One shared library from all C files below a folder; rebuilt when any header under `include` changes.

    Headers are named from either folder, so that `#include "hooks/joins.h"` says which layer it is of.
    """
    return Extension(
        name,
        sorted(map(str, Path(folder).rglob("*.c"))),
        include_dirs=[include, folder],
        extra_compile_args=flags,
        py_limited_api=True,
        depends=sorted({str(path) for above in (include, folder) for path in Path(above).rglob("*.h")}),
        **more,
    )


def resources() -> list[tuple[str, list[str]]]:
    """(folder below PREFIX, files that go there) for everything in resources/."""
    found = defaultdict(list)
    for path in sorted(Path("resources").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found[str("share/scope-gui" / path.parent.relative_to("resources"))].append(str(path))
    return list(found.items())


write_header()
setup(
    options={"bdist_wheel": {"py_limited_api": "cp311"}, "build_ext": {"parallel": True}},
    data_files=[] if "editable_wheel" in sys.argv else resources(),
    ext_modules=[
        native(
            "capture.agent._scope_recorder",
            "capture/native/recorder",
            "capture/native",
            FLAGS,
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            extra_link_args=["-ldl", "-lpthread"],
        ),
        native(
            "capture._scope_host",
            "capture/native/host",
            "capture/native",
            FLAGS,
            extra_link_args=["-ldl", "-lm", "-lpthread"],
        ),
        native("dags._kernels", "dags/native", "capture/native", [*FLAGS, "-O3"]),
    ],
)
