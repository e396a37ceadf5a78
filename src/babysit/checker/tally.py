"""How right some answers are: the share of right ones, or the explained variance, as sums that can be added up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..hosts.edits.stage import Call

CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")
YES_NO = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
)
NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


@dataclass
class Tally:
    """Sums over some examples that a score can be made of; `kind` is "accuracy" or "r2"."""

    kind: str = ""
    count: float = 0.0
    right: float = 0.0
    error: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    classes: dict[int, tuple[float, float]] = field(default_factory=dict)  # label -> (examples, right)

    def add(self, other: Tally) -> None:
        """Take the other's examples in."""
        self.kind = other.kind or self.kind
        for name in ("count", "right", "error", "total", "squares"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for label, (count, right) in other.classes.items():
            before = self.classes.get(label, (0.0, 0.0))
            self.classes[label] = (before[0] + count, before[1] + right)

    @property
    def score(self) -> float:
        """Accuracy in 0..1, or R² from -1 (whatever is worse) to 1; NaN of nothing."""
        if not self.count:
            return math.nan
        if self.kind == "accuracy":
            return self.right / self.count
        spread = self.squares - self.total**2 / self.count
        if not math.isfinite(self.error) or spread <= 0:
            return -1.0 if spread > 0 or not math.isfinite(self.error) else math.nan
        return max(-1.0, 1 - self.error / spread)

    @property
    def balanced(self) -> float:
        """Mean recall over the classes seen: what accuracy would be if all were equally frequent."""
        recalls = [right / count for count, right in self.classes.values() if count]
        return sum(recalls) / len(recalls) if recalls else self.score


def tally(call: Call, *, by_class: bool = True) -> Tally | None:
    """One batch's sums; None where outputs and targets say nothing about right and wrong."""
    output, target = call.output.detach(), call.target.detach()
    if call.name in CLASSES and output.ndim >= 1:
        return _classes(output, target, int(call.options.get("ignore_index", -100)), by_class)
    if call.name in YES_NO and output.shape == target.shape:
        return _yes_no(call.name, output, target, by_class)
    if call.name in NUMBERS and output.numel() == target.numel():
        return numbers(output, target)
    return None


def _yes_no(name: str, output: Tensor, target: Tensor, by_class: bool) -> Tally:
    """Labels of 0 and 1 are right or wrong; shares between them (a picture's brightness) are numbers."""
    given_shares = name == "binary_cross_entropy"
    if name.startswith("binary") and bool(((target > 0.01) & (target < 0.99)).any()):
        return numbers(output if given_shares else torch.sigmoid(output), target)
    right = (output > (0.5 if given_shares else 0.0)) == (target > 0.5)
    classes = _by_class((target > 0.5).long(), right) if by_class else {}
    return Tally("accuracy", target.numel(), float(right.sum()), classes=classes)


def _classes(output: Tensor, target: Tensor, ignored: int, by_class: bool) -> Tally | None:
    axis = 0 if output.ndim == 1 else 1
    if target.is_floating_point() and target.shape == output.shape:
        target = target.argmax(axis)
    answer = output.argmax(axis)
    if answer.shape != target.shape:
        return None
    counted = target != ignored
    finite = torch.isfinite(output).all(axis)
    right = (answer == target) & counted & finite
    classes = _by_class(target[counted], right[counted]) if by_class else {}
    return Tally("accuracy", float(counted.sum()), float(right.sum()), classes=classes)


def _by_class(labels: Tensor, right: Tensor) -> dict[int, tuple[float, float]]:
    found, where = labels.reshape(-1).unique(return_inverse=True)
    if len(found) > 1000:
        return {}
    counts = torch.bincount(where, minlength=len(found)).tolist()
    rights = torch.bincount(where, weights=right.reshape(-1).double(), minlength=len(found)).tolist()
    return dict(zip(found.tolist(), zip(counts, rights, strict=True), strict=True))


def numbers(output: Tensor, target: Tensor) -> Tally:
    """Sums of squares of outputs and targets that have equally many values."""
    output, target = output.detach().reshape(-1).double(), target.detach().reshape(-1).double()
    error = float(((output - target) ** 2).sum())
    return Tally("r2", target.numel(), 0.0, error, float(target.sum()), float((target**2).sum()))
