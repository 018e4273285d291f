"""0 done, 1 failed, 2 wrong usage, of every verb; one sentence, and no traceback wherever the answer goes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scope_gui.verbs.registry import VERBS
from tests.damaged import flip_bit
from tests.scope_command import COMMAND, scope_here
from tests.sessions import build_session

ONE_PICTURE = ["--at", "50%", "-o", "a.png"]
CODES: dict[int, list[list[str]]] = {
    0: [
        ["--version"],
        ["--help"],
        ["query", "--help"],
        ["crashes"],
        ["info", "S"],
        ["frame", "S", "--at", "50 %"],
        ["events", "S", "--kind", "call", "--track", "2"],
        ["events", "S", "--kind", "state"],
        ["query", "S", "SELECT 1"],
        ["verify", "S"],
        ["index", "S"],
        ["recover", "S"],
        ["pack", "S", "-o", "packed.scope"],
        ["graph", "S", "--around", "7", "--json"],
        ["convert", "S", "S.json"],
        ["findings", "S"],
        ["top", "S", "--by", "errors", "--range", "10%..", "--thread", "worker-2"],
        ["calls", "S", "Store.put", "--slowest", "0"],
        ["tree", "S", "--by-thread", "--least", "0"],
        ["summary", "S", "--range", "10%..90%", "--limit", "3"],
        ["history", "S", "stock", "--limit", "2"],
        ["output", "S"],
    ],
    1: [
        *([verb, "nowhere.scope"] for verb in ("info", "verify", "index", "recover", "pack", "stop", "open", "events")),
        ["query", "nowhere.scope", "SELECT 1"],
        ["frame", "nowhere.scope", "--at", "1s"],
        ["export", "nowhere.scope", *ONE_PICTURE],
        ["graph", "nowhere.scope", "--around", "1", "--json"],
        ["convert", "nowhere.scope", "a.json"],
        ["findings", "nowhere.scope"],
        ["findings", "S", "--from", "90%", "--to", "10%"],
        ["top", "S", "--range", "90%..10%"],
        ["top", "S", "--thread", "nosuch"],
        ["calls", "S", "nosuch"],
        ["calls", "S", "Store."],
        ["tree", "nowhere.scope"],
        ["summary", "S", "--range", "90%..10%"],
        ["history", "S", "nosuch.key"],
        ["output", "nowhere.scope"],
        ["never-run", "S"],
        ["convert", "nowhere.json", "a.scope"],
        ["convert", "S", "S"],
        ["graph", "S", "--around", "201", "-o", "a.json"],
        ["attach", "4194305", "--no-window"],
        ["doctor", "4194305"],
        ["frame", "S", "--at", "101%"],
        ["query", "S", "SELECT"],
        ["query", "S", "DROP TABLE events"],
        ["events", "S", "--track", "99"],
        ["events", "S", "--from", "90%", "--to", "10%"],
        ["verify", "DAMAGED"],
        ["stop", "S"],
        ["trigger", "S"],
        ["configure", "S", "--mode", "full"],
        ["crashes", "nosuch.txt"],
    ],
    2: [
        ["frobnicate"],
        *([verb] for verb in ("attach", "run", "stop", "doctor", "info", "frame", "export", "events", "query")),
        *([verb] for verb in ("configure", "trigger", "verify", "recover", "index", "pack")),
        *([verb, "S", "--nosuch"] for verb in ("open", "demo", "info", "verify", "index", "recover", "pack", "stop")),
        ["crashes", "--delete"],
        ["guide", "nosuch"],
        ["settings", "nosuch"],
        ["attach", "one"],
        ["run", "--mode", "nosuch", "--", "true"],
        ["run", "--include", "", "--", "true"],
        ["run", "--redact", "", "--", "true"],
        ["attach", "4194305", "--exclude", ""],
        ["frame", "S", "--at", "soon"],
        ["frame", "S", "--at=-1s"],
        ["frame", "S", "--at", "nan"],
        ["open", "S", "--at", "1e400s"],
        ["export", "S", "--at", "", "-o", "a.png"],
        ["export", "S", *ONE_PICTURE, "--mark", "1,5s"],
        ["convert", "S"],
        ["findings", "S", "--kind", "nosuch"],
        ["top", "S", "--by", "luck"],
        ["top", "S", "--range", "1s"],
        ["tree", "S", "--range", "noon..1s"],
        ["tree", "S", "--least", "101"],
        ["calls", "S"],
        ["summary", "S", "--limit", "some"],
        ["history", "S"],
        ["logpoint", "S", "m.py:3"],
        ["logpoint", "S", "m.py:3", "open('x')"],
        ["step", "S", "--at", "1s", "--track", "2", "--by", "jump"],
        ["output", "S", "--at", "soon"],
        ["never-run"],
        ["convert", "S", "a.svg"],
        ["convert", "nowhere.json", "a.json"],
        ["graph", "S"],
        ["graph", "S", "--around", "7"],
        ["graph", "S", "--around", "seven", "--json"],
        ["graph", "S", "--around", "7", "-o", "a.png"],
        ["events", "S", "--from", "noon"],
        ["events", "S", "--to", "0x10ns"],
        ["events", "S", "--limit", "-1"],
        ["events", "S", "--limit", "99999999999999999999"],
        ["events", "S", "--kind", "nosuch"],
        ["events", "S", "--kind", ""],
        ["events", "S", "--kind", "call", "--kind", "call' OR 1=1 --"],
        ["query", "S", "SELECT 1", "--format", "xml"],
        ["info", "S", "--install-desktop"],
    ],
    125: [
        ["run", "--no-window", "-o", "r.scope", "--", "/nowhere/program"],
        ["run", "--no-window", "-o", "S", "--", "true"],
    ],
}  # fmt: skip
TABLE = [(code, words) for code, commands in CODES.items() for words in commands]

ANSWERS_INTO = """
import json, os, sys
sys.argv[0] = "scope-gui"
from scope_gui import cli, streams
from scope_gui.verbs import doctor, frame, index, info, pack, recover, verify  # once; nothing with threads
for at, (words, into) in enumerate(json.load(sys.stdin)):
    pid = os.fork()
    if pid == 0:
        fd = os.open(f"said-{at}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(fd, 2)
        os.close(1)
        if into == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        elif into == "left":
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, 1)
        streams.prepare_streams()
        sys.exit(cli.main(words))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([status, open(f"said-{at}").read()]), flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session that nobody changes, and one that has lost something."""
    path = tmp_path_factory.mktemp("codes")
    build_session(path / "S.scope", 200, segments=2)
    assert scope_here(["index", str(path / "S.scope")]).returncode == 0
    shutil.copytree(path / "S.scope", path / "DAMAGED.scope")
    flip_bit(next((path / "DAMAGED.scope" / "segments").glob("*.calls.parquet")))
    return path


def in_folder(words: list[str], folder: Path) -> list[str]:
    return [str(folder / f"{word}.scope") if word in {"S", "DAMAGED"} else word for word in words]


@pytest.mark.parametrize(("code", "words"), TABLE, ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_the_exit_code_says_how_it_went(
    code: int, words: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    done = scope_here(in_folder(words, folder))
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("scope-gui") and not line.endswith("%")]
    if code and words[:1] not in (["verify"], ["doctor"]):
        assert len(said) == 1, done.stderr
        assert done.stdout == ""


def test_every_verb_is_in_the_table_with_codes_that_its_help_names() -> None:
    assert {verb.name for verb in VERBS} == {
        words[0] for code, words in TABLE if code == 2 and words[0] != "frobnicate"
    }
    for verb in VERBS:
        codes = {code for code, words in TABLE if words[0] == verb.name}
        assert codes <= {code for code, _ in verb.codes}


def test_help_names_every_verb_and_what_it_is_for() -> None:
    said = scope_here(["--help"]).stdout
    for verb in VERBS:
        assert f"  {verb.name:<10} {verb.help}\n" in said
        assert "exit codes:" in scope_here([verb.name, "--help"]).stdout


def test_a_kind_that_there_is_not_is_answered_with_those_that_there_are(folder: Path) -> None:
    said = scope_here(["events", str(folder / "S.scope"), "--kind", "nosuch"]).stderr
    assert said.startswith("scope-gui: There is no kind 'nosuch' of events; there are call, resume, throw, return, ")
    assert said.count("\n") == 1


ANSWERS = [
    ["--version"],
    ["frame", "--help"],
    ["info", "S"],
    ["frame", "S", "--at", "50%", "--json"],
    ["verify", "S"],
    ["verify", "DAMAGED"],
    ["recover", "S"],
    ["index", "S"],
    ["pack", "S", "-o", "PACKED"],
    ["doctor", "PID", "--json"],
]


def test_an_answer_that_cannot_be_written_is_told_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    """Where standard output is closed or full; a reader that leaves is no failure, and the code is what it would be.

    Help and version ended in a traceback and 120; the verdict of `verify` was 0 once its reader had left.
    """
    me, asked = str(os.getpid()), list[tuple[list[str], str]]()
    for at, words in enumerate(ANSWERS):
        for into in ("closed", "full", "left"):
            mine = {"PID": me, "PACKED": str(tmp_path / f"{at}{into}.scope")}
            asked.append(([mine.get(word, word) for word in in_folder(words, folder)], into))
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS_INTO],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    ended: list[tuple[int, str]] = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(ended) == len(asked)
    why = {"closed": "Bad file descriptor", "full": "No space left on device"}
    for (words, into), (status, said) in zip(asked, ended, strict=True):
        lines = [line for line in said.splitlines() if "there is nothing to recover" not in line]
        if into == "left":
            lost: Any = any("DAMAGED" in word for word in words)
            assert (status, lines) == (int(lost), []), (words, said)
        else:
            sentence = f"scope-gui: The answer cannot be written to standard output: {why[into]}."
            assert (status, lines) == (1, [sentence]), (words, said)


@pytest.mark.parametrize("words", [["events", "S", "--limit", "0"], ["query", "S", "SELECT * FROM events"]])
def test_rows_that_cannot_be_written_are_told_in_one_sentence(words: list[str], folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [*COMMAND, *in_folder(words, folder)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left on device" in done.stderr


def test_what_another_user_keeps_to_themselves_is_said_in_one_sentence(tmp_path: Path) -> None:
    """`sudo scope-gui attach` makes a session of root's: `recover` ended in a traceback, `stop` saw no recorder."""
    if os.geteuid():
        pytest.skip("needs root, to become another user")
    verbs = ("info", "verify", "events", "index", "stop", "recover", "pack")
    build_session(tmp_path / "open.scope", 20)
    for verb in verbs:
        scope_here([verb, str(tmp_path / "open.scope")])  # what is imported now can be imported
    (shut := tmp_path / "shut").mkdir(mode=0o700)
    build_session(shut / "a.scope", 20)
    asked = [[verb, str(shut / name)] for verb in verbs for name in ("a.scope", "nowhere.scope")]
    os.seteuid(65534)
    try:
        ended = [scope_here(words) for words in asked]
    finally:
        os.seteuid(0)
    for words, done in zip(asked, ended, strict=True):
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (1, 1, ""), (words, done)
        assert "ermission denied" in done.stderr, (words, done)
