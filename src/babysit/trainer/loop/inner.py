"""The innermost loop: a step costs what a step by hand costs, as nothing is asked of the device in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

if TYPE_CHECKING:
    from .training import Training

LOOK = 100
"""Steps between two looks at the losses: one transfer, and the check that they are finite."""
NEWEST = 512
"""Training accuracy is over at least so many of the newest examples."""


class Position:
    """Where a pass is: the order's seed state, batches done, what was seen."""

    def __init__(self, order: Tensor | None = None, done: int = 0, losses: list[float] | None = None) -> None:
        self.order, self.done = order, done
        self.losses: list[float] = list(losses or ())
        self.fresh: list[Tensor] = []
        self.rates: list[float] = []
        self.ratios: dict[tuple[str, str], float] = {}
        self.outputs: list[tuple[Tensor, Tensor]] = []
        self.seconds = 0.0


def batch_loop(training: Training) -> Callable[[Iterator[tuple[Tensor, Tensor]], Position, int], bool]:
    """The innermost loop, with everything it needs at hand."""
    body, criterion, optimizer = training.body, training.criterion, training.optimizer
    clip, parameters = training.recipe.clip_norm, list(training.body.parameters())
    keep = -(-NEWEST // training.batch)
    names = list(training.weights)
    weights = list(training.weights.values())

    def loop(batches: Iterator[tuple[Tensor, Tensor]], now: Position, until: int) -> bool:
        newest = training.epoch_steps - keep
        watched = until - 1 if training.record is not None else -1
        while now.done < until:
            if training.stop:
                return False
            x, y = next(batches)
            rate = training.lr_at(training.step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            outputs = body(x)
            loss = criterion(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                clip_grad_norm_(parameters, clip)
            before = [weight.detach().clone() for weight in weights] if now.done == watched else ()
            optimizer.step()
            now.fresh.append(loss.detach())
            now.rates.append(rate)
            if now.done >= newest:
                now.outputs.append((outputs.detach(), y))
            if before:
                now.ratios = _ratios(names, before, weights)
            now.done += 1
            training.step += 1
        return True

    return loop


def _ratios(names: Sequence[str], before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[tuple[str, str], float]:
    """rms(Δw) / rms(w) of each weight matrix, in one transfer."""
    with torch.no_grad():
        values = [(new - old).norm() / old.norm().clamp_min(1e-12) for old, new in zip(before, after, strict=True)]
    return {
        ("update.ratio", f"network.{name}"): value
        for name, value in zip(names, torch.stack(values).tolist(), strict=True)
    }
