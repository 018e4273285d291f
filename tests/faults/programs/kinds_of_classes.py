"""Every kind of class that a program may make, each used as its library means it; prints what it saw.

What is printed depends on the program alone: recorded or not, the output must be the same to the byte.
"""

import abc
import copy
import ctypes
import dataclasses
import enum
import functools
import pickle
import sys
import threading
import types
import typing
import weakref
from unittest import mock

# ruff: noqa: PLC0415, PLW0603, RUF012, F821  what the rules advise against is what programs do

KINDS = []


def kind(function):
    KINDS.append(function)
    return function


def tried(action):
    """What an action answers, or the exception that it raises."""
    try:
        return action()
    except Exception as error:
        return type(error).__name__, str(error)


@kind
def frozen_dataclass():
    @dataclasses.dataclass(frozen=True)
    class Point:
        x: int
        y: int = 2

    point = Point(3)
    return point, tried(lambda: setattr(point, "x", 4)), tried(lambda: delattr(point, "x")), hash(point)


@kind
def dataclass_with_slots():
    @dataclasses.dataclass(slots=True)
    class Point:
        x: int

    point = Point(3)
    point.x += 1
    return point, tried(lambda: setattr(point, "z", 4))[0], Point.__slots__


@kind
def frozen_dataclass_with_slots_copied_and_pickled():
    global FrozenSlots

    @dataclasses.dataclass(frozen=True, slots=True)
    class FrozenSlots:
        x: int
        items: list = dataclasses.field(default_factory=list)

    FrozenSlots.__qualname__ = "FrozenSlots"
    first = FrozenSlots(3, [1])
    return pickle.loads(pickle.dumps(first)), copy.deepcopy(first), dataclasses.replace(first, x=5)


@kind
def attrs_classes():
    try:
        import attrs
    except ImportError:
        return "not installed"

    @attrs.define
    class Point:
        x: int = attrs.field(validator=attrs.validators.instance_of(int))

    @attrs.frozen
    class Fixed:
        x: int

    point, fixed = Point(3), Fixed(3)
    point.x = 4
    return point, fixed, tried(lambda: setattr(point, "x", "no"))[0], tried(lambda: setattr(fixed, "x", 4))[0]


@kind
def enumerations():
    class Color(enum.Enum):
        RED = 1
        BLUE = 2

        @property
        def loud(self):
            return self.name + "!"

    class Bits(enum.IntFlag):
        A = 1
        B = 2

    refused = tried(lambda: setattr(Color, "RED", 3))
    return list(Color), Color(1).loud, Color["BLUE"], refused, Bits.A | Bits.B


@kind
def named_tuples_and_typed_dicts():
    class Row(typing.NamedTuple):
        x: int

    class Options(typing.TypedDict):
        x: int

    return Row(3), tried(lambda: setattr(Row(3), "x", 4))[0], Options(x=1), Row._fields


@kind
def structures_in_c():
    class Pair(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int), ("byte", ctypes.c_ubyte)]

    pair = Pair()
    pair.x, pair.byte = 5, 300
    pair.note = "beside"
    return pair.x, pair.byte, pair.note, tried(lambda: setattr(pair, "x", "no"))[0]


@kind
def exceptions():
    class Oops(Exception):
        pass

    try:
        raise Oops("x") from ValueError("y")
    except Oops as error:
        error.extra = 1
        return error.extra, error.args, repr(error.__cause__), error.__traceback__ is not None


@kind
def copied_class_bodies():
    class A:
        def __init__(self):
            self.x = 1

    body = {name: value for name, value in vars(A).items() if name not in ("__dict__", "__weakref__")}
    other = type("B", (object,), body)()
    other.x += 1
    return other.x, sorted(body)


@kind
def metaclass_that_refuses():
    class Meta(type):
        def __setattr__(cls, name, value):
            if name.startswith("__"):
                raise TypeError("sealed: " + name)
            super().__setattr__(name, value)

    class A(metaclass=Meta):
        pass

    a = A()
    a.x = 1
    A.shared = 2
    return a.x, a.shared, [name for name in vars(A) if "attr" in name], tried(lambda: setattr(A, "__x", 1))


@kind
def abstract_classes_and_protocols():
    class Base(abc.ABC):
        @abc.abstractmethod
        def f(self): ...

    class Real(Base):
        def f(self):
            self.x = 1
            return self.x

    @typing.runtime_checkable
    class HasF(typing.Protocol):
        def f(self): ...

    T = typing.TypeVar("T")

    class Box(typing.Generic[T]):
        def __init__(self, item):
            self.item = item

    box = Box[int](3)
    return Real().f(), tried(Base)[0], isinstance(Real(), HasF), box.item, box.__orig_class__ is Box[int]


@kind
def threads_and_thread_locals():
    class Worker(threading.Thread):
        def run(self):
            self.result = 5

    class Local(threading.local):
        def __init__(self):
            self.mine = 1

    worker, local = Worker(), Local()
    worker.start()
    worker.join()
    local.mine += 1
    return worker.result, local.mine


@kind
def copies_and_pickles():
    global Plain

    class Plain:
        def __init__(self):
            self.x = [1]

    Plain.__qualname__ = "Plain"
    first = pickle.loads(pickle.dumps(Plain()))
    second = copy.deepcopy(first)
    second.x = 3
    return first.x, second.x, vars(second), Plain.__reduce_ex__(second, 2)[2]


