"""The settings in their file: what holds, what is told, and that nothing of it is ever lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QCheckBox, QWidget
from pytestqt.qtbot import QtBot

from capture import flags
from capture.errors import TargetProblem
from capture.flags import Flag
from capture.settings import CaptureSettings
from dags.detectors import registry
from dags.detectors.registry import Detector
from scope_gui.dialogs.settings import SettingsDialog
from scope_gui.settings import table
from scope_gui.settings.file import load, save, settings_file
from scope_gui.settings.table import Setting, all_settings, capture_values, of_capture
from tests.scope_command import scope_here
from views.loop.chosen import with_settings
from views.loop.events import ChangeSetting, Event
from views.loop.state import Assigns


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings_file().parent.mkdir()
    return settings_file()


def written(kept: Path, **document: Any) -> None:
    kept.write_text(json.dumps(document))


def test_what_was_settled_holds_again(kept: Path) -> None:
    settled = {
        "theme": "contrast",
        "scale": 125,
        "folders.recordings": "~/recordings",
        "capture.redact": ("iban",),
        "capture.memory": 64,
        "analyses.grows": False,
        "keys.Next exception": ("E", "Ctrl+Alt+E"),
        "keys.Turn right": (),
    }
    save({}, settled)
    assert load() == (settled, ())
    assert json.loads(kept.read_text())["keys"] == {"Next exception": ["E", "Ctrl+Alt+E"], "Turn right": []}


def test_without_a_file_all_is_as_at_first(kept: Path) -> None:
    assert load() == ({}, ())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"scale": 900}, "scale takes 80 to 200 %, not 900."),
        ({"scale": True}, "scale takes 80 to 200 %, not True."),
        ({"theme": "blue"}, "theme takes dark, light, contrast, system, not 'blue'."),
        ({"analyses": {"grows": "no"}}, "analyses.grows takes on or off, not 'no'."),
        ({"folders": {"recordings": "here"}}, "folders.recordings takes a whole path, or nothing, not 'here'."),
        ({"capture": {"mode": "loud"}}, "--mode takes one of full, performance, state, minimal, observe, not 'loud'."),
        ({"capture": {"memory": 0}}, "--memory takes 1 to 4096, not 0."),
        ({"capture": {"redact": [""]}}, "--redact '' is empty: it names nothing."),
        ({"keys": {"Undo": ["Hyper+Z"]}}, "'Hyper+Z' is no key"),
        ({"keys": {"Undo": ["X"]}}, "keys.Undo: X is the key of “Next exception”."),
        ({"keys": {"Undo": ["5"]}}, "keys.Undo: 5 is typed for the speed of playing."),
        ({"keys": {"Fly": ["Y"]}}, 'There is no setting "keys.Fly".'),
        ({"colour": "blue"}, 'There is no setting "colour".'),
        ({"keys": 5}, 'There is no setting "keys".'),
        ({"theme": {"name": "dark"}}, 'There is no setting "theme.name".'),
    ],
)
def test_what_holds_nothing_is_told_and_stays_as_it_is(kept: Path, document: dict[str, Any], said: str) -> None:
    written(kept, **document, motion="reduced")
    read = load()
    assert read.settings == {"motion": "reduced"}
    [problem] = read.problems
    assert problem.startswith(said)
    save(read.settings, {"motion": "full"})
    assert json.loads(kept.read_text()) == {**document, "motion": "full"}


@pytest.mark.parametrize("data", [b"{", b"[]", b"5", b"\xff", b"", b" " * ((1 << 20) + 1), b'{"a":' * 5_000])
def test_a_file_that_is_none_is_told_and_never_written_over(kept: Path, data: bytes) -> None:
    kept.write_bytes(data)
    read = load()
    assert read.settings == {}
    assert [problem.partition(" cannot be read: ")[0] for problem in read.problems] == [str(kept)]
    with pytest.raises(TargetProblem):
        save({}, {"scale": 125})
    assert kept.read_bytes() == data


def test_two_windows_keep_what_each_has_settled(kept: Path) -> None:
    written(kept, later={"version": 9})
    save({}, {"scale": 125})
    save({}, {"theme": "light"})
    assert json.loads(kept.read_text()) == {"later": {"version": 9}, "scale": 125, "theme": "light"}
    save({"scale": 125, "theme": "light"}, {"theme": "light"})
    assert json.loads(kept.read_text()) == {"later": {"version": 9}, "theme": "light"}


def test_two_commands_can_change_keys_with_each_other(kept: Path) -> None:
    written(kept, keys={"Undo": ["ctrl+y"], "Redo": ["Ctrl+Z"]})
    assert load() == ({"keys.Undo": ("Ctrl+Y",), "keys.Redo": ("Ctrl+Z",)}, ())


def test_what_a_recording_begins_with_is_settled_in_the_units_of_the_command_line(kept: Path) -> None:
    written(kept, capture={"memory": 64, "redact": ["iban"], "mode": "state"}, scale="large")
    read = load(of_capture())
    assert read.problems == ()  # what is wrong elsewhere is none of a recording's business
    settings = CaptureSettings(**capture_values(read.settings))
    assert (settings.mode, settings.redact, settings.chunk_count) == ("state", ("iban",), 1024)


def test_a_made_up_flag_and_a_made_up_detector_can_be_settled(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whim = Flag(name="whim", option="--whim", kind="count", default=5, least=1, most=9, help="how odd", label="W&him")
    monkeypatch.setattr(flags, "FLAGS", (*flags.FLAGS, whim))
    monkeypatch.setattr(registry, "DETECTORS", (*registry.DETECTORS, Detector("odd", "what is odd", "nowhere")))
    written(kept, capture={"whim": 9}, analyses={"odd": False})
    assert load() == ({"capture.whim": 9, "analyses.odd": False}, ())
    assert {row.name: row.says for row in all_settings()}["analyses.odd"] == "what is odd"


def test_a_made_up_setting_is_in_the_file_the_command_line_and_the_dialog(
    kept: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    owl = Setting("owl", "Look", "&Owl", "switch", False, "whether an owl sits on the roof")
    monkeypatch.setattr(table, "OWN", (*table.OWN, owl))
    assert scope_here(["settings", "owl", "on"]).returncode == 0
    assert load() == ({"owl": True}, ())
    assert owl.says in scope_here(["settings"]).stdout
    sent: list[Event] = []
    owner = QWidget()
    qtbot.addWidget(owner)
    dialog = SettingsDialog(owner, sent.append, with_settings(Assigns(), {"owl": True}))
    box = dialog.findChild(QCheckBox, "settings.owl")
    assert box is not None
    assert box.isChecked()
    box.click()
    assert sent == [ChangeSetting(name="owl", value=None)]


def test_every_default_may_be_settled_and_every_row_says_what_it_takes() -> None:
    rows = all_settings()
    assert len({row.name for row in rows}) == len(rows) > 100
    for row in rows:
        assert row.checked(row.default) == row.default, row.name
        assert row.takes()
        assert row.section in table.SECTIONS
        words = row.default if isinstance(row.default, tuple) else (row.in_words(row.default).removesuffix(row.unit),)
        assert row.from_words(words) == row.default, row.name
