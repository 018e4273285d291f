"""A capture flag is one row: a made-up one is everywhere that the others are, without another edit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from capture import flags
from capture.attach.bootstrap import Bootstrap
from capture.drain.journal import JournalReader
from capture.errors import WrongUsage
from capture.own_folder import OwnFolder
from capture.settings import CaptureSettings
from scope_gui import command_line
from scope_gui.command_line import build_parser
from scope_gui.recording.recorder import Recording
from scope_gui.recording.sealer import Sealer

DEPTH = flags.Flag(
    name="deepest", option="--deepest", kind="count", default=100, least=1, most=1000, metavar="N", is_live=True,
    help="record no call deeper than so many", label="No &deeper than", hint=" calls", agent_key="deepest_call",
)  # fmt: skip


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(flags, "FLAGS", (*flags.FLAGS, DEPTH))
    command_line._parser.cache_clear()
    yield
    command_line._parser.cache_clear()


def _settings(*words: str) -> CaptureSettings:
    return CaptureSettings.checked(**flags.given_flags(build_parser().parse_args(["attach", "1", *words])))


@pytest.mark.usefixtures("made_up")
def test_a_flag_is_in_the_help_and_parsed_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["run", "--help"])
    assert "--deepest N" in (said := capsys.readouterr().out)
    assert DEPTH.help in " ".join(said.split())
    settings = _settings("--deepest", "7")
    assert settings.values["deepest"] == 7
    assert settings.words() == ("--deepest", "7")
    assert _settings().values["deepest"] == 100
    with pytest.raises(SystemExit):
        _settings("--deepest", "0")
    assert "must be 1 to 1000" in capsys.readouterr().err
    with pytest.raises(WrongUsage, match="--deepest takes 1 to 1000"):
        settings.changed(deepest=0)


def test_classes_are_named_or_the_users_or_none() -> None:
    assert _settings("--state", "off").state == ()
    both = _settings("--state", flags.USER_CLASSES, "--state", "orders.Stock")
    assert both.state == ("user.*", "orders.Stock")
    assert both.words() == ("--state", "user.*", "--state", "orders.Stock")
    assert both.changed(state=[]).state == both.changed(state=["off"]).state == ()
    assert CaptureSettings(**{**both.facts(), "state": ["off", "x"]}).state == ("off", "x")
    row = msgspec.structs.replace(flags.BY_NAME["state"], default=("user.*",))
    assert [*row.words(())] == ["--state", "off"]


@pytest.mark.usefixtures("made_up")
def test_a_flag_is_in_the_sessions_facts_and_its_description_and_the_agents_orders(tmp_path: Path) -> None:
    settings = _settings("--deepest", "7")
    recording = Recording(tmp_path / "a.scope", settings, ["program"])
    recording._journal.sync()
    reader = JournalReader(tmp_path / "a.scope" / "journal")
    fact = json.loads(bytes(reader.read()[0].payload))
    reader.close()
    assert fact["deepest"] == 7
    folder = OwnFolder.adopt(os.dup(recording._folder.fd), tmp_path / "a.scope")
    sealer = Sealer.start(folder)
    about = sealer._store.head.about
    sealer.close()
    assert (about.mode, about.flags["deepest"]) == ("full", 7)
    recording._journal.close()
    recording._folder.close()
    with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
        pool = tmp_path / "pool" / "1"
        pool.mkdir(parents=True)
        orders = json.loads(bootstrap.write_config(settings, pool, 1).read_bytes())
        bootstrap.channel.close()
    assert orders["deepest_call"] == 7


def test_every_row_is_whole() -> None:
    names = [flag.name for flag in flags.FLAGS]
    options = [flag.option for flag in flags.FLAGS]
    assert len(set(names)) == len(set(options)) == len(flags.FLAGS)
    for flag in flags.FLAGS:
        assert flag.checked(flag.default) == flag.default
        assert flag.help
        assert flag.label
        assert bool(flag.choices) == (flag.kind == "choice")
