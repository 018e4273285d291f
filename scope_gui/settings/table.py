"""Everything that can be settled, a row each: the dialog, the file and its check, `scope-gui settings` and its help
come of it. No Qt.

To add one: a row in OWN. What multiplies elsewhere is here by itself: the capture flags (what a recording begins with),
the detectors (each can be switched off), the commands (their keys).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from capture import flags
from capture.errors import WrongUsage
from capture.flags import Flag
from capture.named import named
from scope_gui.settings.keys import keys_written
from views.loop.state import SCALES, Assigns

Section = Literal["Look", "Keys", "Recordings", "Analyses"]
SECTIONS: tuple[Section, ...] = ("Look", "Keys", "Recordings", "Analyses")
Kind = Literal["choice", "number", "switch", "folder", "flag", "keys"]
CAPTURE, ANALYSES, KEYS = "capture.", "analyses.", "keys."
_FRESH = Assigns()
_ON, _OFF = ("on", "yes", "true"), ("off", "no", "false")


class Setting(NamedTuple):
    """One thing that can be settled. `name` is that in the file, GROUP.NAME for one of a group.

    `choices`: (value, words) of a "choice". `least` and `most` bound a "number", which is in `unit`. `flag`: the
    capture flag that it is the default of.
    """

    name: str
    section: Section
    title: str
    kind: Kind
    default: Any
    says: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    least: int = 0
    most: int = 0
    unit: str = ""
    flag: Flag | None = None

    def checked(self, value: object) -> Any:
        """The value, as the window's state keeps it. Raises: WrongUsage with one sentence when it makes no sense."""
        if self.flag is not None:
            return self._of_flag(self.flag, value)
        if self.kind == "choice" and isinstance(value, str) and value in dict(self.choices):
            return value
        if self.kind == "number" and type(value) is int and self.least <= value <= self.most:
            return value
        if self.kind == "switch" and isinstance(value, bool):
            return value
        if self.kind == "folder" and isinstance(value, str) and "\0" not in value and _is_place(value):
            return value
        if self.kind == "keys" and isinstance(value, list | tuple) and all(isinstance(key, str) for key in value):
            return tuple(dict.fromkeys(keys_written(key) for key in value))
        raise WrongUsage(f"{self.name} takes {self.takes()}, not {_short(value)}.")

    def takes(self) -> str:
        """Which values it may have, in words."""
        match self.kind:
            case "choice":
                return ", ".join(name for name, _ in self.choices)
            case "number":
                return f"{self.least} to {self.most}{self.unit}"
            case "switch":
                return "on or off"
            case "folder":
                return "a whole path, or nothing"
            case "keys":
                return "keys such as X or Ctrl+Shift+K, or nothing"
            case "flag":
                assert self.flag is not None
                return f"what {self.flag.option} takes"

    def from_words(self, words: Sequence[str]) -> Any:
        """The value that is typed on a command line. Raises: WrongUsage."""
        text = " ".join(words)
        kind = self.flag.kind if self.flag is not None else self.kind
        if kind in ("keys", "texts"):
            return self.checked(list(words))
        if kind in ("number", "count"):
            return self.checked(int(text) if text.isascii() and text.lstrip("-").isdigit() else text)
        if kind == "switch":
            return self.checked(True if text in _ON else False if text in _OFF else text)
        return self.checked(text)

    def in_words(self, value: Any) -> str:
        """A value as it is typed and read."""
        if isinstance(value, bool):
            return "on" if value else "off"
        return " ".join(value) if isinstance(value, tuple) else f"{value}{self.unit}"

    def _of_flag(self, flag: Flag, value: object) -> Any:
        """A count is in the flag's units here, as on the command line."""
        if flag.kind != "count":
            return flag.checked(value)
        if type(value) is not int:
            raise WrongUsage(f"{self.name} takes {flag.takes()}, not {_short(value)}.")
        flag.checked(value * flag.unit)
        return value


OWN: tuple[Setting, ...] = (
    Setting(
        "theme",
        "Look",
        "&Theme",
        "choice",
        _FRESH.theme,
        "the colours; the command “Dark or light” goes from one to the other",
        choices=(
            ("dark", "Dark"),
            ("light", "Light"),
            ("contrast", "High contrast"),
            ("system", "As the desktop has it"),
        ),
    ),
    Setting(
        "scale",
        "Look",
        "&Scale",
        "number",
        _FRESH.scale,
        "how large everything in the window is",
        least=SCALES[0],
        most=SCALES[-1],
        unit=" %",
    ),
    Setting(
        "motion",
        "Look",
        "&Motion",
        "choice",
        _FRESH.motion,
        "whether anything changes gradually or flashes",
        choices=(
            ("system", "As the desktop has it"),
            ("full", "Changes are gradual"),
            ("reduced", "Nothing moves by itself"),
        ),
    ),
    Setting(
        "folders.recordings",
        "Recordings",
        "Keep &sessions in",
        "folder",
        "",
        "where the window records to; without one, where it did last",
    ),
    Setting(
        "folders.pictures",
        "Recordings",
        "Keep &pictures in",
        "folder",
        "",
        "where the window exports to; without one, where it did last",
    ),
)


def own_named(name: str) -> Setting:
    """The row of OWN of that name. Raises: KeyError."""
    return {row.name: row for row in OWN}[name]


def of_capture() -> tuple[Setting, ...]:
    """What a recording begins with: a row for each capture flag, by the words of the command line."""
    return tuple(
        Setting(
            f"{CAPTURE}{flag.option.removeprefix('--')}",
            "Recordings",
            flag.label,
            "flag",
            flag.default // flag.unit if isinstance(flag.default, int) else flag.default,
            flag.help,
            flag=flag,
        )
        for flag in flags.FLAGS
    )


def of_analyses() -> tuple[Setting, ...]:
    """A switch for each detector."""
    detectors = named("dags.detectors.registry:DETECTORS")  # comes with the table libraries: an attach begins without
    return tuple(Setting(f"{ANALYSES}{row.name}", "Analyses", row.name, "switch", True, row.says) for row in detectors)


def of_keys() -> tuple[Setting, ...]:
    """The keys of each command."""
    commands = named("scope_gui.commands:all_commands")()
    return tuple(
        Setting(f"{KEYS}{command.title}", "Keys", command.title, "keys", command.keys, command.menu)
        for command in commands
    )


def all_settings() -> tuple[Setting, ...]:
    """All of them, in the order in which they are shown."""
    return (*OWN, *of_capture(), *of_analyses(), *of_keys())


def value_of(row: Setting, settings: Mapping[str, Any]) -> Any:
    """What holds: the value that was settled, else the one that it has at first."""
    return settings.get(row.name, row.default)


def capture_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What was settled of the capture flags, as `CaptureSettings` takes it."""
    found: dict[str, Any] = {}
    for row in of_capture():
        if row.name in settings and row.flag is not None:
            value = settings[row.name]
            found[row.flag.name] = value * row.flag.unit if isinstance(value, int) else value
    return found


def _is_place(text: str) -> bool:
    return text in ("", text.strip()) and (not text or Path(text).expanduser().is_absolute())


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
