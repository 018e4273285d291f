"""Secrets are in no recording: by the name that holds them or by their look, in values and in command lines alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from capture.names import command_line
from capture.redaction import REDACTED, hide_names, redacted
from capture.session.session import Session
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope

PROGRAM = Path(__file__).with_name("programs") / "secrets_under_ordinary_names.py"
SECRETS = (
    *("hunter2", "topsecret", "abcdef-header", "nested-pass", "aws-nested", "tok-in-list", "in-a-line", "keybytes"),
    *("pem-bytes", "pwd-short", "django-secret", "abcdefghijkl", "ABCDEFGHIJKLMNOP"),
    *("attr-pass", "attr-pw", "attr-auth", "attr-cookie"),
)
PLAIN = ("plain-author", "plain-path", "plain-step", "plain-user")


@pytest.mark.sampled
def test_no_secret_of_a_program_is_in_its_recording(interpreter: Interpreter, tmp_path: Path) -> None:
    words = [interpreter.path, PROGRAM, "--password", "on-the-line", "--token=tok-on-the-line", "plain-word"]
    run_recorded(tmp_path / "s.scope", words, "--state", "__main__.Login")
    values = str(query(tmp_path / "s.scope", "SELECT old, new FROM states"))
    assert not [secret for secret in SECRETS if secret in values]
    assert not [word for word in PLAIN if word not in values]
    (process,) = query(tmp_path / "s.scope", "SELECT command FROM processes")
    with Session.open(tmp_path / "s.scope") as session:
        asked = " ".join(session.manifest.about.command)
    assert "on-the-line" not in process["command"] + asked
    assert asked.endswith("plain-word")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--api-key=abc next", "--api-key=*** next"),
        ("--password abc next", "--password *** next"),
        ("--password --next", "--password --next"),
        ("DB_PWD='a b' x", "DB_PWD='***' x"),
        ('{"token": "abc", "n": 1}', '{"token": "***", "n": 1}'),
        ("Authorization: Basic dXNlcg==", "Authorization: ***"),
        ("Cookie: a=1; b=2", "Cookie: ***"),
        ("curl -H 'Bearer abcdefgh'", "curl -H '***'"),
        ("redis://:abc@host:6379/0", "redis://:***@host:6379/0"),
        ("https://user@host/a:b@c", "https://user@host/a:b@c"),
        ("ghp_0123456789abcdef0123 rest", "*** rest"),
        ("?access_token=abc&page=2", "?access_token=***&page=2"),
        ("x if token == y", "x if token == y"),
        ("author=bob step: 3 task-sk-1", "author=bob step: 3 task-sk-1"),
        ("", ""),
    ],
)
def test_a_text_keeps_all_but_its_secrets(text: str, shown: str) -> None:
    assert redacted(text).replace(REDACTED, "***") == shown


@pytest.mark.parametrize(
    "name", ["pw", "pwd", "DB_PASSWORD", "api-key", "session_id", "auth_header", "jwt", "author", "power"]
)
def test_values_and_command_lines_go_by_one_table(name: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(f"{name.replace('-', '_')} = 'the-value'\n")
    run_recorded(tmp_path / "s.scope", [sys.executable, tmp_path / "app.py"])
    (value,) = query(tmp_path / "s.scope", "SELECT new FROM states WHERE owner = '__main__'")
    assert ("the-value" in value["new"]) == ("the-value" in redacted(f"--{name}=the-value"))


@pytest.mark.sampled
def test_what_stands_beside_a_secret_is_shown(interpreter: Interpreter, tmp_path: Path) -> None:
    run_recorded(tmp_path / "s.scope", [interpreter.path, PROGRAM], "--state", "__main__.Login")
    values = {row["key"]: row["new"] for row in query(tmp_path / "s.scope", "SELECT key, new FROM states")}
    shown = {
        name: values[name].replace(REDACTED, "***") for name in ("DATABASE_URL", "headers", "config", "line", "pwd")
    }
    assert shown == {
        "DATABASE_URL": "'postgres://user:***@host/db'",
        "headers": "{'Authorization': ***, 'x': 1}",
        "config": "{'db': {'password': ***}, 'aws_secret_access_key': ***}",
        "line": "'password=***'",
        "pwd": "***",
    }


@pytest.mark.sampled
def test_names_of_ones_own_are_hidden_as_well(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "class Account:\n    def __init__(self):\n"
        "        self.iban, self.owner = 'held-by-an-attribute', 'shown-owner'\n"
        "customer_IBAN = 'held-by-a-global'\naccounts = {'iban': 'held-by-a-key'}\nbank = {'bic': 'shown-bic'}\n"
        "note = 'iban=in-a-text'\nother = 'bic=shown-in-text'\nAccount()\n"
    )
    words = [interpreter.path, tmp_path / "app.py", "--iban=on-the-line", "shown-word"]
    session = tmp_path / "s.scope"
    run_recorded(session, words, "--redact", "IBAN", "--redact", "pin-code", "--state", "__main__.Account")
    values = str(query(session, "SELECT new FROM states") + query(session, "SELECT command FROM processes"))
    assert not [word for word in ("held-by", "in-a-text", "on-the-line") if word in values]
    missing = [word for word in ("shown-owner", "shown-bic", "shown-in-text", "shown-word") if word not in values]
    assert missing == [], values
    with Session.open(session) as opened:
        assert opened.manifest.about.redact == ["IBAN", "pin-code"]


@pytest.mark.parametrize("names", [["a" * 64], [""], [f"name{n}" for n in range(17)]], ids=["long", "empty", "many"])
def test_names_that_cannot_be_searched_for_are_refused(names: list[str], tmp_path: Path) -> None:
    flags = [word for name in names for word in ("--redact", name)]
    words = ("run", "--no-window", "-o", tmp_path / "s.scope", *flags, "--", sys.executable, "-c", "pass")
    done = scope(*words, expect=2)
    assert "--redact" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_recording_forgets_the_names_of_the_one_before() -> None:
    hide_names(["iban"])
    assert redacted("--iban=1") == f"--iban={REDACTED}"
    hide_names([])
    assert redacted("--iban=1") == "--iban=1"


@pytest.mark.parametrize("words", [["--password", "hunter 2"], ["--token=hunter's 2"], ["PASSWORD=hunter, 2"]])
def test_the_whole_of_a_word_is_hidden(words: list[str]) -> None:
    """What came after its first space or quote was shown."""
    assert command_line(["app.py", *words, "a b"]).endswith(f"{REDACTED} 'a b'")
