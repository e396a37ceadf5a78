"""Lanes that train together: filled from a queue, trained an epoch at a time, emptied and compacted after each."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..record import Recipe
from ..trainer.criterion import name_of
from ..trainer.schedule import Plateau, factor
from .batched import Group, Space, Stack
from .criteria import Targets
from .design import Design
from .job import Job, Outcome, broken
from .noise import Noise, Order
from .solo import steps_of
from .stack import Layer
from .state import State
from .updates import Arena, Update

if TYPE_CHECKING:
    from .fold import Fold
    from .work import Work

EVALUATE = 128
"""Examples of one forward pass in validation: as wide as still lies in the cache with many lanes."""


class Stacked:
    """A program over a stack: our own kernels."""

    def __init__(self, layers: Sequence[Layer], module: nn.Module, space: Space) -> None:
        self.stack = Stack(layers, space)
        self.parameters = {name: tuple(one.shape) for name, one in module.named_parameters()}
        self.counts = {name: one for name, one in module.named_buffers() if not one.is_floating_point()}
        self.buffers = {name: tuple(one.shape) for name, one in module.named_buffers() if one.is_floating_point()}

    def bind(self, parameters: Arena, gradients: Arena, buffers: Arena, rates: Tensor) -> None:
        """Work on these arenas, with dropout rates (dropouts, L), from now on."""
        self.stack.bind(parameters, gradients, buffers)
        for kernel, lanes in zip(self.stack.dropouts, rates, strict=True):
            kernel.rates(lanes)

    def train_step(
        self, xs: list[Tensor], targets: Targets, groups: Sequence[Group], noises: list[list[Noise]]
    ) -> Tensor:
        """One forward and backward; the losses (L,)."""
        for kernel, mine in zip(self.stack.dropouts, noises, strict=True):
            kernel.noises = mine
        losses, gradient = targets.both(self.stack.forward(xs, groups, True))
        self.stack.backward(gradient, groups)
        return losses

    def outputs(self, xs: list[Tensor], groups: Sequence[Group]) -> Tensor:
        """Outputs (L, K, n), in evaluation."""
        return self.stack.forward(xs, groups, False)


class Lane:
    """One trial in a cohort."""

    def __init__(self, work: Work, job: Job) -> None:
        self.job, self.recipe = job, work.recipe_of(job)
        self.design: Design = work.design(job)
        self.fold: Fold = work.fold(self.recipe, job.fold)
        state: State | None = job.state
        self.epoch, self.step, self.first = (state.epoch, state.step, state.first) if state else (0, 0, math.nan)
        self.costs, self.losses, self.scores = (
            ([*state.costs], [*state.losses], [*state.scores]) if state else ([], [], [])
        )
        self.plateau = Plateau(max(2, self.recipe.epochs // 10))
        if state:
            self.plateau.factor, self.plateau.best, self.plateau.stale = state.plateau
        self.state = state
        self.seconds = 0.0

    @property
    def group(self) -> tuple[int, int, int]:
        """Lanes of equal group see the same examples and noise."""
        return self.job.fold, self.recipe.seed, self.epoch

    def tensor(self, kind: str, name: str, given: dict[str, Tensor]) -> Tensor | None:
        """Where a parameter, buffer or running mean stands; None for what starts at 0."""
        if self.state is not None:
            return self.state.tensors[f"{kind}.{name}"]
        return given[name] if kind in ("p", "b") else None


class Cohort:
    """Trains jobs of one key.

    Args:
        program: a `Stacked` or `Vmapped`.
        width: the most lanes at once.
        deadline: of `time.monotonic`, checked after each epoch; None never ends.
    """

    def __init__(self, work: Work, program: Any, width: int, deadline: Callable[[], bool] = lambda: False) -> None:
        self.work, self.program, self.width, self.over = work, program, width, deadline
        self.lanes: list[Lane] = []
        self._orders: dict[tuple[int, int], Order] = {}

    def run(self, waiting: deque[Job]) -> Iterator[Outcome]:
        """Train all that waits; outcomes as lanes end."""
        while (waiting or self.lanes) and not self.over():
            came = [Lane(self.work, waiting.popleft()) for _ in range(min(self.width - len(self.lanes), len(waiting)))]
            ready = [lane for lane in came if lane.epoch >= lane.job.until]
            for lane in ready:
                yield self._outcome(lane, "", lane.state)
            fresh = [lane for lane in came if lane.epoch < lane.job.until]
            if fresh:
                self._board(fresh)
            if not self.lanes:
                continue
            began = time.perf_counter()
            self._epoch()
            share = (time.perf_counter() - began) / len(self.lanes)
            for lane in self.lanes:
                lane.seconds += share
            yield from self._leave(bool(waiting))

    # who is on board

    def _board(self, fresh: list[Lane]) -> None:
        """Take lanes in beside those that are there."""
        self._save()
        self._seat([*self.lanes, *fresh])

    def _save(self) -> None:
        for lane, state in zip(self.lanes, self._states(), strict=True):
            lane.state = state

    def _seat(self, lanes: list[Lane]) -> None:
        """Lay lanes out side by side, those of one group together."""
        lanes.sort(key=lambda lane: lane.group)
        self.lanes = lanes
        device, program = self.work.device, self.program
        recipe = lanes[0].recipe
        self.update = Update(recipe.optimizer, program.parameters, len(lanes), device)
        self.buffers = Arena(program.buffers, len(lanes), device)
        given = [_named(lane.design.module) if lane.state is None else {} for lane in lanes]
        arenas = {"p": self.update.p, "b": self.buffers, **self.update.held}
        for kind, arena in arenas.items():
            for name, block in arena.blocks.items():
                found = [lane.tensor(kind, name, mine) for lane, mine in zip(lanes, given, strict=True)]
                _fill(block, found)
        rates = torch.tensor([lane.design.rates for lane in lanes], dtype=torch.float32, device=device).T
        self.rates = rates
        self._bind()

    def _bind(self) -> None:
        lanes, device = self.lanes, self.work.device
        self.program.bind(self.update.p, self.update.g, self.buffers, self.rates)
        recipes = [lane.recipe for lane in lanes]
        self.momentum = np.array([recipe.momentum for recipe in recipes])
        self.decay = np.array([recipe.weight_decay for recipe in recipes])
        self.clip = np.array([recipe.clip_norm or math.inf for recipe in recipes])
        self.smoothing = torch.tensor([recipe.label_smoothing for recipe in recipes], device=device)
        self._val: dict[int, Targets] = {}

    def _leave(self, others_wait: bool) -> Iterator[Outcome]:
        """Lanes that are done or broken leave; the others close ranks."""
        whys = [broken(lane.costs, lane.first) for lane in self.lanes]
        leaving = [bool(why) or lane.epoch >= lane.job.until for lane, why in zip(self.lanes, whys, strict=True)]
        if not any(leaving):
            return
        states = self._states()
        stay = [lane for lane, leaves in zip(self.lanes, leaving, strict=True) if not leaves]
        for lane, state, why, leaves in zip(self.lanes, states, whys, leaving, strict=True):
            lane.state = state
            if leaves:
                yield self._outcome(lane, why, None if why else state)
        self.lanes = stay
        if stay:
            self._seat(stay)

    def _outcome(self, lane: Lane, why: str, state: State | None) -> Outcome:
        return Outcome(
            lane.job.told(), lane.costs, lane.losses, lane.scores, lane.first, why, False, state, lane.seconds
        )

    def _states(self) -> list[State]:
        """Where every lane stands; views of one copy."""
        if not self.lanes:
            return []
        rows: list[dict[str, Tensor]] = [{} for _ in self.lanes]
        arenas = {"p": self.update.p, "b": self.buffers, **self.update.held}
        for kind, arena in arenas.items():
            for name, block in arena.blocks.items():
                for mine, row in zip(rows, block.clone().unbind(0), strict=True):
                    mine[f"{kind}.{name}"] = row
        for name, one in self.program.counts.items():
            for mine, lane in zip(rows, self.lanes, strict=True):
                mine[f"b.{name}"] = torch.full_like(one, lane.step)
        return [
            State(lane.epoch, lane.step, mine, [*lane.costs], [*lane.losses], [*lane.scores], lane.first,
                  (lane.plateau.factor, lane.plateau.best, lane.plateau.stale))
            for lane, mine in zip(self.lanes, rows, strict=True)
        ]  # fmt: skip

    # an epoch

    def _epoch(self) -> None:
        lanes = self.lanes
        groups = _groups(lanes)
        heads = [lanes[group.start] for group in groups]
        count = len(heads[0].fold.y)
        batch = min(heads[0].recipe.batch, count)
        steps = steps_of(count, batch)
        for lane in lanes:
            lane.epoch += 1
        orders = [self._order(lane, count)[: steps * batch] for lane in heads]
        xs = [lane.fold.x[order] for lane, order in zip(heads, orders, strict=True)]
        targets = self._targets([lane.fold.y[order] for lane, order in zip(heads, orders, strict=True)], groups)
        noises = [
            [Noise(lane.recipe.seed, lane.epoch, index, self._place) for lane in heads]
            for index in range(len(self.rates))
        ]
        noises = [_shared(row) for row in noises]
        self.update.numbers(
            np.stack([rates(lane, steps) for lane in lanes], 1), np.array([lane.step for lane in lanes], float),
            self.momentum, self.decay, self.clip,
        )  # fmt: skip
        losses = self._steps(steps, batch, xs, targets, groups, noises)
        for index, lane in enumerate(lanes):
            lane.step += steps
            if math.isnan(lane.first):
                lane.first = losses[0][index]
        means = np.mean(losses, 0)
        self._validate(groups, heads, means.tolist())

    @property
    def _place(self) -> torch.device | None:
        return None if self.work.device.type == "cpu" else self.work.device

    def _steps(
        self, steps: int, batch: int, xs: list[Tensor], targets: Targets, groups: list[Group], noises: list[list[Noise]]
    ) -> list[list[float]]:
        seen = []
        with torch.no_grad():
            for number in range(steps):
                part = slice(number * batch, (number + 1) * batch)
                seen.append(self.program.train_step([x[part] for x in xs], targets.part(part), groups, noises))
                self.update.step(number)
            return torch.stack(seen).tolist()

    def _validate(self, groups: list[Group], heads: list[Lane], means: list[float]) -> None:
        whole = len(heads[0].fold.val_y)
        xs = [lane.fold.val_x for lane in heads]
        if not self._val:
            self._val[0] = self._targets([lane.fold.val_y for lane in heads], groups)
        targets = self._val[0]
        loss = right = torch.zeros(())
        with torch.no_grad():
            for start in range(0, whole, EVALUATE):
                part = slice(start, min(start + EVALUATE, whole))
                outputs = self.program.outputs([x[part] for x in xs], groups)
                mine = targets.part(part)
                loss = loss + mine.value(outputs).double() * mine.count
                right = right + mine.right(outputs)
        losses, rights = (loss / whole).tolist(), right.tolist()
        spread = [_spread(lane.fold.val_y) for lane in heads] if targets.loss == "mse" else []
        for number, group in enumerate(groups):
            for index in range(group.start, group.stop):
                lane = self.lanes[index]
                value = 1 - rights[index] / spread[number] if spread else rights[index] / whole
                lane.costs.append(means[index])
                lane.losses.append(losses[index])
                lane.scores.append(value)
                if lane.recipe.schedule == "plateau":
                    lane.plateau.look(-losses[index] if math.isfinite(losses[index]) else -means[index])

    def _order(self, lane: Lane, count: int) -> Tensor:
        key = (lane.recipe.seed, count)
        if key not in self._orders:
            self._orders[key] = Order(*key)
        return self._orders[key].epoch(lane.epoch).to(self.work.device)

    def _targets(self, ys: list[Tensor], groups: list[Group]) -> Targets:
        of = torch.tensor([number for number, group in enumerate(groups) for _ in range(group.start, group.stop)])
        loss = name_of(self.lanes[0].recipe, self.work.task)
        return Targets(loss, torch.stack(ys), of.to(self.work.device), self.smoothing, self.work.classes)


def rates(lane: Lane, steps: int) -> np.ndarray:
    """The learning rates (S,) of a lane's next epoch."""
    recipe: Recipe = lane.recipe
    shape = _shape(recipe.schedule, recipe.warmup, steps * recipe.epochs, lane.step, steps)
    return recipe.lr * lane.plateau.factor * shape


