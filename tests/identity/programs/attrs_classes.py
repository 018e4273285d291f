"""attrs in its frozen, slotted, validated and converted forms."""

import attrs


@attrs.define
class Slotted:
    x: int = attrs.field(validator=attrs.validators.instance_of(int), converter=int)
    y: list = attrs.field(factory=list, repr=False)

    def __attrs_post_init__(self):
        self.y.append(self.x)


@attrs.frozen
class Frozen:
    name: str

    def super_name(self):
        return __class__.__name__, self.name


print(Slotted("3"), Slotted(3) == Slotted("3"), Slotted("4").y, sorted(Slotted.__slots__))
print(Frozen("a").super_name(), attrs.asdict(Frozen("b")), attrs.evolve(Frozen("c"), name="d"))
for wrong in (lambda: Slotted("x"), lambda: setattr(Frozen("e"), "name", "f"), lambda: setattr(Slotted(1), "z", 1)):
    try:
        wrong()
    except (ValueError, AttributeError, attrs.exceptions.FrozenInstanceError) as problem:
        print(type(problem).__name__, problem)
