"""What to record: the choices a user makes before a recording begins or while it runs, checked once, here.

The same settings travel from the command line or a dialog to the session's facts, and to the agent inside the target as
part of its bootstrap file. What they are made of is `capture.flags`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Self, cast

from capture import flags
from capture.errors import WrongUsage
from capture.flags import Mode, Value, mode_named
from capture.names import json_bytes

MOST_BYTES = 3 << 20
"""Of all settings as JSON, where a control character is six: with a command line they are one block of a journal."""


class CaptureSettings:
    """The capture flags of one recording; immutable. There are none that have not been checked.

    Shape: `include`, `exclude` are patterns on modules ('orders', 'orders.*', '*'), empty include = user code;
    `values` says whether arguments and results are recorded; `state` are patterns 'module' or 'module.Class' whose
    attributes are watched; `lines` patterns as those of `include`, or 'user.*', of functions each line of which is
    recorded; `redact` are parts of names whose values are hidden, besides those that always are
    (native/redaction.h); `chunk_count` is the pool's size in blocks of 64 KiB; `when_full` says what a
    full pool does to the target: lose events (counted) or wait; `max_size` is what the session may take of the disk,
    in bytes, 0 for as much as there is. `flight` says how much of the past is kept ("": all of it), `trigger` what
    makes a flight recorder save it, `tail` how many seconds later.
    """

    __slots__ = ("values",)
    values: Mapping[str, Value]

    def __init__(self, **given: object) -> None:
        """The settings of `given`, by the flags' names; defaults for the rest.

        Raises: WrongUsage with one sentence if a value is not allowed.
        """
        known = {flag.name: flag for flag in flags.FLAGS}
        for name in given:
            if name not in known:
                raise WrongUsage(f"There is no capture setting {name!r}.")
        values = {name: flag.checked(given.get(name, flag.default)) for name, flag in known.items()}
        if len(json_bytes(values)) > MOST_BYTES:
            raise WrongUsage(f"The capture patterns are too long: in all they may have {MOST_BYTES >> 20} MiB.")
        object.__setattr__(self, "values", MappingProxyType(values))

    @classmethod
    def checked(cls, **given: object) -> Self:
        """The settings of `given`: there is no other way to any. Raises: as the constructor."""
        return cls(**given)

    def changed(self, **given: object) -> Self:
        """These with other values for flags that may change while something is recorded.

        Raises: WrongUsage.
        """
        for flag in flags.FLAGS:
            if flag.name in given and not flag.is_live:
                why = f": {flag.fixed}" if flag.fixed else ""
                raise WrongUsage(f"{flag.option} cannot change while something is recorded{why}.")
        settings = type(self)(**{**self.values, **given})
        if (settings.mode == "observe") != (self.mode == "observe"):
            raise WrongUsage("Whether a program is recorded or only observed cannot change while it is.")
        return settings

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings do not change: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CaptureSettings) and dict(self.values) == dict(other.values)

    def __hash__(self) -> int:
        return hash(tuple(self.values.items()))

    def __repr__(self) -> str:
        return f"CaptureSettings({', '.join(f'{name}={value!r}' for name, value in self.values.items())})"

    @property
    def mode(self) -> str:
        return cast(str, self.values["mode"])

    @property
    def include(self) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.values["include"])

    @property
    def exclude(self) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.values["exclude"])

    @property
    def state(self) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.values["state"])

    @property
    def redact(self) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.values["redact"])

    @property
    def when_full(self) -> str:
        return cast(str, self.values["when_full"])

    @property
    def flight(self) -> str:
        return cast(str, self.values["flight"])

    @property
    def trigger(self) -> tuple[str, ...]:
        return cast(tuple[str, ...], self.values["trigger"])

    @property
    def tail(self) -> int:
        return cast(int, self.values["tail"])

    @property
    def max_size(self) -> int:
        return cast(int, self.values["max_size"])

    @property
    def chunk_count(self) -> int:
        return cast(int, self.values["chunk_count"])

    def facts(self) -> dict[str, object]:
        """As the facts of a session say them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.values.items()}

    def orders(self) -> dict[str, object]:
        """As the agent is told them; `features` is what they mean to it."""
        facts = self.facts()
        orders = {flag.agent_key: facts[flag.name] for flag in flags.FLAGS if flag.agent_key}
        letters = cast(Mode, mode_named(self.mode)).features
        told = [flag for flag in flags.FLAGS if flag.needs in letters]
        if self.flight:  # when a line ran first would be forgotten, and then it would count as one that never ran
            told = [flag for flag in told if flag.name != "never_run"]
        more = (flag.letter(self.values[flag.name]) for flag in told)
        return {**orders, "features": letters + "".join(more)}

    def live_orders(self) -> dict[str, object]:
        """As an agent is told to record by these from now on: what may change while something is recorded."""
        orders = self.orders()
        keys = [flag.agent_key for flag in flags.FLAGS if flag.agent_key and flag.is_live]
        return {key: orders[key] for key in (*keys, "features")}

    def live_facts(self) -> dict[str, object]:
        """As the facts of a session say what may change while something is recorded."""
        return {
            flag.name: value for flag, value in zip(flags.FLAGS, self.facts().values(), strict=True) if flag.is_live
        }

    def words(self) -> tuple[str, ...]:
        """As the command line says them, those left out that say what holds anyway.

        >>> CaptureSettings(state=["orders.Stock"], chunk_count=1024).words()
        ('--state', 'orders.Stock', '--memory', '64')
        """
        return tuple(
            word
            for flag in flags.FLAGS
            if self.values[flag.name] != flag.default
            for word in flag.words(self.values[flag.name])
        )
