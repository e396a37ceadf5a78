"""What was taken down of a training: its steps, models and optimizer, what it validated on, in what order it called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .step import Body, Criterion, Step

_CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")
_YES_NO = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
)
_NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


@dataclass
class OwnFunction:
    """An autograd function of the user's own, and one set of arguments that it got."""

    cls: Any
    args: Any


@dataclass
class Seen:
    """Batches that a model was given."""

    @dataclass
    class Batch:
        """One of them: which model, its mode, its values (where kept) and a hash of each example."""

        model: int
        training: bool
        values: Tensor | None
        hashes: list[int]

    batches: list[Batch] = field(default_factory=list)
    count: int = 0
    kept: int = 0

    def add(self, batch: Batch) -> None:
        """One more."""
        self.batches.append(batch)
        self.count += len(batch.hashes)
        self.kept += len(batch.hashes) if batch.values is not None else 0


@dataclass
class Subject:
    """A training that can be asked.

    Attributes:
        body: the models and optimizers before the first step; copied before each use.
        recorded: the steps taken down.
        names: the models' classes.
        rates: highest lr seen of each optimizer; gradients, moved: of each parameter at the first steps, by id in `body`.
        carried: steps of an optimizer whose gradients weren't cleared since the step before.
        empty: among the first ten, steps of an optimizer without any gradient.
        flat: among them too, steps for which a backward pass gave gradients that are all exactly 0, at a loss that isn't.
        foreign: parameters of optimizers that no called model holds.
        given: has the optimizer been chosen by the user?
        problem: why it can't be played again; "" where it can.
    """

    body: Body = field(default_factory=lambda: Body([], [], []))
    recorded: list[Step] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    own: list[OwnFunction] = field(default_factory=list)
    trained: Seen = field(default_factory=Seen)
    evaluated: Seen = field(default_factory=Seen)
    rates: dict[int, float] = field(default_factory=dict)
    gradients: dict[int, float] = field(default_factory=dict)
    moved: dict[int, bool] = field(default_factory=dict)
    carried: dict[int, int] = field(default_factory=dict)
    empty: dict[int, int] = field(default_factory=dict)
    flat: dict[int, int] = field(default_factory=dict)
    foreign: int = 0
    steps: int = 0
    backwards: int = 0
    closures: bool = False
    given: bool = True
    problem: str = ""

    @property
    def first(self) -> Step:
        """The first step of the largest batch size."""
        return max(self.recorded, key=lambda step: step.size)

    @property
    def kind(self) -> str:
        """classes, sequence, binary, multilabel, regression or unknown: from what the criterion got."""
        call = self.first.main
        if call is None:
            return "unknown"
        kind = kind_of(call)
        return "sequence" if kind == "classes" and call.target.numel() > self.first.size else kind

    @property
    def classes(self) -> int:
        """K, the number of outputs of a classifier."""
        call = self.first.main
        if call is None or call.output.ndim == 0:
            return 0
        return int(call.output.shape[0 if call.output.ndim == 1 else 1]) if call.name in _CLASSES else 2

    @property
    def composite(self) -> bool:
        """Is the loss more than one criterion's mean?"""
        step = self.first
        call = step.main
        if call is None or len(step.calls) != 1 or call.reduction != "mean":
            return True
        return abs(value_of(call) - step.value) > 1e-3 * max(1e-6, abs(step.value))

    @property
    def reconstructs(self) -> bool:
        """Is the target the input itself?"""
        step = self.first
        call = step.main
        if call is None or not step.inputs:
            return False
        x = step.outside[step.inputs[0]]
        target = call.target
        if x.numel() != target.numel() or not x.is_floating_point() or not target.is_floating_point():
            return False
        a, b = x.reshape(-1).double(), target.reshape(-1).double()
        return (
            bool(torch.corrcoef(torch.stack([a, b]))[0, 1].abs() > 0.5) if float(a.std()) and float(b.std()) else False
        )

    def targets(self) -> Tensor:
        """All targets of the main criterion seen in the recorded steps, flat."""
        found = [step.main.target.reshape(-1) for step in self.recorded if step.main is not None]
        return torch.cat(found) if found else torch.empty(0)

    def outputs(self) -> list[Criterion]:
        """What the main criterion got in each recorded step."""
        return [step.main for step in self.recorded if step.main is not None]

    def inputs(self, which: int = 0) -> Tensor:
        """One input of the recorded steps, examples first, all steps together."""
        found = []
        for step in self.recorded:
            if which < len(step.inputs):
                value = step.outside[step.inputs[which]]
                found.append(value.movedim(step.axis, 0) if value.ndim > step.axis else value)
        shapes = {one.shape[1:] for one in found}
        if len(shapes) > 1:
            found = [one for one in found if one.shape[1:] == found[0].shape[1:]]
        return torch.cat(found) if found else torch.empty(0)


def kind_of(call: Criterion) -> str:
    """What a criterion learns."""
    if call.name in _CLASSES:
        return "classes" if call.output.ndim <= 2 and call.target.ndim <= 1 else "sequence"
    if call.name in _YES_NO:
        return "multilabel" if call.output.ndim >= 2 and call.output.shape[-1] > 1 else "binary"
    return "regression" if call.name in _NUMBERS else "unknown"


def value_of(call: Criterion) -> float:
    """The criterion's mean value again."""
    from ...hosts.edits.stage import original

    with torch.no_grad():
        value = original(call.name)(call.output, call.target, **call.options)
    return float(value.mean())


def hashes(batch: Tensor) -> list[int]:
    """A hash of each of N examples; equal examples have equal hashes."""
    plain = batch.detach().cpu()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    rows = plain.numpy().reshape(len(plain), -1)
    return [hash(row.tobytes()) for row in rows]
