"""Session-wide ids: which process, track, site and state key a target's own numbers mean.

Ids are dense from 1 in journal order, so that reading a journal twice names everything alike. A definition may come
after its first use (a block was lost and found): the row then exists already and is filled in.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np

from capture.changes import SettingsChange
from capture.decode.qualname import qualified_name
from capture.decode.records import TrackQueue
from capture.decode.site_lines import SiteLines
from capture.decode.timebase import Timebase
from capture.decode.value_texts import MOST_TYPES, ValueNames
from capture.decode.waits import Waits
from capture.errors import FormatError
from capture.events.batch import Int32
from capture.events.definitions import Definition, DefinitionKind, ProcessRow, SiteRow, StateKeyRow, TrackRow
from capture.losses import LossRow
from capture.measured_cost import Overhead
from capture.unseen import MOST_CHARACTERS, UnseenRow, with_detail

MAX_LOCAL_ID = 1 << 22
MAX_TRACKS = 1 << 20
MOST_UNSEEN = 4096
UNKNOWN_FUNCTION = "?"
MOST_NAMES = 2000  # characters of a function's parameters: more than are shown
MOST_TYPE_NAME = MOST_VARIABLE_NAME = 200


@dataclass(slots=True)
class JournalProcess:
    """What the decoder knows about one process of the journal; ids without a prefix are the target's own."""

    row: ProcessRow
    track: TrackRow  # the process's own line
    serial: int
    timebase: Timebase = field(default_factory=Timebase)
    is_qualified: bool = True  # False: site names are short ones and are completed from the source
    has_ended: bool = False
    metric_mono_ns: int = -1
    dropped_unattributed: int = 0
    ended_dropped: int = 0
    ended_accounted: int = 0  # of those, told by a gap row
    counters: dict[int, int] = field(default_factory=dict)
    counters_told: dict[int, int] = field(default_factory=dict)  # parts of the next ones
    has_counters: bool = False  # its books were closed: nothing is left in its memory
    sites: Int32 = field(default_factory=lambda: np.zeros(256, np.int32))
    names: ValueNames = field(default_factory=ValueNames)
    exceptions: dict[int, str] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)
    key_names: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (owner, key, scope) -> the session's id
    tracks: dict[int, TrackQueue] = field(default_factory=dict)
    busy: dict[int, TrackQueue] = field(default_factory=dict)  # those of them with something that has not gone out
    matched: set[str] = field(default_factory=set)  # "--include orders.*": patterns that something has matched
    unseen: set[tuple[str, str]] = field(default_factory=set)  # codes and details that it has told
    observed: dict[int, int] = field(default_factory=dict)  # thread id -> track id, observe tier
    named: dict[int, int] = field(default_factory=dict)  # thread id -> track id, of its newest thread, recorded
    waits: Waits = field(default_factory=Waits)


@dataclass(slots=True)
class Revisions:
    """Grow by one whenever a table of the catalog changes."""

    processes: int = 0
    tracks: int = 0
    sites: int = 0
    state_keys: int = 0


