"""What multiplies is a row of a table: where to add one, and the test in which a made-up one is found everywhere.

`ARCHITECTURE.md` has the same table for people. Of a kind of events, whose table is an enumeration that a test cannot
lengthen, a row is written into a copy of this tree, and the tests of kinds run there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from capture.named import named

ROOT = Path(__file__).parents[1]
COPIED = ("capture", "dags", "views", "scope_gui", "resources", "tests", "pyproject.toml")
ADDED_KIND = (
    '    NAP = KindRow(code=40, group="thread", a="thread", rate="rare", says="It dozes beside another thread.")\n'
)


class Recipe(NamedTuple):
    """`files`: those that are made or changed for one more, besides its test, documents that a test holds to the code
    included; NAME stands for it. `before`: how many files it took once, 0 where it was not possible.
    """

    what: str
    table: str
    files: tuple[str, ...]
    shown_by: str
    before: int


RECIPES = (
    Recipe(
        "event kind",
        "capture.events.kinds:KINDS",
        (
            "capture/events/kinds.py",
            "capture/FORMAT.md",
            "capture/native/recorder/hooks/NAME.c",
            "capture/native/recorder/hooks/NAME.h",
            "capture/native/recorder/hooks/hooks.c",
            "capture/agent/README.md",
        ),
        "tests/test_recipes.py",
        32,
    ),
    Recipe(
        "table",
        "capture.session.tables:TABLES",
        ("capture/session/tables.py", "capture/FORMAT.md"),
        "tests/capture/session/test_tables.py",
        7,
    ),
    Recipe(
        "view",
        "views.registry:VIEWS",
        ("views/registry.py", "views/NAME/view.py", "views/README.md"),
        "tests/views/test_registry.py",
        17,
    ),
    Recipe(
        "verb",
        "scope_gui.verbs.registry:VERBS",
        ("scope_gui/verbs/registry.py", "scope_gui/verbs/NAME.py", "scope_gui/README.md"),
        "tests/scope_gui/verbs/test_registry.py",
        2,
    ),
    Recipe(
        "metric",
        "capture.events.metrics:METRICS",
        ("capture/events/metrics.py", "capture/drain/probe.py"),
        "tests/capture/events/test_metrics.py",
        2,
    ),
    Recipe(
        "capture flag",
        "capture.flags:FLAGS",
        ("capture/flags.py", "capture/agent/_scope_agent.py"),
        "tests/capture/test_flags.py",
        10,
    ),
    Recipe(
        "DAG",
        "dags.registry:FOLLOWERS",
        ("dags/registry.py", "dags/NAME/dag.py", "dags/README.md"),
        "tests/dags/test_registry.py",
        10,
    ),
    Recipe(
        "slow question",
        "views.reading.questions:QUESTIONS",
        (
            "views/reading/questions.py",
            "views/reading/short_answers.py",
            "views/loop/events.py",
            "views/loop/update.py",
        ),
        "tests/views/reading/test_questions.py",
        8,
    ),
    Recipe(
        "inspector page",
        "views.inspector.pages.registry:PAGES",
        (
            "views/inspector/pages/registry.py",
            "views/inspector/pages/NAME.py",
            "views/inspector/finding.py",
            "views/inspector/README.md",
        ),
        "tests/views/inspector/test_pages.py",
        0,
    ),
    Recipe(
        "importer",
        "capture.importers.registry:IMPORTERS",
        ("capture/importers/registry.py", "capture/importers/NAME.py", "capture/README.md"),
        "tests/capture/importers/test_chrome_trace.py",
        0,
    ),
    Recipe(
        "exporter",
        "capture.exporters.registry:EXPORTERS",
        ("capture/exporters/registry.py", "capture/exporters/NAME.py", "capture/README.md"),
        "tests/capture/exporters/test_chrome_trace.py",
        0,
    ),
    Recipe(
        "detector",
        "dags.detectors.registry:DETECTORS",
        ("dags/detectors/registry.py", "dags/detectors/NAME.py", "dags/README.md"),
        "tests/dags/detectors/test_keeps_failing.py",
        9,
    ),
    Recipe(
        "context action",
        "scope_gui.context_actions:ACTIONS",
        ("scope_gui/context_actions.py",),
        "tests/scope_gui/test_context_actions.py",
        0,
    ),
    Recipe(
        "setting",
        "scope_gui.settings.table:OWN",
        ("scope_gui/settings/table.py",),
        "tests/scope_gui/settings/test_file.py",
        0,
    ),
    Recipe(
        "track kind",
        "capture.events.track_kinds:TRACK_KINDS",
        ("capture/events/track_kinds.py", "capture/FORMAT.md"),
        "tests/capture/events/test_track_kinds.py",
        12,
    ),
    Recipe(
        "agent verb",
        "capture.attach.agent_verbs:VERBS",
        ("capture/attach/agent_verbs.py", "capture/agent/_scope_agent.py"),
        "tests/capture/attach/test_agent_verbs.py",
        4,
    ),
)

ELSEWHERE = {"event kind", "agent verb", "track kind"}
"""Added into a copy of the tree; held against the table on the other side; a word in a session's own rows."""


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.what)
def test_a_table_is_a_tuple_of_typed_rows_in_the_file_that_is_named(recipe: Recipe) -> None:
    rows = named(recipe.table)
    assert isinstance(rows, tuple)
    assert rows
    assert len({type(row) for row in rows}) == 1
    assert type(rows[0]) not in (tuple, dict, list, str)
    assert recipe.table.partition(":")[0].replace(".", "/") + ".py" in recipe.files
    for file in recipe.files:
        assert (ROOT / file).exists() or "NAME" in file, file
        assert (ROOT / file.partition("NAME")[0]).exists(), file


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.what)
def test_a_file_that_is_made_is_counted_with_the_document_that_must_name_it(recipe: Recipe) -> None:
    """As `tests/test_readmes.py` has it: a README that names a module of a folder names all of them."""
    made = [file for file in recipe.files if "NAME" in file]
    assert not made or any(file.endswith("README.md") for file in recipe.files)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.what)
def test_a_made_up_one_is_added_to_the_table_in_a_test(recipe: Recipe) -> None:
    text, table = (ROOT / recipe.shown_by).read_text(), recipe.table.partition(":")[2]
    adds = table if recipe.what in ELSEWHERE else rf'setattr\(\w+, "{table}"'
    assert re.search(adds, text), f"{recipe.shown_by} adds no row to {table}"


def test_the_architecture_says_the_same() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for recipe in RECIPES:
        files = " ".join(f"`{file}`" for file in recipe.files)
        count = f"{recipe.before or '-'} → {len(recipe.files)}"
        line = f"| {recipe.what} | `{recipe.table.partition(':')[2]}` | {files} | {count} |"
        assert line in text, line


@pytest.mark.timeout(300)
def test_a_made_up_kind_is_decoded_counted_marked_and_shown(tmp_path: Path) -> None:
    """Its C half aside: what writes it into the ring is a hook of its own."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "gallery"))
        else:
            shutil.copy(source, tmp_path / name)
    kinds = tmp_path / "capture" / "events" / "kinds.py"
    text = kinds.read_text()
    before = text.index('    @property\n    def word(self) -> str:\n        """How sessions and SQL call it."""')
    kinds.write_text(text[:before] + ADDED_KIND + "\n" + text[before:])
    make = "from capture.events.kinds_header import write_header; write_header()"
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True)
    assert "SCOPE_NAP = 40" in (tmp_path / "capture" / "native" / "scope_kinds.h").read_text()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "tests/capture/events/test_kinds.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
