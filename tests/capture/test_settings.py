"""There are no capture settings that have not been checked, whichever way they come in."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from capture.attach.bootstrap import Bootstrap
from capture.errors import WrongUsage
from capture.flags import given_flags
from capture.settings import CaptureSettings
from scope_gui.command_line import build_parser
from tests.scope_command import scope

NONSENSE = [
    ({"include": [""]}, "--include '' is empty"),
    ({"exclude": ["orders", " \t"]}, "--exclude ' \t' is empty"),
    ({"state": ["a\0b"]}, "zero byte"),
    ({"redact": [" "]}, "--redact ' ' is empty"),
    ({"redact": ["x" * 64]}, "What --redact names may have 63 bytes"),
    ({"redact": ["x"] * 17}, "--redact may be given 16 times"),
    ({"include": ["thread: "]}, "names no thread"),
    ({"include": "orders"}, "--include takes texts, not 'orders'"),
    ({"include": [3]}, "--include takes texts, not 3"),
    ({"mode": "fast"}, "--mode takes one of full, performance"),
    ({"mode": None}, "--mode takes one of"),
    ({"when_full": "wait"}, "--when-full takes one of drop, block"),
    ({"chunk_count": 0}, "--memory takes 1 to 4096, not 0"),
    ({"chunk_count": True}, "--memory takes 1 to 4096, not True"),
    ({"chunk_count": 1 << 20}, "--memory takes 1 to 4096"),
    ({"modus": "full"}, "no capture setting 'modus'"),
]


@pytest.mark.parametrize(("given", "said"), NONSENSE)
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(given: dict[str, object], said: str) -> None:
    for make in (CaptureSettings, CaptureSettings.checked):
        with pytest.raises(WrongUsage) as caught:
            make(**given)
        assert said in caught.value.message
        assert caught.value.message.endswith(".")
        assert "\n" not in caught.value.message


def test_settings_cannot_be_changed_past_the_check() -> None:
    settings = CaptureSettings(include=["orders"])
    with pytest.raises(AttributeError):
        settings.values = {"include": ("",)}
    with pytest.raises(TypeError):
        settings.values["include"] = ("",)  # type: ignore[index]
    with pytest.raises(AttributeError):
        settings.include = ("",)  # type: ignore[misc]
    assert isinstance(settings.include, tuple)
    with pytest.raises(AttributeError):
        copy.copy(settings)


@pytest.mark.parametrize("flag", ["--include", "--exclude", "--state", "--redact"])
@pytest.mark.parametrize("text", ["", " "])
def test_the_command_line_refuses_an_empty_name_before_anything_runs(flag: str, text: str, tmp_path: Path) -> None:
    """`--include ''` recorded nothing and ended with 0."""
    session, ran = tmp_path / "a.scope", tmp_path / "ran"
    done = scope("run", "-o", session, flag, text, "--", "touch", ran, expect=2)
    assert f"{flag} '{text}' is empty" in done.stderr
    assert not session.exists()
    assert not ran.exists()


def test_what_a_window_asks_its_recorder_for_is_what_was_chosen() -> None:
    settings = CaptureSettings(
        mode="state", include=["orders.*", "my pkg"], exclude=["orders.audit"], when_full="block", chunk_count=1024
    )
    parsed = build_parser().parse_args(["run", *settings.words(), "--", "python", "a.py", "--mode", "x"])
    assert CaptureSettings.checked(**given_flags(parsed)) == settings
    assert parsed.command[-4:] == ["python", "a.py", "--mode", "x"]
    assert CaptureSettings().words() == ()


def test_the_agent_is_told_nothing_that_was_not_checked(tmp_path: Path) -> None:
    pool = tmp_path / "pool" / "1"
    pool.mkdir(parents=True)
    with Bootstrap(0, 0) as bootstrap, pytest.raises(AttributeError):
        try:
            bootstrap.write_config({"include": [""]}, pool, 1)  # type: ignore[arg-type]
        finally:
            bootstrap.channel.close()


def test_only_live_flags_change_while_something_is_recorded() -> None:
    settings = CaptureSettings(include=["orders"])
    assert settings.changed(include=[], mode="minimal") == CaptureSettings(mode="minimal")
    for given in ({"chunk_count": 16}, {"redact": ["iban"]}, {"mode": "observe"}):
        with pytest.raises(WrongUsage, match="cannot change"):
            settings.changed(**given)
    with pytest.raises(WrongUsage, match="is empty"):
        settings.changed(include=[""])
