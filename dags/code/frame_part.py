"""The stacks of a state as parts of a frame. A call stays the same object while it stays open.

Scrubbing shows thousands of frames of which few change from step to step: making each once, by call id, is what
keeps a frame of two hundred threads within two milliseconds.
"""

from __future__ import annotations

import numpy as np

from capture.events.definitions import SiteRow
from dags.code.argument_text import arguments_of_text
from dags.code.dag import CodeDag
from dags.frame_parts import FrameArgument, LineIs, StackFrame
from dags.kernels import FLAG_ENTERED_EARLIER, FLAG_STANDS, Array

MAX_CALLS_KEPT = 200_000
UNKNOWN_SITE = SiteRow(site_id=0, function="?", module="", file="", line=0)


class StackFrames:
    """Makes the frames, and remembers them: as those whose line is not known, and at the latest line that was."""

    def __init__(self, sites: dict[int, SiteRow]) -> None:
        self._sites = sites
        self._known: dict[int, StackFrame] = {}
        self._at_line: dict[int, StackFrame] = {}

    def of(
        self, code: CodeDag, heads: Array, time_ns: int, *, call_ids_are_unique: bool
    ) -> dict[int, list[StackFrame]]:
        """The frames of those tracks, outermost first, by track id.

        `heads`: some of the present ones (`Stacks.heads`). After a damaged segment a replay may count calls anew; then
        nothing is kept.
        """
        rows = code.stacks.frames(heads)
        if len(self._known) > MAX_CALLS_KEPT or not call_ids_are_unique:
            self._known.clear()
            self._at_line.clear()
        known = self._known
        call_ids = rows["call_id"].tolist()
        new = [row for row, call_id in enumerate(call_ids) if call_id not in known]
        for row, text in zip(new, code.arguments_of(rows["call_id"][new]), strict=True):
            known[call_ids[row]] = self._frame(rows[row], "defined", None if text is None else arguments_of_text(text))
        frames = [known[call_id] for call_id in call_ids]
        for row, line, line_is in _known_lines(heads, rows, time_ns):
            at_line = self._at_line.get(call_ids[row])
            if at_line is None or at_line.line != line or at_line.line_is != line_is:
                at_line = self._at_line[call_ids[row]] = self._frame(rows[row], line_is, frames[row].arguments)
            frames[row] = at_line
        result, at = {}, 0
        for track_id, depth in zip(heads["track_id"].tolist(), heads["depth"].tolist(), strict=True):
            result[track_id] = frames[at : at + depth]
            at += depth
        return result

    def _frame(self, row: Array, line_is: LineIs, arguments: tuple[FrameArgument, ...] | None) -> StackFrame:
        call_id, entered_ns, site_id, line, flags, _ = row.item()
        site = self._sites.get(site_id, UNKNOWN_SITE)
        return StackFrame(
            function=site.function,
            file=site.file,
            line=site.line if line_is == "defined" else line,
            call_id=call_id,
            entered_ns=entered_ns,
            line_is=line_is,
            entered_earlier=bool(flags & FLAG_ENTERED_EARLIER),
            module=site.module,
            site_id=site_id,
            arguments=arguments,
        )


def _known_lines(tracks: Array, rows: Array, time_ns: int) -> list[tuple[int, int, LineIs]]:
    """The rows of frames whose line is true at the instant, and the lines.

    A call tells the line of its caller, and a snapshot that of every frame. An outer one stands there until the call
    that it made returns, which is an event; the innermost goes on without telling, so its line holds for the moment of
    the snapshot only, or from the recorder's last look on. Where events are missing, neither is known.
    """
    with_line = np.flatnonzero(rows["line"])
    if not len(with_line):
        return []
    stops = np.cumsum(tracks["depth"], dtype=np.int64)
    owner = stops.searchsorted(with_line, "right")
    is_innermost = with_line == stops[owner] - 1
    stands = (rows["flags"][with_line] & FLAG_STANDS) > 0
    is_moment = tracks["snapshot_ns"][owner] == time_ns
    known = (tracks["unknown_since_ns"][owner] < 0) & (is_moment | stands | ~is_innermost)
    words: tuple[LineIs, LineIs] = ("called_from", "current")
    at = with_line[known]
    return [
        (row, line, words[innermost])
        for row, line, innermost in zip(
            at.tolist(), rows["line"][at].tolist(), is_innermost[known].tolist(), strict=True
        )
    ]
