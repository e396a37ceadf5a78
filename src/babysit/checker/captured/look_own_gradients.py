"""Autograd functions of the user's own: their backward pass against differences of their forward pass."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ...record import Run
from .asking import Asking
from .subject import OwnFunction

STEPS = (1e-4, 1e-5, 1e-6)
"""Half widths of the centred differences, in float64, relative to the inputs' size."""
DIRECTIONS = 6


def look(asking: Asking) -> Run:
    """`gradient.error` of each own function: the largest relative difference, over random directions, between
    <v, J d> by centred differences and <J'v, d> by its backward pass. The fact `own`: [{"name", "why"}], where `why`
    says why one can't be judged (piecewise constant, identity, kinks everywhere, not float64).
    """
    run = Run()
    told = []
    for one in asking.subject.own:
        name = one.cls.__name__
        found = _error(one)
        told.append({"name": name, "why": found if isinstance(found, str) else ""})
        if isinstance(found, float):
            run.append(0, {("gradient.error", name): found})
    run.set_fact("own", told)
    return run


def _error(own: OwnFunction) -> float | str:
    leaves = [one for one in pytree.tree_leaves(own.args) if isinstance(one, Tensor)]
    variable = [one for one in leaves if one.is_floating_point() and one.requires_grad]
    if not variable:
        return "none of its inputs needs a gradient"
    start = [one.detach().double() for one in variable]
    try:
        base = _apply(own, variable, start)
    except Exception as error:
        return f"it doesn't run in float64 ({error})"
    generator = torch.Generator().manual_seed(7)
    if len(base) == 1 and len(start) >= 1 and base[0].shape == start[0].shape and torch.equal(base[0], start[0]):
        return "its forward pass is the identity, so its backward pass is meant to be something else"
    errors, moves, judged = [], 0, 0
    for _ in range(DIRECTIONS):
        directions = [torch.randn(one.shape, generator=generator, dtype=torch.float64) for one in start]
        weights = [torch.randn(one.shape, generator=generator, dtype=torch.float64) for one in base]
        slopes = [_slope(own, variable, start, directions, weights, step) for step in STEPS]
        moves += any(abs(slope) > 0 for slope in slopes)
        size = max(map(abs, slopes)) + 1e-12
        steady = [b for a, b in itertools.pairwise(slopes) if abs(a - b) <= 1e-3 * size]
        if not steady:
            continue  # a kink lies within the step
        judged += 1
        backward = _backward(own, variable, start, directions, weights)
        errors.append(abs(steady[0] - backward) / max(abs(steady[0]), abs(backward), 1e-9))
    if not moves:
        return "its forward pass is piecewise constant, so its backward pass is a stand-in by design"
    if judged < 2:
        return "its forward pass has a kink wherever it was tried"
    return float(sorted(errors)[len(errors) // 2])


def _apply(own: OwnFunction, variable: list[Tensor], values: list[Tensor]) -> list[Tensor]:
    instead = {id(old): new for old, new in zip(variable, values, strict=True)}

    def fill(one: Tensor) -> Tensor:
        if id(one) in instead:
            return instead[id(one)]
        return one.double() if one.is_floating_point() else one

    args: Any = pytree.tree_map_only(Tensor, fill, own.args)
    torch.manual_seed(0)
    made = own.cls.apply(*args)
    return [one for one in pytree.tree_leaves(made) if isinstance(one, Tensor) and one.is_floating_point()]


def _slope(
    own: OwnFunction,
    variable: list[Tensor],
    start: list[Tensor],
    directions: list[Tensor],
    weights: list[Tensor],
    step: float,
) -> float:
    width = step * max(1.0, *(float(one.abs().mean()) for one in start))
    ends = []
    with torch.no_grad():
        for sign in (1, -1):
            moved = [one + sign * width * way for one, way in zip(start, directions, strict=True)]
            ends.append(
                sum(
                    float((out.double() * weight).sum())
                    for out, weight in zip(_apply(own, variable, moved), weights, strict=True)
                )
            )
    return (ends[0] - ends[1]) / (2 * width)


def _backward(
    own: OwnFunction, variable: list[Tensor], start: list[Tensor], directions: list[Tensor], weights: list[Tensor]
) -> float:
    leaves = [one.clone().requires_grad_() for one in start]
    with torch.enable_grad():
        outs = _apply(own, variable, leaves)
        grads = torch.autograd.grad(
            outs, leaves, [weight.to(out.dtype) for out, weight in zip(outs, weights, strict=True)], allow_unused=True
        )
    return sum(
        float((grad.double() * way).sum()) for grad, way in zip(grads, directions, strict=True) if grad is not None
    )
