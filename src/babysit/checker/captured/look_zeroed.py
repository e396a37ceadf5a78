"""The same short training on the real inputs and on inputs that are all zero."""

from __future__ import annotations

import math

import torch

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking

STEPS = 40
LADDER = (1.0, 10.0, 0.1)


def look(asking: Asking) -> Run:
    """`loss.real` and `loss.zeroed`, the mean loss over the newest steps, at each rung of a ladder of learning rates
    (steps 0, 1, 2), until the real inputs do better; `output.between`, the share of the outputs' variance that
    differs between examples, at the start.
    """
    subject, run = asking.subject, Run()
    step = asking.playable()
    if not step.inputs:
        raise CannotJudge("nothing was found that is an input")
    if subject.reconstructs:
        raise CannotJudge("the target is the input itself")
    body = asking.fresh()
    with torch.no_grad():
        played = step.play(body)
    if played.calls:
        output = played.calls[0].output.detach().double()
        between = (
            float(output.var(0, correction=0).mean() / output.square().mean().clamp_min(1e-300))
            if output.ndim
            else math.nan
        )
        run.append(0, {("output.between", ""): between})
    for rung, factor in enumerate(LADDER):
        recipe = asking.recipe.edit(lr=asking.recipe.lr * factor)
        real, zeroed = (
            asking(recipe, steps=STEPS, zeroed=flag).series("loss.train").since(1).tail(12) for flag in (False, True)
        )
        run.append(rung, {("loss.real", ""): float(real.mean()), ("loss.zeroed", ""): float(zeroed.mean()),
                          ("loss.spread", ""): float(real.std()) / math.sqrt(max(1, len(real)))})  # fmt: skip
        if float(real.mean()) < float(zeroed.mean()) - 2 * float(real.std()) / math.sqrt(len(real)):
            break
    return run
