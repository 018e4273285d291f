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
from scope_gui.recording.overhead import OverheadMeter, SlowedTime, Spent, Taken, overhead_of, prices


class ProcessStanding:
    """One process's numbers."""

    def __init__(self) -> None:
        self.pid = 0
        self.dropped = 0
        self.memory_bytes = 0
        self._agent_thread: int | None = None
        self._agent_s = 0.0
        self._earlier_agents_s = 0.0
        self._drain: Drain | None = None
        self._meter = OverheadMeter(None)
        self._slowed: SlowedTime | None = None

    def begin(self, pid: int, drain: Drain | None, channel: AgentChannel | None) -> None:
        """The recording of this process has begun; without an agent it is watched from outside only."""
        self.pid, self._drain = pid, drain
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
        self._agent_thread, self._agent_s = ThreadNumbers(self.pid).ours(thread_id), 0.0

    def glance(self, pool: Pool | None) -> None:
        """Takes note of what the target is at, at each turn of the loop; a few microseconds."""
        if self._slowed is None or pool is None:
            return
        before_s, slowed, after_s = cpu_clock(self.pid), pool.cost_count(Cost.SLOWED_NOW), cpu_clock(self.pid)
        if before_s is not None and after_s is not None:
            self._slowed.look(clock.monotonic_ns() / 1e9, before_s, slowed != 0, after_s)

    def look(self, pool: Pool | None) -> None:
        """Takes note of what the target has produced and used."""
        if pool is None or self._drain is None:
            return
        self.dropped, self.memory_bytes = pool.counters().dropped, pool.memory_bytes + pool.table_bytes
        cpu_s = cpu_clock(self.pid)
        if cpu_s is None:
            return
        agent_s = cpu_seconds(self.pid, self._agent_thread) if self._agent_thread else None
        self._agent_s = agent_s or self._agent_s
        agents_s = self._earlier_agents_s + self._agent_s
        slowed_s = self._slowed.settle(cpu_s) if self._slowed is not None else 0.0
        at_s = clock.monotonic_ns() / 1e9
        self._meter.look(Spent(at_s, self.produced, cpu_s, agents_s, pool.cost_counts, slowed_s, pool.tick_s))

    @property
    def produced(self) -> int:
        """Events so far: those in the journal, and those that were lost."""
        return (self._drain.events if self._drain is not None else 0) + self.dropped

    @property
    def events_per_s(self) -> float:
        """Events a second in the last seconds."""
        return self._meter.events_per_s

    @property
    def taken(self) -> Taken | None:
        """What recording has taken of this process's CPU time in the last seconds."""
        return self._meter.taken

    @property
    def taken_in_all(self) -> Taken | None:
        """The same since its recording began."""
        return self._meter.taken_in_all


class Standing:
    """The numbers of one recording: those of its processes, added up."""

    def __init__(self, session_id: str, start_ns: int) -> None:
        self.saved_percent: int | None = None
        self._session_id = session_id
        self._start_ns = start_ns
        self._processes: list[ProcessStanding] = []

    def add(self, process: ProcessStanding) -> None:
        """Counts one more process."""
        self._processes.append(process)

    @property
    def overhead(self) -> Overhead | None:
        """The share of the targets' CPU time that the whole recording has taken."""
        return overhead_of(process.taken_in_all for process in self._processes)

    def status(self) -> dict[str, object]:
        """The answer; views.loop.state.Recorder has the same names."""
        share = overhead_of(process.taken for process in self._processes)
        return {
            "session_id": self._session_id,
            "pid": self._processes[0].pid if self._processes else 0,
            "recording_ns": clock.monotonic_ns() - self._start_ns,
            "state": "recording" if self.saved_percent is None else "saving",
            "saved_percent": self.saved_percent or 0,
            "produced": sum(process.produced for process in self._processes),
            "events_per_s": sum(process.events_per_s for process in self._processes),
            "dropped": sum(process.dropped for process in self._processes),
            "memory_bytes": sum(process.memory_bytes for process in self._processes),
            "overhead": share.whole if share is not None else None,
            "overhead_left_out": share.left_out if share is not None else None,
        }

    def saved(self, percent: int) -> None:
        """So much of the session is sealed."""
        self.saved_percent = percent
