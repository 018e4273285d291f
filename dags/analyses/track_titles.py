"""What threads are called: their names, and a number each where several of a process have the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from capture.events.definitions import TrackRow


def track_titles(tracks: Iterable[TrackRow]) -> dict[int, str]:
    """What each track is called, by its id; one without a name by its kind and the system's number of it.

    >>> row = lambda track_id, name: TrackRow(track_id=track_id, process_id=1, name=name, os_id=70 + track_id)
    >>> track_titles([row(2, "worker"), row(3, "worker"), row(4, "")])
    {2: 'worker · 1', 3: 'worker · 2', 4: 'thread 74'}
    """
    by_process: dict[int, dict[int, str]] = defaultdict(dict)
    for row in tracks:
        by_process[row.process_id][row.track_id] = row.name or f"{row.kind} {row.os_id or row.track_id}"
    return {track_id: name for names in by_process.values() for track_id, name in numbered(names).items()}


def numbered(names: Mapping[int, str]) -> dict[int, str]:
    """The names by id; those of which there are several with the number that each has among them, by id.

    >>> numbered({7: "worker", 3: "io", 4: "worker"})
    {3: 'io', 4: 'worker · 1', 7: 'worker · 2'}
    """
    several = {name for name, count in Counter(names.values()).items() if count > 1}
    told, so_far = {}, Counter[str]()
    for key in sorted(names):
        name = names[key]
        so_far[name] += 1
        told[key] = f"{name} · {so_far[name]}" if name in several else name
    return told
