"""Data made ready for a training: on the device, preprocessed once, targets at unit scale.

Preprocessing is a fixed function, so the loop need not repeat it in every step: the examples go
through it once, and the loop trains the rest. The whole network, saved and used later, has the same
layer in front, so the same thing happens at test time by construction. (Augmented and lazily read
examples go through it batch by batch.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..data import Part, Split
from ..errors import RecipeError
from ..nn import build, init
from ..nn.preprocess import auto, preprocess
from ..record import Recipe
from .network import CENTRING, Network

ONCE = 1 << 30
"""Bytes up to which preprocessed examples are held whole."""
BLOCK = 1 << 25
"""Bytes gathered at once; batches are views of a block."""
EVALUATE = 1024
"""Examples of one forward pass in evaluation."""
SAMPLE = 256
"""Examples that lsuv scales the layers on."""

Augment = Callable[[Tensor, torch.Generator], Tensor]


class Examples:
    """Inputs ready for the trained part of the network, with their targets, on the device.

    Args:
        x: preprocessed inputs (N, …), or a Part whose batches go through `inputs` as they come.
        y: (N,) class ids, or targets of mean 0 and standard deviation 1.
        inputs: raw examples -> inputs; used for a Part.
        augment: applied to raw training batches before `inputs`.
    """

    def __init__(
        self, x: Tensor | Part, y: Tensor, inputs: Callable[[Tensor], Tensor], augment: Augment | None = None
    ) -> None:
        self.x, self.y, self.inputs, self._augment = x, y, inputs, augment

    def __len__(self) -> int:
        return len(self.y)

    def batches(
        self, order: Tensor, size: int, *, start: int = 0, count: int, noise: torch.Generator
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Batches number `start` to `count` of the examples in `order` (N,), `size` in each."""
        order = order[start * size : count * size]
        if isinstance(self.x, Tensor):
            yield from self._blocks(self.x, order, size)
            return
        for x, index in self._raw(self.x, order, size):
            if self._augment is not None:
                x = self._augment(x, noise)
            yield self.inputs(x), self.y[index]

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples once, as stored, in large batches, never augmented."""
        if isinstance(self.x, Tensor):
            yield from zip(self.x.split(EVALUATE), self.y.split(EVALUATE), strict=True)
            return
        done = 0
        for x, _ in self.x.batches(EVALUATE):
            yield self.inputs(x), self.y[done : done + len(x)]
            done += len(x)

    def first(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Some examples by their numbers, never augmented."""
        index = index.to(self.y.device)
        if isinstance(self.x, Tensor):
            return self.x[index], self.y[index]
        return self.inputs(self.x.gather(index)[0]), self.y[index]

    def _blocks(self, x: Tensor, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        bytes_each = max(1, x[:1].nbytes)
        rows = max(size, BLOCK // bytes_each // size * size)
        for index in order.to(x.device).split(rows):
            yield from zip(x.index_select(0, index).split(size), self.y.index_select(0, index).split(size), strict=True)

    @staticmethod
    def _raw(part: Part, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Raw batches; lazy ones are read one ahead."""
        parts = order.split(size)
        batches = (part.gather(index) for index in parts) if part.whole else part.ordered(order, size)
        for (x, _), index in zip(batches, parts, strict=True):
            yield x, index.to(part.device)


@dataclass(frozen=True)
class Prepared:
    """What `prepare` gives: examples ready for the loop, and how to make the network for them."""

    train: Examples
    val: Examples
    device: torch.device
    task: str
    classes: int
    shape: tuple[int, ...]
    first: nn.Module
    unit: float
    target: tuple[float, float]

    def subset(self, index: Tensor) -> Prepared:
        """The same with these training examples only, and no validation."""
        x, y = self.train.first(index)
        return replace(self, train=Examples(x, y, self.train.inputs), val=Examples(x[:0], y[:0], self.train.inputs))

    def network(self, recipe: Recipe, model: nn.Module | None = None) -> Network:
        """A new network with initial weights, drawn from PyTorch's global generator."""
        outputs = self.classes if self.task == "classification" else None
        body = build(recipe, self.shape, outputs, self.first).network if model is None else model
        network = Network(self.first, body, regression=self.task == "regression")  # type: ignore[arg-type]
        network.unit.fill_(self.unit)
        if network.regression:
            network.target_mean.fill_(self.target[0])
            network.target_std.fill_(self.target[1])
        if model is None:
            sample = None
            if recipe.init == "lsuv":
                sample = self.train.first(torch.arange(min(SAMPLE, len(self.train))))[0].cpu()
            init(body, recipe.init, None if ":" in recipe.model else recipe.activation, sample)  # type: ignore[arg-type]
        return network.to(self.device)


def device_of(name: str) -> torch.device:
    """The device that a recipe asks for; "auto" takes a GPU when there is one.

    Raises:
        RecipeError: no such device, or this machine hasn't got it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RecipeError(f"device must be auto, cpu, cuda, cuda:1 or mps, but device={name}") from None
    there = {
        "cpu": lambda: True,
        "cuda": lambda: torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available,
    }
    if device.type not in there:
        raise RecipeError(f"device must be auto, cpu, cuda, cuda:1 or mps, but device={name}")
    if not there[device.type]():
        raise RecipeError(f"device={name} must be in this machine, but PyTorch finds none; use device=cpu")
    return device


def prepare(recipe: Recipe, split: Split, device: torch.device | None = None) -> Prepared:
    """Fit the preprocessing on the training part, and put both parts through it.

    Trainings that differ in anything but `preprocess`, `components`, `augment` and `device` share the result.

    Raises:
        RecipeError: a device or preprocessing that can't be.
        DataError: data whose statistics can't be computed.
    """
    device = device or device_of(recipe.device)
    split = split.to(device)
    name = auto(split.shape) if recipe.preprocess == "auto" else recipe.preprocess
    first = preprocess(name, split.shape, recipe.components)
    raw = split.train.x
    first.fit(raw.cpu() if isinstance(raw, Tensor) else (x.cpu() for x, _ in split.train.batches(EVALUATE)))
    first = first.to(device).eval().requires_grad_(False)
    unit = _rms(first, split.train) if name in CENTRING and len(split.shape) == 3 else 1.0

    def inputs(x: Tensor) -> Tensor:
        return first(x) / unit

    target = (0.0, 1.0)
    if split.task == "regression":
        y = split.train.y.double()
        target = (float(y.mean()), float(y.std(correction=0)) or 1.0)
    return Prepared(
        train=_examples(split.train, inputs, target, split.task, _augmentation(recipe)),
        val=_examples(split.val, inputs, target, split.task, None),
        device=device,
        task=split.task,
        classes=len(split.classes),
        shape=split.shape,
        first=first,
        unit=unit,
        target=target,
    )


@torch.inference_mode()
def _rms(first: nn.Module, part: Part) -> float:
    """The root mean square of all preprocessed training values."""
    total = count = 0.0
    for x, _ in part.batches(EVALUATE):
        values = first(x)
        total += float(values.double().square().sum())
        count += values.numel()
    return float(torch.tensor(math.sqrt(total / max(1.0, count)))) or 1.0


def _examples(
    part: Part, inputs: Callable[[Tensor], Tensor], target: tuple[float, float], task: str, augment: Augment | None
) -> Examples:
    y = part.y if task == "classification" else ((part.y.double() - target[0]) / target[1]).float()
    small = math.prod(part.shape) * 4 * len(part) <= ONCE
    if not (part.whole and small and augment is None):
        return Examples(part, y, inputs, augment)
    with torch.no_grad():
        ready = [inputs(x) for x, _ in part.batches(EVALUATE)]
    return Examples(torch.cat(ready) if ready else torch.empty(0), y, inputs)


def _augmentation(recipe: Recipe) -> Augment | None:
    if recipe.augment == "none":
        return None
    from ..data.augment import augment

    return lambda x, noise: augment(x, recipe.augment, noise)
