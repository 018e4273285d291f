"""Native parts, each found by folder so that a new C file needs no edit here.

`_scope_recorder` enters targets: stable ABI of 3.10, everything newer is looked up with dlsym at run time.
`_scope_host` and `_kernels` are plain C libraries that this program loads through ctypes; they use no Python.h,
so the GIL is released around every call and one build serves every interpreter.
"""

from glob import glob

from setuptools import Extension, setup

FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fno-strict-aliasing"]

setup(
    ext_modules=[
        Extension(
            "capture.agent._scope_recorder",
            sorted(glob("capture/native/recorder/*.c")),
            include_dirs=["capture/native"],
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            extra_compile_args=FLAGS,
            extra_link_args=["-ldl", "-lpthread"],
            py_limited_api=True,
            depends=sorted(glob("capture/native/**/*.h", recursive=True)),
        ),
        Extension(
            "capture._scope_host",
            sorted(glob("capture/native/host/*.c")),
            include_dirs=["capture/native"],
            extra_compile_args=FLAGS,
            extra_link_args=["-ldl", "-lpthread"],
            py_limited_api=True,
            depends=sorted(glob("capture/native/**/*.h", recursive=True)),
        ),
        Extension(
            "dags._kernels",
            sorted(glob("dags/native/*.c")),
            include_dirs=["dags/native"],
            extra_compile_args=[*FLAGS, "-O3"],
            py_limited_api=True,
            depends=sorted(glob("dags/native/*.h")),
        ),
    ],
)
