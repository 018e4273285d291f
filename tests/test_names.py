"""One meaning a name: what is called alike in two places of the tree is the same thing there, or is called otherwise.

Whoever has read what a `Target` is in one folder takes that of another for the same. So a public class or function, and
a file, has a name of its own, or stands in a table here with the one meaning that all of them share. Names that begin
with an underscore are their module's own business, and so are constants.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.interpreters import ROOT

PACKAGES = ("capture", "dags", "views", "scope_gui")

SAME_NAMES: Mapping[str, str] = {
    "Page": "a page of the inspector: a row of its table, and how it is painted",
    "call": "what a row of QUESTIONS names: the call that is asked for",
    "call_with_id": "the call of an id: in a session, and for who asks in the window",
    "find": "what a row of DETECTORS names: looks through a session for its kind of finding",
    "flags": "what a row of VERBS names: the verb's arguments",
    "look": "what a row of QUESTIONS names: looks for what the state asks",
    "main": "the program that a module is when it is run",
    "run": "what a row of VERBS names: does the verb",
    "sections": "what a row of the inspector's pages names: what is on the page",
    "signs": "what a row of VIEWS names for the legend of a picture: the signs that the view draws",
    "wanted": "what a row of QUESTIONS names: what the state asks, None for nothing",
}
"""Functions that a table names, or the interpreter does: each stands for its module."""

SAME_FILES: Mapping[str, str] = {
    "asking": "what is asked: of a person by dialogs, of the session by the inspector",
    "attach": "getting into a process that runs: the way in, the verb, the dialog",
    "box": "the box that finds anything: its state, and its answers",
    "change": "changing what is recorded: the recorder's part, the dialog",
    "chrome_trace": "a trace in Chrome's format: written, read",
    "crashes": "reports of Scope's own crashes: kept, and the verb that shows them",
    "dag": "a folder's DAG",
    "demo": "the demo: started, and the verb",
    "doctor": "what is in the way of attaching: judged, and the verb",
    "events": "what there is of events in a loop or of a session: the window's, and the verb that lists a session's",
    "export": "pictures into files: the verb, the dialog",
    "figures": "numbers: as people read them, and as the inspector draws them",
    "finding": "what was found: by a detector, and for a page of the inspector",
    "guide": "the guide beside the window: its pages, the dialog, the verb",
    "info": "a session in figures: made, and the verb",
    "keys": "what keys do: a view's own, and as a person has changed them",
    "launch": "starting a program that is recorded: the way in, the dialog",
    "layout": "a view's: where everything lies, without Qt",
    "legend": "what the signs of a picture mean: drawn, and those of a view",
    "notes": "a person's notes: kept, and their page",
    "pack": "a session as one file: made, and the verb",
    "pointing": "what is under a point: of any view, of the timeline",
    "query": "SQL over a session: answered, and the verb",
    "reader": "what reads that which its folder is about: files of a session, frames",
    "recent_calls": "the calls just before an instant: counted, and kept for views",
    "registry": "a folder's table of what multiplies",
    "scene": "a view's: how it is painted",
    "settings": "what a person has chosen: of a recording, of the window",
    "state": "a view's: what it remembers, and what its events change",
    "stretch": "a stretch of time: picked, its page, and the verb's flags for one",
    "things": "what a view says of a thing that a menu is asked for",
    "vectors": "pictures of shapes and letters: painted, and as files",
    "verify": "every promise of a session: checked, and the verb",
    "view": "a view's widget",
    "writes": "the writes of a value: looked up, and for who asks in the window",
}
"""Files: parts of the shape that all folders of a kind have, or the layers of one thing."""


def sources(root: Path) -> Iterator[Path]:
    """The Python files of the packages."""
    for package in PACKAGES:
        yield from sorted((root / package).rglob("*.py"))


def repeated(places: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that have several places, with them; of (name, place)."""
    found: dict[str, list[str]] = {}
    for name, place in places:
        found.setdefault(name, []).append(place)
    return {name: where for name, where in sorted(found.items()) if len(where) > 1}


def defined(root: Path) -> Iterator[tuple[str, str]]:
    """(name, file) of each public class and function of a module."""
    for path in sources(root):
        for node in ast.parse(path.read_text(), path.name).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                yield node.name, str(path.relative_to(root))


def files(root: Path) -> Iterator[tuple[str, str]]:
    """(name, file) of each module that a name says something of."""
    for path in sources(root):
        if path.stem[0] != "_":
            yield path.stem, str(path.relative_to(root))


def test_a_class_or_function_has_a_name_of_its_own() -> None:
    found = repeated(defined(ROOT))
    assert {name: places for name, places in found.items() if name not in SAME_NAMES} == {}
    assert SAME_NAMES.keys() - found.keys() == set(), "is the name of one thing only"


def test_a_file_has_a_name_of_its_own() -> None:
    found = repeated(files(ROOT))
    assert {name: places for name, places in found.items() if name not in SAME_FILES} == {}
    assert SAME_FILES.keys() - found.keys() == set(), "is the name of one file only"


def test_a_clash_is_found_wherever_it_is(tmp_path: Path) -> None:
    made = {
        "capture/session/target.py": "class Target:\n    def told(self) -> None: ...\n\ndef _told() -> None: ...\n",
        "views/loop/target.py": "class Target: ...\n\nasync def told() -> None: ...\n\nif True:\n    Row = int\n",
        "dags/__init__.py": "def told() -> None: ...\n",
        "tests/target.py": "class Target: ...\n",
    }
    for name, text in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    pair = ["capture/session/target.py", "views/loop/target.py"]
    assert repeated(defined(tmp_path)) == {"Target": pair, "told": ["dags/__init__.py", "views/loop/target.py"]}
    assert repeated(files(tmp_path)) == {"target": pair}
