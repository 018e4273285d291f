"""Secrets are in no recording: by the name that holds them or by their look, in values and in command lines alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from capture.redaction import REDACTED, redacted
from capture.session import Session
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded

PROGRAM = Path(__file__).with_name("programs") / "secrets_under_ordinary_names.py"
SECRETS = (
    *("hunter2", "topsecret", "abcdef-header", "nested-pass", "aws-nested", "tok-in-list", "in-a-line", "keybytes"),
    *("pem-bytes", "pwd-short", "django-secret", "abcdefghijkl", "ABCDEFGHIJKLMNOP"),
    *("attr-pass", "attr-pw", "attr-auth", "attr-cookie"),
)
PLAIN = ("plain-author", "plain-path", "plain-step", "plain-user")


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
