"""The interpreter calls our callbacks without the layer between: see native/recorder/hooks/direct_call.c."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture.agent.recordings import Recording, script
from tests.interpreters import Interpreter
from tests.targets import Launcher

EVENTS = ["PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD"]

LOOKS_AT_CALLBACKS = f"""
import ctypes, json, sys
monitoring = sys.monitoring
tool = [monitoring.get_tool(i) for i in range(6)].index("scope")

def pointer_at(address):
    return ctypes.c_void_p.from_address(address).value

def callback_of(event):
    number = getattr(monitoring.events, event)
    callback = monitoring.register_callback(tool, number, None)
    monitoring.register_callback(tool, number, callback)
    return callback

told = {{}}
for event in {EVENTS!r}:
    callback = callback_of(event)
    definition = pointer_at(id(callback) + 16)
    told[event] = [type(callback).__name__, pointer_at(id(callback) + 48) == pointer_at(definition + 8)]
usual = len
told["usual"] = pointer_at(id(usual) + 48) == pointer_at(pointer_at(id(usual) + 16) + 8)
print(json.dumps(told))
"""


@pytest.mark.minors("3.12", "3.13", "3.14", "3.15")
def test_the_interpreter_calls_our_callbacks_directly(
    interpreter: Interpreter, target: Launcher, recording: Callable[..., Recording], tmp_path: Path
) -> None:
    one = recording(mode="performance")
    started = one.launch(target, interpreter, script(tmp_path, LOOKS_AT_CALLBACKS))
    assert started.wait() == 0, started.output()
    told = json.loads(started.output())
    assert told.pop("usual") is False
    assert told == {event: ["builtin_function_or_method", True] for event in EVENTS}
    assert one.read().all_events()
