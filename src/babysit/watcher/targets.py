"""Targets and predictions over many batches: accuracy, R², entropies, and what a constant guess would cost.

Counts stay on the device; where a score is over "the newest ≥ 512 examples", whole batches are added up
until there are that many, then the score is written and the next block begun.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..record.run import Key
from .transfer import Transfer
from .twins import Twins

NEWEST = 512
MOST_CLASSES = 1024
LEAST = 20

Put = Callable[[Key, float], None]


class Seen:
    """What was seen through one criterion in training."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task: dict[str, Any] = {"kind": "unknown", "classes": None}
        self._newest: deque[tuple[float, ...]] = deque()
        self._labels: Tensor | None = None  # counts of labels, all seen so far
        self._block: Tensor | None = None  # (3, K): targets, predictions, rights of the newest block
        self._in_block = 0
        self._recalls: Tensor | None = None  # (K,) newest recall of each class, NaN where unknown
        self._twins = Twins()
        self._moments = [0.0, 0.0, 0.0]  # count, mean, sum of squares about it
        self._extremes = (math.inf, -math.inf)
        self._binary = True
        self._distinct: set[float] | None = set()
        self._whole: Tensor | None = None  # how often each whole number from 0 on occurred, of a regression's targets
        self._all_whole = 1.0

    def add(
        self, output: Tensor, target: Tensor, options: dict[str, Any], where: str, transfer: Transfer, put: Put
    ) -> None:
        """One more training batch."""
        rows = score_rows(self.name, output, target, options)
        kind, classes = task_of(self.name, output, target)
        self.task = {"kind": kind, "classes": classes}
        if rows is not None:
            transfer.add(rows, lambda values: self._score(values, where, put))
        if kind in ("classes", "sequence") and classes:
            self._classes(output, target, options, classes, where, transfer, put)
        elif target.numel():
            self._numbers(output, target, kind, where, transfer, put)

    # scores

    def _score(self, values: list[float], where: str, put: Put) -> None:
        self._newest.append(tuple(values))
        while len(self._newest) > 1 and sum(row[0] for row in self._newest) - self._newest[0][0] >= NEWEST:
            self._newest.popleft()
        name, value = total_score(list(self._newest))
        if name and value == value and (sum(row[0] for row in self._newest) >= NEWEST or len(self._newest) >= 8):
            put((f"{name}.train", where), value)

    # classes

    def _classes(
        self,
        output: Tensor,
        target: Tensor,
        options: dict[str, Any],
        classes: int,
        where: str,
        transfer: Transfer,
        put: Put,
    ) -> None:
        right = class_rows(output, target, options)
        if right is None:
            return
        if target.is_floating_point():
            off = (target.double().sum(1 if target.ndim > 1 else 0) - 1).abs().amax()
            transfer.add(off, lambda values: put(("target.row_sum_error", where), values[0]))
        labels, guesses, keep = right
        counts = torch.zeros(classes, dtype=torch.float64, device=labels.device)
        weight = keep.to(torch.float64)
        batch = counts.index_add(0, labels, weight)
        if self._labels is None or self._labels.shape != batch.shape:
            self._labels = torch.zeros_like(batch)
        self._labels = self._labels + batch
        entropy, own = _entropy(self._labels), _entropy(batch)
        seen = (self._labels > 0).sum().double()
        ids = torch.arange(classes, device=labels.device, dtype=torch.float64)
        total = self._labels.sum().clamp_min(1)
        mean = (self._labels * ids).sum() / total
        sd = ((self._labels * (ids - mean) ** 2).sum() / total).sqrt()
        present = self._labels > 0
        low = torch.where(present, ids, torch.full_like(ids, torch.inf)).amin()
        high = torch.where(present, ids, torch.full_like(ids, -torch.inf)).amax()
        chance = self._class_chance(options, classes)
        values = [entropy, own, seen, mean, sd, low, high, chance * _scale(options, keep.sum().double())]
        values += [*_excess(self._labels)]
        transfer.add(torch.stack(values), lambda numbers: _put_all(_CLASS_READINGS, numbers, where, put))
        if classes <= MOST_CLASSES:
            self._blocks(labels, guesses, keep, counts, where, transfer, put)

    def _class_chance(self, options: dict[str, Any], classes: int) -> Tensor:
        """Cost of always giving the label marginal, smoothing included (nats)."""
        assert self._labels is not None
        share = self._labels / self._labels.sum().clamp_min(1)
        smooth = float(options.get("label_smoothing") or 0.0)
        if self.name == "multi_margin_loss":
            return torch.full_like(share[0], (classes - 1) / classes)
        weight = options.get("weight")
        if isinstance(weight, Tensor):
            share = share * weight.to(share)
            share = share / share.sum().clamp_min(1e-300)
        return _entropy(share * (1 - smooth) + smooth / classes)

    def _blocks(
        self, labels: Tensor, guesses: Tensor, keep: Tensor, counts: Tensor, where: str, transfer: Transfer, put: Put
    ) -> None:
        weight = keep.to(torch.float64)
        rows = torch.stack(
            [
                counts.index_add(0, labels, weight),
                counts.index_add(0, guesses, weight),
                counts.index_add(0, labels, weight * (labels == guesses)),
            ]
        )
        alike = self._twins.add(labels, guesses, weight, len(counts))
        if alike is not None:
            transfer.add(alike, lambda values: _put_all(("errors.twins",), values, where, put))
        fits = self._block is not None and self._block.shape == rows.shape
        self._block = self._block + rows if fits else rows  # type: ignore[operator]
        self._in_block = (self._in_block if fits else 0) + len(labels)
        if self._in_block < NEWEST:
            return
        target, guessed, hit = self._block
        enough = target >= LEAST
        nan = torch.full_like(hit, torch.nan)
        old = self._recalls if self._recalls is not None and self._recalls.shape == hit.shape else nan
        self._recalls = torch.where(enough, hit / target.clamp_min(1), old)
        both = torch.stack([least_recall(self._recalls), _entropy(guessed)])
        # a rare class is counted on until there are enough of it
        self._block = torch.stack([target * ~enough, torch.zeros_like(hit), hit * ~enough])
        self._in_block = 0

        def receive(values: list[float]) -> None:
            if math.isfinite(values[0]):
                put(("recall.min", where), values[0])
            put(("predicted.entropy", where), values[1])

        transfer.add(both, receive)

    # numbers

    def _numbers(self, output: Tensor, target: Tensor, kind: str, where: str, transfer: Transfer, put: Put) -> None:
        y = target.double()
        finite = torch.isfinite(y)
        y0 = torch.where(finite, y, torch.zeros_like(y))
        var, mean = torch.var_mean(y0, correction=0)
        deviation = (y0 - y0.median()).abs().mean()
        rest = 1 - finite.double().mean()
        both = ((y0 == 0) | (y0 == 1)).all().double()
        whole = (y0 == y0.round()).double().mean()
        rows = torch.full_like(mean, torch.nan)
        if y.ndim >= 2 and y.shape[1] > 1:
            rows = (y0.sum(1) - 1).abs().amax()
        correlation = torch.full_like(mean, torch.nan)
        if output.shape == target.shape and output.numel() > 1:
            z = output.double()
            z, w = z - z.mean(), y0 - mean
            correlation = (z * w).mean() / (z.square().mean() * var).sqrt().clamp_min(1e-300)
        values = torch.stack([mean, var, *torch.aminmax(y0), rest, both, deviation, correlation, whole, rows])
        count = target.numel()
        if kind == "regression":
            self._whole_numbers(y0, where, transfer, put)
        if kind == "binary" and output.shape == target.shape and self._binary:
            self._yes_or_no(output, y0, where, transfer, put)
        transfer.add(values, lambda numbers: self._number_readings(numbers, count, kind, where, put))
        if kind == "regression" and self._distinct is not None:
            transfer.add(y0.reshape(-1)[:256], lambda numbers: self._count_distinct(numbers, where, put))

    def _yes_or_no(self, output: Tensor, y: Tensor, where: str, transfer: Transfer, put: Put) -> None:
        """Recalls of a single yes or no are those of two classes."""
        labels, guesses = two_classes(self.name, output, y)
        empty = torch.zeros(2, dtype=torch.float64, device=labels.device)
        self._blocks(labels, guesses, torch.ones_like(labels, dtype=torch.bool), empty, where, transfer, put)

    def _count_distinct(self, numbers: list[float], where: str, put: Put) -> None:
        """Distinct targets so far, up to a thousand."""
        if self._distinct is None:
            return
        self._distinct.update(numbers)
        if len(self._distinct) >= 1000:
            put(("target.classes_seen", where), 1000.0)
            self._distinct = None
        else:
            put(("target.classes_seen", where), float(len(self._distinct)))

    def _whole_numbers(self, y: Tensor, where: str, transfer: Transfer, put: Put) -> None:
        """Are the targets whole numbers, and how many different ones? (From 0 to MOST_CLASSES they are told apart.)"""
        whole = (y == y.round()).double()
        ids = torch.where(whole > 0, y, torch.zeros_like(y)).clamp(0, MOST_CLASSES).long().reshape(-1)
        if self._whole is None:
            self._whole = torch.zeros(MOST_CLASSES + 1, dtype=torch.float64, device=y.device)
        self._whole = self._whole.index_add(0, ids, whole.reshape(-1))

        def receive(values: list[float]) -> None:
            self._all_whole = min(self._all_whole, values[0])
            put(("target.integers", where), self._all_whole)
            put(("target.classes_seen", where), values[1])

        transfer.add(torch.stack([whole.mean(), (self._whole > 0).sum().double()]), receive)

    def _number_readings(self, numbers: list[float], count: int, kind: str, where: str, put: Put) -> None:
        mean, var, low, high, rest, binary, deviation, correlation, whole, rows = numbers
        self._binary = self._binary and bool(binary)
        if not self._binary and kind in ("binary", "multilabel"):
            self.task = {"kind": "regression", "classes": None}  # probabilities or pixels, not yes and no
        n, m, s = self._moments
        both = n + count
        shift = mean - m
        self._moments = [both, m + shift * count / both, s + var * count + shift * shift * n * count / both]
        self._extremes = (min(self._extremes[0], low), max(self._extremes[1], high))
        _, m, s = self._moments
        spread = s / both
        put(("target.mean", where), m)
        put(("target.std", where), math.sqrt(max(0.0, spread)))
        put(("target.min", where), self._extremes[0])
        put(("target.max", where), self._extremes[1])
        put(("target.nonfinite", where), rest)
        if kind == "regression":
            put(("target.integers", where), whole)
        if rows == rows:
            put(("target.row_sum_error", where), rows)
        if kind == "regression" and correlation == correlation:
            put(("output.target_correlation", where), correlation)
        chance = self._number_chance(m, spread, deviation)
        if chance is not None:
            put(("loss.chance", where), chance)
        if self._binary and kind in ("binary", "multilabel"):
            put(("target.entropy", where), _binary_entropy(m))

    def _number_chance(self, mean: float, var: float, deviation: float) -> float | None:
        if self.name == "mse_loss":
            return var
        if self.name == "l1_loss":
            return deviation
        if self.name in YES_NO_NATS:
            return _binary_entropy(mean) if 0 <= mean <= 1 else None
        return None


