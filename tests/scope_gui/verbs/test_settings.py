"""`scope-gui settings` shows and changes what is settled, and the verbs go by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scope_gui.command_line import build_parser
from scope_gui.settings.file import settings_file
from scope_gui.settings.table import all_settings
from scope_gui.verbs.record import capture_settings
from tests.scope_command import scope_here
from tests.sessions import build_session


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_all_settings_are_listed_with_what_they_mean() -> None:
    said = scope_here(["settings"]).stdout
    for row in all_settings():
        assert row.name in said
        assert row.says in said
    assert set(json.loads(scope_here(["settings", "--json"]).stdout)) == {row.name for row in all_settings()}


def test_a_setting_is_changed_shown_and_put_back() -> None:
    assert scope_here(["settings", "scale", "125"]).returncode == 0
    assert scope_here(["settings", "capture.redact", "iban", "pin"]).returncode == 0
    assert scope_here(["settings", "scale"]).stdout == "125 %\n"
    assert json.loads(settings_file().read_text()) == {"scale": 125, "capture": {"redact": ["iban", "pin"]}}
    assert scope_here(["settings", "scale", "--reset"]).returncode == 0
    assert json.loads(scope_here(["settings", "scale", "--json"]).stdout) == {"scale": 100}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["scale", "900"], 2, "scale takes 80 to 200 %, not 900."),
        (["scale", "large"], 2, "scale takes 80 to 200 %, not 'large'."),
        (["scael"], 2, "There is no setting 'scael'. Did you mean 'scale'?"),
        (["keys.Undo", "X"], 1, "keys.Undo: X is the key of “Next exception”."),
        (["--reset"], 2, "Say one setting"),
    ],
)
def test_what_cannot_be_settled_is_refused_in_a_sentence(words: list[str], code: int, said: str) -> None:
    done = scope_here(["settings", *words])
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert not settings_file().exists()


def test_a_recording_begins_as_it_is_settled_unless_it_is_said_otherwise() -> None:
    scope_here(["settings", "capture.mode", "performance"])
    scope_here(["settings", "capture.redact", "iban"])
    scope_here(["settings", "capture.exclude", "orders.audit"])
    parse = build_parser().parse_args
    settled = capture_settings(parse(["attach", "1"]))
    assert (settled.mode, settled.redact, settled.exclude) == ("performance", ("iban",), ("orders.audit",))
    typed = capture_settings(parse(["attach", "1", "--mode", "full", "--redact", "pin", "--exclude", "x"]))
    assert (typed.mode, typed.redact, typed.exclude) == ("full", ("iban", "pin"), ("x",))
    bare = capture_settings(parse(["attach", "1", "--no-settings"]))
    assert (bare.mode, bare.redact, bare.exclude) == ("full", (), ())


def test_an_analysis_that_is_switched_off_is_not_made_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = str(build_session(tmp_path / "orders.scope", events=400).path)
    scope_here(["settings", "analyses.grows", "off"])
    said = scope_here(["findings", path]).stderr
    assert "switched off in the settings: grows" in said
    assert "switched off" not in scope_here(["findings", path, "--kind", "grows"]).stderr
