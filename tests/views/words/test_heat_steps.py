"""Steps of heat have an absolute meaning, and the same words and colours wherever they are."""

from __future__ import annotations

import numpy as np
import pytest

from views.drawing.heat import level_colour, step_colours
from views.drawing.theme import DARK, colours
from views.loop.state import Theme
from views.words.heat_steps import HEAT_SCALES, STEPS, HeatScale, step_of, steps_of


@pytest.mark.parametrize("scale", HEAT_SCALES, ids=lambda scale: scale.name)
def test_a_step_begins_at_its_bound_and_the_words_name_it(scale: HeatScale) -> None:
    values = np.array([0.0, *scale.bounds, scale.bounds[2] * 1_000])
    assert steps_of(scale, values).tolist() == [0, 1, 2, 3, 3]
    assert steps_of(scale, np.array(scale.bounds) * 0.999).tolist() == [0, 1, 2]
    assert [step_of(scale, value) for value in values] == [*STEPS, "hot"]
    for bound, below, above in zip(scale.bounds, scale.words(), scale.words()[1:], strict=False):
        assert scale.text(bound) in below
        assert scale.text(bound) in above


def test_a_values_step_does_not_depend_on_what_else_there_is() -> None:
    scale = HEAT_SCALES[0]
    assert steps_of(scale, [40.0, 50.0]).tolist() == [1, 1]
    assert steps_of(scale, [50.0]).tolist() == steps_of(scale, [50.0, 1e9])[:1].tolist()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_step_has_a_colour_of_the_theme_and_every_level_is_a_step(theme: Theme) -> None:
    assert tuple(colour.name() for colour in step_colours(theme)) == colours(theme).heat
    assert len({level_colour(step, DARK).name() for step in STEPS}) == len(STEPS)
