"""How a recording stands: what the recorder answers when somebody asks, whatever it is at.

The recorder's loop looks a few times a second; answers are made of its last look, so that they can be given from
another thread, also while the pool is being closed.
"""

from __future__ import annotations

from typing import Any

from capture import clock
from capture.attach.channel import AgentChannel
from capture.drain.drain import Drain
from capture.drain.pool import Cost, Pool
from capture.drain.probe import cpu_clock, cpu_seconds
from capture.measured_cost import Overhead
from capture.target.thread_numbers import ThreadNumbers
from scope_gui.recording.overhead import OverheadMeter, SlowedTime, Spent, prices


class Standing:
    """One recording's numbers."""

    def __init__(self, session_id: str, start_ns: int) -> None:
        self.saved_percent: int | None = None
        self._session_id = session_id
        self._start_ns = start_ns
        self._pid = 0
        self._agent_thread: int | None = None
        self._agent_s = 0.0
        self._earlier_agents_s = 0.0
        self._drain: Drain | None = None
        self._meter = OverheadMeter(None)
        self._slowed: SlowedTime | None = None
        self._dropped = 0
        self._memory_bytes = 0

    def begin(self, pid: int, drain: Drain | None, channel: AgentChannel | None) -> None:
        """The recording of this process has begun; without an agent it is watched from outside only."""
        self._pid, self._drain = pid, drain
        if channel is not None:
            told: Any = channel.recording.get("cost")
            cost: dict[str, Any] = told if isinstance(told, dict) else {}
            thread = cost.get("agent_thread")
            self._agent_thread = ThreadNumbers(pid).ours(thread) if isinstance(thread, int) and thread > 0 else 0
            found = prices(cost)
            self._meter = OverheadMeter(found)
            self._slowed = SlowedTime() if found is not None and found.slowdown > 1.0 else None

    def agent_goes_on_as(self, thread_id: int) -> None:
        """The agent has another thread by now: it was sent away for a fork."""
        self._earlier_agents_s += self._agent_s
        self._agent_thread, self._agent_s = ThreadNumbers(self._pid).ours(thread_id), 0.0

    def glance(self, pool: Pool | None) -> None:
        """Takes note of what the target is at, at each turn of the loop; a few microseconds."""
        if self._slowed is None or pool is None:
            return
        before_s, slowed, after_s = cpu_clock(self._pid), pool.cost_count(Cost.SLOWED_NOW), cpu_clock(self._pid)
        if before_s is not None and after_s is not None:
            self._slowed.look(clock.monotonic_ns() / 1e9, before_s, slowed != 0, after_s)

    def look(self, pool: Pool | None) -> None:
        """Takes note of what the target has produced and used."""
        if pool is None or self._drain is None:
            return
        self._dropped, self._memory_bytes = pool.counters().dropped, pool.memory_bytes + pool.table_bytes
        cpu_s = cpu_clock(self._pid)
        if cpu_s is None:
            return
        agent_s = cpu_seconds(self._pid, self._agent_thread) if self._agent_thread else None
        self._agent_s = agent_s or self._agent_s
        agents_s = self._earlier_agents_s + self._agent_s
        slowed_s = self._slowed.settle(cpu_s) if self._slowed is not None else 0.0
        at_s = clock.monotonic_ns() / 1e9
        self._meter.look(Spent(at_s, self.produced, cpu_s, agents_s, pool.cost_counts, slowed_s))

    @property
    def produced(self) -> int:
        """Events so far: those in the journal, and those that were lost."""
        return (self._drain.events if self._drain is not None else 0) + self._dropped

    @property
    def overhead(self) -> Overhead | None:
        """The share of the target's CPU time that the whole recording has taken."""
        return self._meter.whole_share

    def status(self) -> dict[str, object]:
        """The answer; views.loop.state.Recorder has the same names."""
        share = self._meter.share
        return {
            "session_id": self._session_id,
            "pid": self._pid,
            "recording_ns": clock.monotonic_ns() - self._start_ns,
            "state": "recording" if self.saved_percent is None else "saving",
            "saved_percent": self.saved_percent or 0,
            "produced": self.produced,
            "events_per_s": self._meter.events_per_s,
            "dropped": self._dropped,
            "memory_bytes": self._memory_bytes,
            "overhead": share.whole if share is not None else None,
            "overhead_left_out": share.left_out if share is not None else None,
        }

    def saved(self, percent: int) -> None:
        """So much of the session is sealed."""
        self.saved_percent = percent
