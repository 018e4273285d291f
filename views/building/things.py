"""The room and the floor at a point of the building, for menus. No Qt."""

from __future__ import annotations

from collections.abc import Iterator

from views.building.layout import House
from views.loop.events import Select
from views.loop.state import Selection
from views.loop.thing import Thing, thread_thing
from views.reading.source import Names


def house_things(plan: House | None, names: Names, room: int | None, floor: int | None) -> tuple[Thing, ...]:
    """What they are, and the building at last. A room, also its line beside the house, is on a floor of its own."""
    if plan is None:
        return ()
    return tuple(_things(plan, names, room, floor if room is None else int(plan.level[room])))


def _things(plan: House, names: Names, room: int | None, floor: int | None) -> Iterator[Thing]:
    if room is not None:
        site_id, track_id = int(plan.site_id[room]), int(plan.track_id[room])
        site = names.sites.get(site_id)
        yield Thing(
            kind="room",
            name=plan.name(room),
            id=site_id,
            track_id=track_id,
            site_id=site_id,
            place=f"{site.file}:{site.line}" if site is not None and site.file else "",
            click=(Select(selection=Selection("site", site_id, track_id)),),
        )
    if floor is not None:
        there = plan.floors[floor]
        if there.key > 0:
            yield thread_thing(there.key, there.name)
        else:
            yield Thing(kind="floor", name=there.name, id=there.key)
    yield Thing(kind="building", name="")
