"""Train a little: what the checks before learning ask for. Nothing is written to disk."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..checks import CannotJudge, Train
from ..data import Split
from ..record import Recipe, Run
from . import criterion as losses
from .loop import Training
from .optimizer import penalty
from .prepared import Prepared, prepare

LOOKED_AT = 1024
"""Examples that the state before any step is measured on, at most."""
WHOLE = 1_000_000
"""Epochs of a training that is ended by its steps."""


def brief(split: Split, prepared: Prepared, base: Recipe, *, seconds: float = math.inf) -> Train:
    """The `train` that checks get: short trainings on one split, in memory.

    Args:
        prepared: what `prepare(base, split)` gave; used whenever a check leaves preprocessing alone.
        seconds: that all of them together may take from now on; what is under way then can't be judged.
    """
    deadline = time.monotonic() + seconds

    def train(
        recipe: Recipe,
        *,
        steps: int,
        examples: int | None = None,
        ramp: tuple[float, float] | None = None,
        until: float | None = None,
    ) -> Run:
        same = all(getattr(recipe, name) == getattr(base, name) for name in _PREPARED)
        ready = prepared if same else prepare(recipe, split, prepared.device)
        if examples is not None:
            ready = ready.subset(_of_all_classes(ready.train.y, ready.task, examples))
        return _train(recipe.edit(epochs=WHOLE), split, ready, steps, ramp, until, deadline)

    return train


_PREPARED = ("preprocess", "components", "augment")


def _train(
    recipe: Recipe,
    split: Split,
    prepared: Prepared,
    steps: int,
    ramp: tuple[float, float] | None,
    until: float | None,
    deadline: float,
) -> Run:
    training = Training(recipe, split, prepared=prepared)
    run = Run()
    loss = losses.name_of(recipe, split.task)
    kind = "classes" if split.task == "classification" else "regression"
    run.set_fact("task", {"kind": kind, "classes": len(split.classes)})
    run.set_fact("loss", loss)
    with training.random:
        run.append(0, _start(training, loss) | _norms(training))
        batches = _endless(training)
        for step in range(steps):
            if time.monotonic() > deadline:
                raise CannotJudge("the time that the checks may take is over")
            x, y = next(batches)
            rate = recipe.lr if ramp is None else _ramped(ramp, step / max(1, steps - 1))
            value, outputs = training.take_step(x, y, rate)
            run.append(step + 1, {("loss.train", ""): float(value), ("lr", ""): rate})
            if not math.isfinite(float(value)):
                break
            done = until is not None and float(value) < until
            if done and float(losses.score(outputs, y, split.task)) >= (1.0 if kind == "classes" else 0.95):
                break
        run.append(run.step, _end(training) | _norms(training))
    return run


def _start(training: Training, loss: str) -> dict[tuple[str, str], float]:
    """Loss before any step, in training mode, beside what equal outputs and the best constant cost."""
    targets = training.prepared.train.y.cpu().numpy()
    outputs, y = _forward(training)
    classes = training.prepared.classes
    return {
        ("loss.train", ""): float(training.criterion(outputs, y)),
        ("loss.chance", ""): losses.chance(loss, targets, classes),
        ("loss.uniform", ""): losses.uniform(loss, targets, classes),
        ("loss.penalty", ""): penalty(training.optimizer),
    }


def _end(training: Training) -> dict[tuple[str, str], float]:
    outputs, y = _forward(training)
    name = "accuracy.train" if training.task == "classification" else "r2.train"
    return {(name, ""): float(losses.score(outputs, y, training.task))}


@torch.no_grad()
def _forward(training: Training) -> tuple[Tensor, Tensor]:
    training.body.train()
    index = torch.arange(min(LOOKED_AT, len(training.prepared.train)))
    x, y = training.prepared.train.first(index)
    return training.body(x), y


def _norms(training: Training) -> dict[tuple[str, str], float]:
    return {("weight.norm", f"network.{name}"): float(one.detach().norm()) for name, one in training.weights.items()}


def _endless(training: Training) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in itertools.count():
        order = torch.randperm(len(training.prepared.train), generator=training.order)
        yield from training.prepared.train.batches(
            order, training.batch, count=training.epoch_steps, noise=training.noise
        )


def _ramped(ramp: tuple[float, float], share: float) -> float:
    low, high = ramp
    return low * (high / low) ** share


def _of_all_classes(y: Tensor, task: str, count: int) -> Tensor:
    """Numbers of `count` examples, classes in turn."""
    if task != "classification":
        return torch.arange(min(count, len(y)))
    targets = y.cpu().numpy()
    turn = np.zeros(len(targets), np.int64)
    for label in np.unique(targets):
        rows = np.flatnonzero(targets == label)
        turn[rows] = np.arange(len(rows))
    chosen = np.argsort(turn, kind="stable")[:count]
    return torch.from_numpy(np.sort(chosen))
