"""capture.attach.agent_verbs: what the recorder may ask is what the agent answers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from capture.attach.agent_verbs import VERBS
from capture.attach.channel import AgentChannel
from capture.errors import ScopeBug

ROOT = Path(__file__).resolve().parents[3]


def test_the_agent_answers_every_verb_and_no_other() -> None:
    source = ast.parse((ROOT / "capture" / "agent" / "_scope_agent.py").read_text())
    tables = [
        node.value
        for node in source.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict)
        and [ast.unparse(target) for target in node.targets] == ["VERBS"]
    ]
    assert [ast.literal_eval(key) for key in tables[0].keys if key is not None] == [verb.name for verb in VERBS]


def test_every_verb_is_described_where_the_conversation_is() -> None:
    described = (ROOT / "capture" / "agent" / "README.md").read_text()
    for verb in VERBS:
        assert f'{{"do": "{verb.name}"' in described
        assert not verb.event or f'{{"event": "{verb.event}"' in described


@pytest.mark.parametrize("do", ["eval", "ping"])
def test_nothing_else_is_asked(tmp_path: Path, do: str) -> None:
    with AgentChannel.listen(tmp_path) as channel, pytest.raises(ScopeBug, match=do):
        channel.request(do, {"code": "1/0"})