@lru_cache(maxsize=4096)
def _shape(schedule: str, warmup: float, total: int, start: int, steps: int) -> np.ndarray:
    return np.array([factor(schedule, min((step + 0.5) / total, 1.0), warmup) for step in range(start, start + steps)])


def _groups(lanes: list[Lane]) -> list[Group]:
    groups: list[Group] = []
    for index, lane in enumerate(lanes):
        if groups and lanes[groups[-1].start].group == lane.group:
            groups[-1].stop = index + 1
        else:
            groups.append(Group(index, index + 1))
    return groups


def _shared(noises: list[Noise]) -> list[Any]:
    """Groups of equal seed and epoch (folds) draw the same numbers: draw them once a step."""
    first: dict[Any, _Once] = {}
    return [first.setdefault(noise.key, _Once(noise)).tap() for noise in noises]


class _Once:
    """Gives each of its taps the same numbers."""

    def __init__(self, noise: Noise) -> None:
        self.noise, self.taps, self.used = noise, 0, 0
        self.now: Tensor | None = None

    def tap(self) -> _Once:
        self.taps += 1
        return self

    def draw(self, features: int, examples: int) -> Tensor:
        if self.used % self.taps == 0:
            self.now = self.noise.draw(features, examples)
        self.used += 1
        assert self.now is not None
        return self.now


def _spread(y: Tensor) -> float:
    y = y.double()
    return max(float((y - y.mean()).square().sum()), 1e-300)


def _named(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


@torch.no_grad()
def _fill(block: Tensor, found: list[Tensor | None]) -> None:
    """Lanes' tensors into a block; what is None stays 0."""
    if all(one is None for one in found):
        return
    if all(one is found[0] for one in found):
        block.copy_(found[0])  # type: ignore[arg-type]
    elif all(one is not None for one in found):
        torch.stack([one.detach() for one in found], out=block)  # type: ignore[union-attr]
    else:
        for row, one in zip(block, found, strict=True):
            if one is not None:
                row.copy_(one)