@kind
def mocks():
    class A:
        def __init__(self):
            self.x = 1

    mocked = mock.create_autospec(A)
    mocked().x = 3
    with mock.patch.object(A, "__setattr__", autospec=True) as patched:
        A()
    return patched.call_count, A().x, "__setattr__" in vars(A), A.__setattr__ is object.__setattr__


@kind
def own_setattr_and_super():
    class A:
        def __setattr__(self, name, value):
            super().__setattr__(name, value + 1)

    class B(A):
        pass

    class C(B):
        def __setattr__(self, name, value):
            super().__setattr__(name, value * 2)

    c = C()
    c.x = 5
    del c.x
    c.x = 6
    return c.x, type(C.__setattr__).__name__, tried(lambda: delattr(c, "nothing"))[0]


@kind
def own_setattr_into_the_dict():
    class Bag:
        def __setattr__(self, name, value):
            self.__dict__[name] = value

        def __delattr__(self, name):
            self.__dict__.pop(name)

    bag = Bag()
    bag.x = 1
    bag.x = 2
    bag.y = 3
    del bag.y
    return vars(bag)


@kind
def proxies():
    class Proxy:
        def __init__(self, target):
            object.__setattr__(self, "_t", target)

        def __getattr__(self, name):
            return getattr(self._t, name)

        def __setattr__(self, name, value):
            setattr(self._t, name, value)

        @property
        def __class__(self):
            return type(self._t)

    class A:
        pass

    proxy = Proxy(A())
    proxy.x = 1
    return proxy.x, isinstance(proxy, A)


@kind
def setattr_set_and_taken_away():
    class A:
        pass

    a = A()
    A.__setattr__ = lambda self, name, value: object.__setattr__(self, name, value + 1)
    a.x = 1
    del A.__setattr__
    a.y = 1
    A.__setattr__ = object.__setattr__
    a.z = 1
    return vars(a), "__setattr__" in vars(A)


@kind
def properties_and_descriptors():
    class Positive:
        def __set_name__(self, owner, name):
            self.name = "_" + name

        def __get__(self, instance, owner=None):
            return self if instance is None else getattr(instance, self.name)

        def __set__(self, instance, value):
            if value < 0:
                raise ValueError(self.name)
            setattr(instance, self.name, value)

    class A:
        n = Positive()

        def __init__(self):
            self.n = 1

        @property
        def doubled(self):
            return self.n * 2

        @doubled.setter
        def doubled(self, value):
            self.n = value // 2

        @functools.cached_property
        def slow(self):
            return self.n + 100

    a = A()
    a.doubled = 10
    return a.n, a.slow, tried(lambda: setattr(a, "n", -1)), vars(a)


@kind
def slots_weak_references_and_finalizers():
    died = []

    class Slotted:
        __slots__ = ("__weakref__", "a")

        def __del__(self):
            self.a = "late"
            died.append(self.a)

    slotted = Slotted()
    slotted.a = 1
    reference = weakref.ref(slotted)
    count = weakref.getweakrefcount(slotted)
    refused = tried(lambda: setattr(slotted, "b", 1))[0]
    del slotted
    return count, refused, reference() is None, died


@kind
def class_assignment():
    class A:
        def __init__(self):
            self.x = 1

    class B:
        def __setattr__(self, name, value):
            super().__setattr__(name, value if name == "__dict__" else value * 10)

    a = A()
    a.__class__ = B
    a.x = 2
    a.__dict__ = {"y": 3}
    a.z = 4
    return type(a).__name__, vars(a)


@kind
def subclasses_of_built_in_types():
    class Words(list):
        pass

    class Table(dict):
        pass

    class Number(int):
        pass

    class Text(str):
        __slots__ = ()

    class Pair(tuple):
        pass

    class Module(types.ModuleType):
        pass

    class Space(types.SimpleNamespace):
        pass

    made = [Words([1]), Table(a=1), Number(5), Pair((1, 2)), Module("m"), Space(a=1)]
    for one in made:
        one.label = type(one).__name__
    return [one.label for one in made], Text("x"), tried(lambda: setattr(Text("x"), "a", 1))[0]


@kind
def classes_that_keep_their_subclasses_to_themselves():
    class Registry:
        known = []

        def __init_subclass__(cls, **words):
            Registry.known.append((cls.__name__, words))

    class Plugin(Registry, name="first"):
        pass

    made = type("Made", (Registry,), {"x": 1})()
    plugin = Plugin()
    plugin.x, made.x = 1, 2
    return Registry.known, plugin.x, made.x, [cls.__name__ for cls in Registry.__subclasses__()]


@kind
def what_a_program_can_ask_of_a_class():
    class A:
        def __init__(self):
            self.x = 1

    a = A()
    return (
        sorted(vars(A)), A.__setattr__ is object.__setattr__, A.__init_subclass__.__self__ is A,
        [c.__name__ for c in A.__mro__], __build_class__ is __import__("builtins").__build_class__,
        type(__build_class__).__name__, sys.getsizeof(a) > 0, a.__sizeof__() == A().__sizeof__(),
    )  # fmt: skip


for function in KINDS:
    print(function.__name__, tried(function))