YES_NO_NATS = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
_CLASS_READINGS = (
    "target.entropy", "target.batch_entropy", "target.classes_seen", "target.mean", "target.std", "target.min",
    "target.max", "loss.chance", "target.commonest", "target.excess", "target.rest_structure",
)  # fmt: skip


def _put_all(names: tuple[str, ...], numbers: list[float], where: str, put: Put) -> None:
    for what, value in zip(names, numbers, strict=True):
        if value == value:
            put((what, where), value)


def _excess(counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(id of the commonest class, its count over the median of the other classes seen, how far from equal those are).

    The last is Pearson's X² against equal counts less its degrees of freedom, in standard deviations sqrt(2 dof).
    """
    most, which = counts.max(0)
    rest = torch.where(counts > 0, counts, torch.nan).index_fill(0, which, torch.nan)
    others = (~rest.isnan()).sum().double()
    mean = rest.nansum() / others
    squares = ((rest - mean).square() / mean).nansum()
    freedom = (others - 1).clamp_min(1)
    return which.double(), most / rest.nanmedian(), (squares - freedom) / (2 * freedom).sqrt()


def _entropy(counts: Tensor) -> Tensor:
    share = counts / counts.sum().clamp_min(1e-300)
    return -torch.xlogy(share, share).sum()


def _binary_entropy(share: float) -> float:
    return -sum(p * math.log(p) for p in (share, 1 - share) if p > 0)


def _scale(options: dict[str, Any], count: Tensor) -> Tensor:
    total = options.get("reduction") == "sum" or options.get("size_average") is False
    return count if total else torch.ones_like(count)


def task_of(name: str, output: Tensor, target: Tensor) -> tuple[str, int | None]:
    """(kind of task, classes) as far as one call of a criterion tells."""
    if name in ("cross_entropy", "nll_loss", "multi_margin_loss"):
        classes = int(output.shape[1] if output.ndim > 1 else output.shape[0])
        return ("sequence" if output.ndim == 3 else "classes"), classes
    if name in (*YES_NO_NATS, "soft_margin_loss"):
        columns = output.shape[-1] if output.ndim > 1 else 1
        return ("binary", 2) if columns == 1 else ("multilabel", int(columns))
    if name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "gaussian_nll_loss"):
        return "regression", None
    return "unknown", None


def class_rows(output: Tensor, target: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor] | None:
    """(labels, guesses, whether each counts), each (rows,), of a call about classes; classes on axis 1."""
    if output.ndim == 1:
        output, target = output.unsqueeze(0), target.unsqueeze(0)
    classes = output.shape[1]
    guesses = output.argmax(1).reshape(-1)
    if target.is_floating_point():
        if target.shape != output.shape:
            return None
        labels = target.argmax(1).reshape(-1)
        return labels, guesses, torch.ones_like(labels, dtype=torch.bool)
    labels = target.reshape(-1).long()
    if len(labels) != len(guesses):
        return None
    ignored = options.get("ignore_index")
    keep = (labels != (-100 if ignored is None else ignored)) & (labels >= 0) & (labels < classes)
    return torch.where(keep, labels, torch.zeros_like(labels)), guesses, keep


def two_classes(name: str, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(labels, guesses) as 0 and 1, each (rows,), of a criterion about yes or no."""
    border = 0.5 if name == "binary_cross_entropy" else 0.0
    middle = 0.0 if name == "soft_margin_loss" else 0.5
    return (target > middle).reshape(-1).long(), (output > border).reshape(-1).long()


def least_recall(recalls: Tensor) -> Tensor:
    """Smallest of the recalls that are known; infinity where none is."""
    return torch.where(recalls.isnan(), torch.full_like(recalls, torch.inf), recalls).amin()


def score_rows(name: str, output: Tensor, target: Tensor, options: dict[str, Any]) -> Tensor | None:
    """Sums from which a score over many batches follows, (2,) or (4,): see `total_score`.

    Classes and yes-or-no: (count, rights). Numbers: (count, sum of squared errors, sum of targets, of their squares).
    """
    kind, classes = task_of(name, output, target)
    if kind in ("classes", "sequence") and classes:
        rows = class_rows(output, target, options)
        if rows is None:
            return None
        labels, guesses, keep = rows
        return torch.stack([keep.sum(), ((labels == guesses) & keep).sum()]).double()
    if kind in ("binary", "multilabel") and output.shape == target.shape:
        labels, guesses = two_classes(name, output, target)
        right = (labels == guesses).sum()
        return torch.stack([torch.full_like(right, output.numel()), right]).double()
    if kind == "regression" and output.numel() == target.numel():
        y = target.reshape(-1).double()
        guess = output.reshape(-1).double()
        if name == "poisson_nll_loss" and options.get("log_input", True):
            guess = guess.exp()
        error = (guess - y).square().sum()
        return torch.stack([torch.full_like(error, y.numel()), error, y.sum(), y.square().sum()])
    return None


def total_score(rows: list[tuple[float, ...]]) -> tuple[str, float]:
    """("accuracy", share right) or ("r2", R²) of all rows together; ("", NaN) where there is nothing to score."""
    count = sum(row[0] for row in rows)
    if not rows or not count:
        return "", math.nan
    if len(rows[0]) == 2:
        return "accuracy", sum(row[1] for row in rows) / count
    error, total, squares = (sum(row[index] for row in rows) for index in (1, 2, 3))
    variance = squares - total * total / count
    return ("r2", 1 - error / variance) if variance > 1e-12 * max(1.0, squares) else ("", math.nan)
