"""A user's factory is called with what it asks for."""

from __future__ import annotations

import pytest
from torch import nn

from babysit.errors import RecipeError
from babysit.nn.foreign import Hyper, call
from babysit.record import Recipe

HP = {"width": 5, "hidden": 7}


def net(inputs, units, outputs):
    return nn.Sequential(nn.Linear(inputs, units), nn.Linear(units, outputs))


def by_hp(hp):
    return net(hp.shape[0], hp["hidden"], hp.classes)


def by_position(inputs, outputs, *, hidden, width=3):
    return net(inputs[0], hidden + width, outputs)


def by_name(classes, shape, hidden):
    return net(shape[0], hidden, classes)


def by_some_names(hidden=2, lr=0.5):
    assert lr == 0.5  # no option of a network, and not searched: its own default
    return net(4, hidden, 3)


def by_anything(shape, classes, **options):
    return net(shape[0], options["hidden"] + options["width"], classes)


@pytest.mark.parametrize(
    ("factory", "units"),
    [(by_hp, 7), (by_position, 12), (by_name, 7), (by_some_names, 7), (by_anything, 12), (lambda *a: by_hp(*a), 7)],
)
def test_every_way_to_ask(factory, units):
    hp = Hyper(HP, Recipe(), (4,), 3)
    made = call("mine", factory, hp)
    assert [tuple(one.weight.shape) for one in made] == [(units, 4), (3, units)]
    assert "hidden" in hp.read


def test_what_it_ignores_is_not_read():
    hp = Hyper(HP, Recipe(), (4,), 3)
    call("mine", lambda hp: net(4, hp.width, 3), hp)
    assert hp.read == {"width"}


def test_what_can_not_be_called_or_fails_is_told():
    with pytest.raises(RecipeError, match=r"factory\(hp\), .* but missing a required argument: 'third'"):
        call("mine", lambda first, second, third: None, Hyper(HP, Recipe(), (4,), 3))
    with pytest.raises(
        RecipeError, match=r"mine failed for width=5, hidden=7, shape=.*no 'widht' \(did you mean width"
    ):
        call("mine", lambda hp: hp.widht, Hyper(HP, Recipe(), (4,), 3))