class Catalog:
    """The four tables of names, what cannot be seen, and the targets whose numbers lead into them."""

    def __init__(self) -> None:
        self.processes: list[ProcessRow] = []
        self.tracks: list[TrackRow] = []
        self.sites: list[SiteRow] = []
        self.state_keys: list[StateKeyRow] = []
        self.site_lines = SiteLines()
        self.unseen: list[UnseenRow] = []
        self.losses: list[LossRow] = []
        self.changes: list[SettingsChange] = []
        self.overhead: Overhead | None = None
        self.revisions = Revisions()
        self.targets: dict[int, JournalProcess] = {}
        self.first_of_pid: dict[int, ProcessRow] = {}
        self.begun_by_name: set[int] = set()  # tracks that began no later than they got a name: no event has told yet
        self._site_ids: dict[tuple[str, str, str, int], int] = {}

    def target(self, serial: int) -> JournalProcess:
        """The target with that serial; one that nothing announced gets a row of its own."""
        found = self.targets.get(serial)
        if found is None:
            if len(self.tracks) >= MAX_TRACKS:
                raise FormatError(f"a process beyond {MAX_TRACKS} tracks")
            row = ProcessRow(process_id=len(self.processes) + 1, pid=0)
            self.processes.append(row)
            self.revisions.processes += 1
            found = JournalProcess(row, self._new_track(row.process_id, "process"), serial)
            self.targets[serial] = found
        return found

    def _new_track(self, process_id: int, kind: str, parent_track_id: int | None = None) -> TrackRow:
        if len(self.tracks) >= MAX_TRACKS:
            raise FormatError(f"more than {MAX_TRACKS} tracks")
        track = TrackRow(
            track_id=len(self.tracks) + 1, process_id=process_id, kind=kind, parent_track_id=parent_track_id
        )
        self.tracks.append(track)
        self.revisions.tracks += 1
        return track

    def _new_thread(self, target: JournalProcess) -> TrackRow:
        """One that is heard of after its process has ended, has ended with it."""
        row = self._new_track(target.row.process_id, "thread", target.track.track_id)
        row.end_ns = target.row.end_ns if target.has_ended else None
        return row

    def track(self, target: JournalProcess, serial: int) -> TrackQueue:
        """The queue of a target's thread, made at its first mention."""
        queue = target.tracks.get(serial)
        if queue is None:
            row = self._new_thread(target)
            queue = target.tracks[serial] = TrackQueue(row.track_id, serial)
        return queue

    def track_if_room(self, target: JournalProcess, serial: int) -> TrackQueue | None:
        """As `track`; None, and the session says so, when there are as many as a session can have."""
        try:
            return self.track(target, serial)
        except FormatError:
            self.note_unseen(target, "threads-full", "")
            return None

    def observed_track(self, target: JournalProcess, thread_id: int) -> TrackRow:
        """The track of a thread seen from outside; a thread id used again after its end is a new track."""
        known = target.observed.get(thread_id)
        if known is not None and self.tracks[known - 1].end_ns is None:
            return self.tracks[known - 1]
        row = self._new_thread(target)
        row.os_id = thread_id
        target.observed[thread_id] = row.track_id
        return row

    def thread(self, target: JournalProcess, thread_id: int) -> TrackRow | None:
        """The newest track of a thread with that id, None when there is none yet."""
        track_id = target.named.get(thread_id) or target.observed.get(thread_id)
        return self.tracks[track_id - 1] if track_id else None

    def define(self, target: JournalProcess, definition: Definition, *, derive_names: bool) -> None:
        """Takes in one definition of a target.

        Raises: FormatError for an id out of all reason.
        """
        if not 0 <= definition.id <= MAX_LOCAL_ID and definition.kind is not DefinitionKind.THREAD:
            raise FormatError(f"a definition has id {definition.id}")
        match definition.kind:
            case DefinitionKind.SITE:
                self._define_site(target, definition, derive_names=derive_names)
            case DefinitionKind.EXCEPTION:
                target.exceptions[definition.id] = sys.intern(definition.field(0))
            case DefinitionKind.STATE_KEY:
                self._define_key(target, definition)
            case DefinitionKind.THREAD:
                self._define_thread(target, definition)
            case DefinitionKind.PROCESS:
                if definition.field(0) == "python_version" and definition.field(1):
                    target.row.python = definition.field(1)
                    target.is_qualified = not definition.field(1).startswith("3.10.")
                    self.revisions.processes += 1
                elif definition.field(0) == "matched":
                    target.matched.add(definition.field(1))
            case DefinitionKind.TYPE:
                if definition.id < MOST_TYPES:
                    target.names.types.set(definition.id, definition.field(0)[:MOST_TYPE_NAME])
            case DefinitionKind.UNSEEN:
                self.note_unseen(target, definition.field(0), definition.field(1))
            case DefinitionKind.LINES:
                self.site_lines.add(self.expect_site(target, definition.id), definition.field(0))
            case DefinitionKind.NAME:
                if _is_variable(name := definition.field(0)):
                    target.names.variables.set(definition.id, name)

    def note_unseen(self, target: JournalProcess, code: str, detail: str) -> None:
        """Takes note of something that the recording of this target cannot see; told again, it changes nothing.

        Of one that tells no end of things `unseen` says that there is more, long before it is listened to no more.
        """
        told = (code[:MOST_CHARACTERS], detail[:MOST_CHARACTERS])
        if told in target.unseen or len(target.unseen) >= MOST_UNSEEN:
            return
        target.unseen.add(told)
        self.unseen = with_detail(self.unseen, target.row.process_id, code, detail)

    def _define_site(self, target: JournalProcess, definition: Definition, *, derive_names: bool) -> None:
        function, module, file, short_name = (definition.field(i) for i in (0, 1, 2, 4))
        line = definition.number(3)
        if parameters := definition.field(5):
            target.names.parameters.set(definition.id, parameters[:MOST_NAMES])
        if derive_names and not target.is_qualified and function == short_name:
            function = qualified_name(file, short_name, line)
        known = self.site_id(target, definition.id)
        if known:
            site = self.sites[known - 1]
            if site.function == UNKNOWN_FUNCTION and not site.file:
                site.function, site.module, site.file, site.line = function, module, file, line
                self.revisions.sites += 1
            return
        site_id = self._site_ids.get((function, module, file, line)) or self._new_site(function, module, file, line)
        self._map_site(target, definition.id, site_id)

    def _new_site(self, function: str, module: str, file: str, line: int) -> int:
        site = SiteRow(site_id=len(self.sites) + 1, function=function, module=module, file=file, line=line)
        self.sites.append(site)
        self.revisions.sites += 1
        if file or function != UNKNOWN_FUNCTION:
            self._site_ids[(function, module, file, line)] = site.site_id
        return site.site_id

    @staticmethod
    def _map_site(target: JournalProcess, local: int, site_id: int) -> None:
        if local >= len(target.sites):
            grown = np.zeros(max(local + 1, 2 * len(target.sites)), np.int32)
            grown[: len(target.sites)] = target.sites
            target.sites = grown
        target.sites[local] = site_id

    @staticmethod
    def site_id(target: JournalProcess, local: int) -> int:
        """The session's id of a target's site, 0 when it has none yet."""
        return int(target.sites[local]) if local < len(target.sites) else 0

    def expect_site(self, target: JournalProcess, local: int) -> int:
        """The session's id of a site in use; one that nothing defined gets a row to be filled in later."""
        if not 0 < local <= MAX_LOCAL_ID:
            return 0
        known = self.site_id(target, local)
        if not known:
            known = self._new_site(UNKNOWN_FUNCTION, "", "", 0)
            self._map_site(target, local, known)
        return known

    def _define_key(self, target: JournalProcess, definition: Definition) -> None:
        owner, key, scope = (definition.field(i) for i in range(3))
        if target.keys and not target.key_names:  # resumed
            rows = [self.state_keys[known - 1] for known in target.keys.values()]
            target.key_names = {(row.owner, row.key, row.scope): row.key_id for row in rows}
        known = target.key_names.get((owner, key, scope))
        if known is not None and target.keys.setdefault(definition.id, known) == known:
            return  # told anew, after a change of what is recorded
        row = self.state_keys[self.key_id(target, definition.id) - 1]
        if (row.owner, row.key, row.scope) != (owner, key, scope):
            target.key_names.pop((row.owner, row.key, row.scope), None)
            row.owner, row.key, row.scope = owner, key, scope
            self.revisions.state_keys += 1
        target.key_names[owner, key, scope] = row.key_id

    def key_id(self, target: JournalProcess, local: int) -> int:
        """The session's id of a target's state key, given at its first mention."""
        known = target.keys.get(local)
        if known is None:
            known = target.keys[local] = len(self.state_keys) + 1
            self.state_keys.append(StateKeyRow(key_id=known, owner=UNKNOWN_FUNCTION, key=UNKNOWN_FUNCTION, scope=""))
            self.revisions.state_keys += 1
        return known

    def _define_thread(self, target: JournalProcess, definition: Definition) -> None:
        queue = self.track_if_room(target, definition.id)
        if queue is None:
            return
        row = self.tracks[queue.track_id - 1]
        if row.start_ns is None and target.timebase.known:
            row.start_ns = target.timebase.pairs.session_ns[-1]
            self.begun_by_name.add(row.track_id)
            self.revisions.tracks += 1
        name, os_id = definition.field(0) or row.name, definition.number(1) or row.os_id
        if (row.name, row.os_id) != (name, os_id):
            row.name, row.os_id = name, os_id
            self.revisions.tracks += 1
        if row.os_id:
            target.named[row.os_id] = row.track_id

    def restore(
        self,
        processes: list[ProcessRow],
        tracks: list[TrackRow],
        sites: list[SiteRow],
        state_keys: list[StateKeyRow],
    ) -> None:
        """Takes over the tables as they were stored."""
        self.processes, self.tracks, self.sites, self.state_keys = processes, tracks, sites, state_keys
        self.first_of_pid = {row.pid: row for row in reversed(processes)}
        self._site_ids = {(site.function, site.module, site.file, site.line): site.site_id for site in sites}


def _is_variable(name: str) -> bool:
    """Whether it can be told in the text of changes: `name=value`, one a row."""
    return 0 < len(name) <= MOST_VARIABLE_NAME and not set(name).intersection("=\n")
