"""What a person has settled for all sessions, and what of it every view has to know. Pure, no Qt.

`Assigns.settings` holds what is not as it was at first, by the names of `scope_gui.settings.table`; whoever reads the
file, or asks in the dialog, checks a value before. Theme, scale and motion are fields of their own, for views to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from views.loop import events as e
from views.loop.state import SCALES, Assigns

AS_DESKTOP = "system"
ANALYSES = "analyses."
_FRESH = Assigns()


def settled(assigns: Assigns, event: e.ChangeSetting | e.SetTheme | e.Enlarge | e.DesktopLooks) -> Assigns:
    """The state after something was settled, or the desktop looks otherwise."""
    match event:
        case e.ChangeSetting(name=name, value=value):
            return _changed(assigns, name, value)
        case e.SetTheme(theme=theme):
            return _changed(assigns, "theme", theme)
        case e.Enlarge(steps=steps):
            return _changed(assigns, "scale", enlarged(assigns.scale, steps) if steps else None)
        case e.DesktopLooks(theme=theme):
            is_shown = assigns.settings.get("theme") == AS_DESKTOP
            return replace(assigns, desktop_theme=theme, theme=theme if is_shown else assigns.theme)


def with_settings(assigns: Assigns, settings: Mapping[str, Any]) -> Assigns:
    """The state with these settings. Where no theme is settled it is the one that was seen last."""
    theme = settings.get("theme", assigns.theme)
    changed = replace(
        assigns,
        settings=dict(settings),
        theme=assigns.desktop_theme if theme == AS_DESKTOP else theme,
        scale=settings.get("scale", _FRESH.scale),
        motion=settings.get("motion", _FRESH.motion),
    )
    if analyses_off(settings) == analyses_off(assigns.settings):
        return changed
    return replace(changed, findings=None, finding_at=None)  # others may be found now


def analyses_off(settings: Mapping[str, Any]) -> frozenset[str]:
    """The detectors that are switched off, by name.

    >>> sorted(analyses_off({"analyses.grows": False, "analyses.raises": True, "scale": 125}))
    ['grows']
    """
    return frozenset(
        name.removeprefix(ANALYSES) for name, value in settings.items() if name.startswith(ANALYSES) and not value
    )


def sessions_folder(assigns: Assigns) -> str:
    """Where the window records to: as settled, else where it did last; '' where it never did."""
    return assigns.settings.get("folders.recordings") or assigns.recordings_folder


def pictures_folder(assigns: Assigns) -> str:
    """Where the window exports to: as settled, else where it did last; '' where it never did."""
    return assigns.settings.get("folders.pictures") or assigns.pictures_folder


def enlarged(scale: int, steps: int) -> int:
    """The scale so many steps larger, or smaller below 0. Units: percent.

    >>> [enlarged(100, 1), enlarged(100, -1), enlarged(200, 1), enlarged(130, 1), enlarged(130, -1)]
    [110, 90, 200, 150, 125]
    """
    beyond = [step for step in SCALES if (step > scale if steps > 0 else step < scale)]
    if steps < 0:
        beyond.reverse()
    return beyond[min(abs(steps), len(beyond)) - 1] if beyond else scale


def _changed(assigns: Assigns, name: str, value: Any) -> Assigns:
    """With another value of one setting; None brings back the one that it had at first."""
    settings = {known: kept for known, kept in assigns.settings.items() if known != name}
    if value is not None:
        settings[name] = value
    if name == "theme" and value is None and assigns.theme != _FRESH.theme:
        assigns = replace(assigns, theme=_FRESH.theme)
    return assigns if settings == assigns.settings else with_settings(assigns, settings)
