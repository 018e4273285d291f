"""Every kind of class there is, and what a program can see of them."""

import abc
import collections
import dataclasses
import enum
import typing


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass
class Mutable:
    items: list = dataclasses.field(default_factory=list)


class Slots:
    __slots__ = ("a",)


class Named(typing.NamedTuple):
    name: str


class Meta(type):
    def __new__(mcls, name, bases, namespace):
        return super().__new__(mcls, name, bases, {**namespace, "made_by": "Meta", "names": tuple(namespace)})


class Made(metaclass=Meta):
    def method(self):
        return self


class Described:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self.name


class Abstract(abc.ABC):
    value = Described()

    @abc.abstractmethod
    def work(self): ...


def described(cls):
    return cls.__name__, sorted(vars(cls)), [base.__name__ for base in cls.__mro__]


for cls in (Colour, Point, Mutable, Slots, Named, Made, Described, Abstract):
    print(described(cls))
point = Point(1, 2)
try:
    point.x = 3
except dataclasses.FrozenInstanceError as problem:
    print(problem)
print(point, Made.names, Abstract.value, list(Colour), Mutable([1]) == Mutable([1]), collections.Counter("abca"))
