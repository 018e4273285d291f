"""Lines and local variables as parts of a frame."""

from __future__ import annotations

import msgspec
import numpy as np

from dags.frame_parts import FrameLocal, StackFrame
from dags.kernels import Array
from dags.locals.dag import Activation, LocalsDag


def add_locals(stacks: dict[int, list[StackFrame]], heads: Array, local: LocalsDag) -> None:
    """Puts what lines have told into the stacks, by track; `heads` are those of the tracks (`Stacks.heads`).

    A line stands until the next one of its call, which is an event: it is the current one of the innermost call, and
    made the call above it in any other. Where events are missing nothing is known.
    """
    if local.knows_nothing:
        return
    told = heads["track_id"][heads["unknown_since_ns"] < 0].tolist()
    asked = [frame.call_id for track_id in told for frame in stacks.get(track_id, ())]
    activations = local.of(np.array(asked, np.int64))
    for track_id in told if activations else ():
        stack = stacks.get(track_id, [])
        for at, frame in enumerate(stack):
            if (one := activations.get(frame.call_id)) is not None:
                stack[at] = _at_line(frame, one, is_innermost=at == len(stack) - 1)


def _at_line(frame: StackFrame, at: Activation, *, is_innermost: bool) -> StackFrame:
    """The frame with what its lines tell. An argument that they have not told is as it was given."""
    given = {one.name.lstrip("*"): one.value for one in frame.arguments or () if one.name}
    held = tuple(
        FrameLocal(name=name, value=value, since_ns=frame.entered_ns, changed=False)
        for name, value in given.items()
        if name not in at.variables
    )
    held += tuple(
        FrameLocal(name=name, value=one.value, since_ns=one.since_ns, changed=one.event_id >= max(at.event_id, 1))
        for name, one in at.variables.items()
        if one.value is not None
    )
    if not at.line:
        return msgspec.structs.replace(frame, locals=held)
    line_is = "current" if is_innermost else "called_from"
    return msgspec.structs.replace(frame, locals=held, line=at.line, line_is=line_is)
