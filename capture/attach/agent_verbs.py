"""What a recorder may ask of an agent: every verb, one row each.

The agent's own half is `VERBS` of `agent/_scope_agent.py`, which can import nothing of ours; a test holds the two
together. No verb carries code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class AgentVerb(NamedTuple):
    """One thing to ask. The answer is the message with this `event`; "": the next message that is no event.

    `takes` are the keys that go with the question, None: `CaptureSettings.live_orders`; `patience_s` is how long an
    answer may take.
    """

    name: str
    help: str
    event: str = ""
    takes: tuple[str, ...] | None = ()
    patience_s: float = 5.0


VERBS: tuple[AgentVerb, ...] = (
    AgentVerb("ping", "whether anybody listens"),
    AgentVerb("status", "how the recording stands"),
    AgentVerb("stop", "take every hook out, and go", event="stopped", patience_s=8.0),
    AgentVerb(
        "configure",
        "record something else from now on",
        event="configured",
        takes=None,
        patience_s=8.0,
    ),
)
BY_NAME: Mapping[str, AgentVerb] = {verb.name: verb for verb in VERBS}
