"""What a view keeps of its own in the window's state: a struct, the events that change it, a pure `handle`. No Qt.

A row of `views.registry.VIEWS` names the struct. It lies in `Assigns.views`, where `assigns.of(BuildingState)` finds
it, and gets the events that the loop itself does not know. A view that reads it has the name in its `reads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from capture.typed import converted
from views import registry
from views.loop.events import Event
from views.loop.remembered import REMEMBERED, marked_values, values_from
from views.loop.state import Assigns

_VIEWS = "views"


class ViewState(msgspec.Struct, frozen=True, kw_only=True):
    """The base of them. Each field has a default, which opening a session brings back unless it is REMEMBERED."""

    def handle(self, event: Event, assigns: Assigns) -> Self:
        """The state after this event, self if it changes nothing; `assigns` is the window's as it is now."""
        raise NotImplementedError


def passed_on(assigns: Assigns, event: Event) -> Assigns:
    """The window's state after the views' own have handled the event; the very same when none of them has changed."""
    before = {kind: assigns.of(kind) for kind in registry.states().values()}
    after = {kind: state.handle(event, assigns) for kind, state in before.items()}
    if all(after[kind] is before[kind] for kind in before):
        return assigns
    return replace(assigns, views=_changed(after.values()))


def all_fields() -> frozenset[str]:
    """What a view can read: the fields of Assigns, and each view's own state by the name of the view."""
    return (frozenset(Assigns.__struct_fields__) - {_VIEWS}) | registry.states().keys()


def changed_fields(before: Assigns, after: Assigns) -> frozenset[str]:
    """The fields, and the views' own states, whose values differ; the same object is never compared deeply."""
    if before is after:
        return frozenset()
    pairs = [
        (name, getattr(before, name), getattr(after, name)) for name in Assigns.__struct_fields__ if name != _VIEWS
    ]
    if before.views is not after.views:
        pairs += [(name, before.of(kind), after.of(kind)) for name, kind in registry.states().items()]
    return frozenset(name for name, old, new in pairs if old is not new and old != new)


def only_remembered(assigns: Assigns) -> Assigns:
    """What stays whichever session is open."""
    views = (type(state)(**marked_values(state, REMEMBERED)) for state in assigns.views)
    return Assigns(**marked_values(assigns, REMEMBERED), views=_changed(views))


def to_keep(assigns: Assigns, mark: msgspec.Meta = REMEMBERED) -> dict[str, Any]:
    """What is kept, between runs or with the session, as JSON has it; the views' own by the name of the view."""
    found = {
        name: values for name, kind in registry.states().items() if (values := marked_values(assigns.of(kind), mark))
    }
    kept: dict[str, Any] = msgspec.to_builtins(marked_values(assigns, mark) | ({_VIEWS: found} if found else {}))
    return kept


def from_kept(kept: Mapping[str, Any], mark: msgspec.Meta = REMEMBERED, base: Assigns | None = None) -> Assigns:
    """The state to begin with, or `base` with what was kept. What a view that is not there any more has kept is left
    out.

    Raises: msgspec.ValidationError for values of a wrong type.
    """
    begun = base or Assigns()
    of_views = converted(kept.get(_VIEWS, {}), dict[str, dict[str, Any]])
    kinds = {name: kind for name, kind in registry.states().items() if name in of_views}
    fresh = [replace(begun.of(kind), **values_from(of_views[name], kind, mark)) for name, kind in kinds.items()]
    others = [state for state in begun.views if type(state) not in kinds.values()]
    return replace(begun, **values_from(kept, Assigns, mark), views=_changed([*others, *fresh]))


def _changed(states: Iterable[msgspec.Struct]) -> tuple[msgspec.Struct, ...]:
    """Those that differ from their defaults: two windows that look the same have equal states."""
    return tuple(state for state in states if state != type(state)())
