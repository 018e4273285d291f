"""The layers of the recorder's C files: the hot path <- values <- hooks <- entry, and nobody calls in circles.

So the hot path can be read, simulated and measured by itself, and a new hook is one file that nothing below it knows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture.native.c_files import CFiles, circles
from tests.interpreters import ROOT

NATIVE = ROOT / "capture" / "native"
LAYERS = (".", "values", "hooks", "entry")
"""From the bottom to the top."""


@pytest.fixture(scope="module")
def recorder() -> CFiles:
    return CFiles(NATIVE / "recorder")


def layer(name: str) -> int:
    """How high a file stands. Raises: ValueError of a folder that is none of the layers."""
    return LAYERS.index(str(Path(name).parent))


def upward_uses(files: CFiles) -> list[str]:
    """Every use of something that a higher layer defines."""
    return [
        f"{name} uses {used} of {other}"
        for name in files.files
        for used, other in files.uses(name).items()
        if layer(other) > layer(name)
    ]


def upward_includes(files: CFiles) -> list[str]:
    """Every header of a higher layer that a file includes."""
    return [
        f"{name} includes {header}"
        for name in files.texts
        for header in files.includes(name)
        if header in files.texts and layer(header) > layer(name)
    ]


def test_every_layer_has_files(recorder: CFiles) -> None:
    assert {layer(name) for name in recorder.files} == set(range(len(LAYERS)))


def test_what_headers_declare_is_found_where_it_is_defined(recorder: CFiles) -> None:
    """Else a call would go unseen by the tests below."""
    declared = list(recorder.declared())
    assert len(declared) > 150
    assert not [name for name in declared if name not in recorder.defined_in]
    assert {"scope_tls", "scope_active", "scope_upward", "scope_write_slowly"} <= recorder.defined_in.keys()


def test_a_file_includes_what_there_is_by_its_path_from_the_recorder(recorder: CFiles) -> None:
    beside = {path.name for path in NATIVE.glob("*.h")}
    for name in recorder.texts:
        assert not [
            header for header in recorder.includes(name) if header not in recorder.texts and header not in beside
        ]


def test_no_file_calls_a_layer_above_its_own(recorder: CFiles) -> None:
    assert not upward_uses(recorder)
    assert not upward_includes(recorder)


@pytest.mark.parametrize("folder", ["recorder", "host"])
def test_no_files_call_each_other_in_a_circle(folder: str) -> None:
    assert not circles(CFiles(NATIVE / folder).graph())


def test_what_the_hot_path_asks_of_others_is_all_handed_in(recorder: CFiles) -> None:
    """A function pointer that no recording sets would end the program that is recorded."""
    asked = set(recorder.texts["upward.h"].split("struct scope_upward {")[1].split("};")[0].split("(*")[1:])
    names = {part.partition(")")[0] for part in asked}
    handed_in = recorder.texts["entry/recording.c"].split("(struct scope_upward){")[1].split("};")[0]
    assert len(names) >= 5
    assert {name for name in names if f".{name} = " not in handed_in} == set()


def test_a_call_up_and_a_circle_are_found_whichever_way_they_go(tmp_path: Path) -> None:
    files = {
        "low.h": "void scope_low(void);\nstatic inline void scope_inline(void) {\n    scope_high();\n}\n",
        "low.c": "extern int scope_count;\nvoid scope_low(void) {\n    scope_count = 1; /* scope_word */\n}\n",
        "beside.c": '#include "hooks/high.h"\nint scope_beside;\nvoid scope_by(void) {\n    scope_inline();\n}\n',
        "hooks/high.h": "void scope_high(void);\n",
        "hooks/high.c": "int scope_count;\nint scope_word;\nvoid scope_high(void) {\n    scope_low();\n}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made = CFiles(tmp_path)
    assert sorted(upward_uses(made)) == [
        "beside.c uses scope_high of hooks/high.c",
        "low.c uses scope_count of hooks/high.c",
    ]
    assert upward_includes(made) == ["beside.c includes hooks/high.h"]
    assert circles(made.graph()) == [["hooks/high.c", "low.c"]]
