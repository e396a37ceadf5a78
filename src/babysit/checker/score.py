"""What a training came to, from what its criterion really got: accuracy, R², or the loss where neither exists.

A loss says little across edits (another criterion, another scale); the share of right answers and the
explained variance don't depend on either. They are taken from the criterion's own inputs, after the
edit, in the program's validation passes where it has them, else over its newest training examples.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..hosts.edits.stage import Call, Stage

NEWEST = 512
"""Training scores are over at least so many of the newest examples, and over the last tenth of the steps."""
_CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")
_YES_NO = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
)
_NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


@dataclass
class _Tally:
    """Sums over some examples that a score can be made of."""

    kind: str = ""
    count: float = 0.0
    right: float = 0.0
    error: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    classes: dict[int, tuple[float, float]] = field(default_factory=dict)  # label -> (examples, right)

    def add(self, other: _Tally) -> None:
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


def tally(call: Call) -> _Tally | None:
    """One batch's sums; None where outputs and targets say nothing about right and wrong."""
    output, target = call.output.detach(), call.target.detach()
    if call.name in _CLASSES and output.ndim >= 1:
        return _classes(output, target, int(call.options.get("ignore_index", -100)))
    if call.name in _YES_NO and output.shape == target.shape:
        cut = 0.5 if call.name == "binary_cross_entropy" else 0.0
        right = (output > cut) == (target > 0.5)
        return _Tally("accuracy", target.numel(), float(right.sum()), classes=_by_class((target > 0.5).long(), right))
    if call.name in _NUMBERS and output.numel() == target.numel():
        return _numbers(output.reshape(-1).double(), target.reshape(-1).double())
    return None


def _classes(output: Tensor, target: Tensor, ignored: int) -> _Tally | None:
    axis = 0 if output.ndim == 1 else 1
    if target.is_floating_point() and target.shape == output.shape:
        target = target.argmax(axis)
    answer = output.argmax(axis)
    if answer.shape != target.shape:
        return None
    counted = target != ignored
    finite = torch.isfinite(output).all(axis)
    right = (answer == target) & counted & finite
    return _Tally(
        "accuracy", float(counted.sum()), float(right.sum()), classes=_by_class(target[counted], right[counted])
    )


def _by_class(labels: Tensor, right: Tensor) -> dict[int, tuple[float, float]]:
    found, where = labels.reshape(-1).unique(return_inverse=True)
    if len(found) > 1000:
        return {}
    counts = torch.bincount(where, minlength=len(found)).tolist()
    rights = torch.bincount(where, weights=right.reshape(-1).double(), minlength=len(found)).tolist()
    return dict(zip(found.tolist(), zip(counts, rights, strict=True), strict=True))


def _numbers(output: Tensor, target: Tensor) -> _Tally:
    error = float(((output - target) ** 2).sum())
    return _Tally("r2", target.numel(), 0.0, error, float(target.sum()), float((target**2).sum()))


class Score:
    """Listens to a stage and knows the score so far.

    Attributes:
        curve: (step, score) every so many steps and at the end of each validation pass.
    """

    def __init__(self, stage: Stage, *, balanced: bool = False, watch_every: int = 20) -> None:
        self.stage, self.every, self.balanced = stage, watch_every, balanced
        self.newest: deque[_Tally] = deque()
        self.held = 0.0
        self.passes: list[_Tally] = []
        self.open: _Tally | None = None
        self.losses: deque[float] = deque(maxlen=50)
        self.curve: list[tuple[int, float]] = []
        stage.on_criterion(self._look)
        stage.before_backward(self._loss)
        stage.after_step(self._step)

    def _look(self, call: Call) -> None:
        found = tally(call)
        if found is None:
            return
        if not call.training:
            if self.stage.steps or self.newest:  # a look before training is no result
                self.open = self.open or _Tally()
                self.open.add(found)
            return
        self._close()
        self.newest.append(found)
        self.held += found.count
        while len(self.newest) > max(10, self.stage.steps // 10) and self.held - self.newest[0].count >= NEWEST:
            self.held -= self.newest.popleft().count

    def _close(self) -> None:
        if self.open is not None:
            self.passes.append(self.open)
            self.open = None

    def _loss(self, loss: Tensor, gradient: Tensor | None) -> Tensor | None:
        if loss.numel() == 1:
            self.losses.append(float(loss.detach()))
        return gradient

    def _step(self, optimizer: object) -> None:
        if self.stage.steps % self.every == 0:
            self.curve.append((self.stage.steps, self.value))

    @property
    def kind(self) -> str:
        """What the score is: "validation accuracy", "training R²", "loss" …"""
        held_out = self._largest_pass()
        tallies = [held_out] if held_out else list(self.newest)[-1:]
        if not tallies:
            return "loss"
        return f"{'validation' if held_out else 'training'} {'accuracy' if tallies[0].kind == 'accuracy' else 'R²'}"

    def _largest_pass(self) -> _Tally | None:
        passes = [*self.passes, *([self.open] if self.open else [])]
        if not passes:
            return None
        full = max(one.count for one in passes)
        return next(one for one in reversed(passes) if one.count >= 0.5 * full)

    @property
    def value(self) -> float:
        """The score now: the newest full validation pass, else the newest training examples, else minus the loss."""
        held_out = self._largest_pass()
        if held_out is not None:
            return held_out.balanced if self.balanced else held_out.score
        if self.newest:
            whole = _Tally()
            for one in self.newest:
                whole.add(one)
            return whole.balanced if self.balanced else whole.score
        if self.losses:
            loss = sum(self.losses) / len(self.losses)
            return -loss if math.isfinite(loss) else -math.inf
        return math.nan
