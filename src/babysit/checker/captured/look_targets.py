"""The targets of the recorded steps: scale, balance, order, whether an input gives them away."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...checks import CannotJudge
from ...record import Run
from .asking import Asking
from .subject import Subject


def look(asking: Asking) -> Run:
    """`target.*` as docs/readings.md has them; `target.smallest`, `target.largest` class shares; `target.told`: the
    largest |correlation| of one input feature with the target, `target.told_next` of the next one.
    """
    asking.playable()
    subject, run = asking.subject, Run()
    call = subject.first.main
    if call is None:
        raise CannotJudge("the loss is not one of PyTorch's criteria, so its targets aren't known")
    run.set_fact("task", {"kind": subject.kind, "classes": subject.classes})
    run.set_fact(
        "criteria",
        [
            {
                "name": "",
                "kind": call.name,
                "reduction": call.reduction,
                "weighted": call.options.get("weight") is not None or call.options.get("pos_weight") is not None,
            }
        ],
    )
    run.set_fact("reconstruction", subject.reconstructs)
    y = subject.targets()
    floating = y.is_floating_point()
    finite = torch.isfinite(y) if floating else torch.ones_like(y, dtype=torch.bool)
    values = y[finite].double()
    if not values.numel():
        run.append(0, {("target.nonfinite", ""): 1.0})
        return run
    run.append(0, {
        ("target.nonfinite", ""): 1 - float(finite.double().mean()),
        ("target.mean", ""): float(values.mean()), ("target.std", ""): float(values.std(correction=0)),
        ("target.min", ""): float(values.min()), ("target.max", ""): float(values.max()),
        ("target.count", ""): float(values.numel()),
    })  # fmt: skip
    if subject.kind in ("classes", "sequence", "binary") and not (floating and subject.kind != "binary"):
        _balance(subject, run, call.options)
    if subject.kind in ("classes", "binary", "regression"):
        _told(subject, run)
    return run


def _balance(subject: Subject, run: Run, options: dict) -> None:
    ignored = int(options.get("ignore_index", -100))
    batches = [one.target.reshape(-1) for one in subject.outputs()]
    batches = [one[one != ignored] for one in batches]
    run.set_fact("turns", len(subject.body.optimizers) > 1 or len(subject.first.calls) > 1)
    labels = torch.cat(batches).double().round().long()
    _, counts = labels.unique(return_counts=True)
    shares = counts.double() / counts.sum()
    entropies = sorted(_entropy(one.double().round().long()) for one in batches if len(one) >= 8)
    run.append(0, {
        ("target.entropy", ""): _entropy(labels), ("target.classes_seen", ""): float(len(counts)),
        ("target.smallest", ""): float(shares.min()), ("target.largest", ""): float(shares.max()),
    })  # fmt: skip
    if len(entropies) >= 3:
        run.append(0, {("target.batch_entropy", ""): entropies[len(entropies) // 2]})


def _entropy(labels: Tensor) -> float:
    counts = labels.unique(return_counts=True)[1].double()
    shares = counts / counts.sum()
    return float(-(shares * shares.log()).sum())


def _told(subject: Subject, run: Run) -> None:
    """Does one feature say the target outright?"""
    steps = [step for step in subject.recorded if step.main is not None and step.axis == 0]
    x = subject.inputs(0)
    y = torch.cat([step.main.target.reshape(len(step.main.target), -1) for step in steps]) if steps else torch.empty(0)  # type: ignore[union-attr]
    if not x.is_floating_point() or x.ndim != 2 or len(x) != len(y) or y.shape[1] != 1 or len(y) < 32:
        return
    x, y = torch.nan_to_num(x.double()), y[:, 0].double()
    varied = ((x - x.median(0).values).abs() > 1e-9).double().mean(0) >= 0.1
    if int(varied.sum()) < 2:
        return
    x, numbers = x[:, varied], varied.nonzero().flatten()
    if subject.kind == "classes" and float(y.max()) > 1:
        best = _between(x, y.long())
    else:
        x = (x - x.mean(0)) / x.std(0, correction=0).clamp_min(1e-12)
        y = (y - y.mean()) / y.std(correction=0).clamp_min(1e-12)
        best = (x * y[:, None]).mean(0).abs()
    ordered = best[torch.isfinite(best)].sort(descending=True).values
    if len(ordered) >= 2 and not math.isnan(float(ordered[0])):
        run.append(0, {("target.told", ""): float(ordered[0]), ("target.told_next", ""): float(ordered[1])})
        run.set_fact("told_by", int(numbers[best.argmax()]))


def _between(x: Tensor, labels: Tensor) -> Tensor:
    """The share of each feature's standard deviation that lies between classes."""
    total = x.var(0, correction=0).clamp_min(1e-12)
    inside = torch.zeros_like(total)
    for label in labels.unique():
        rows = x[labels == label]
        inside += rows.var(0, correction=0) * len(rows) / len(x)
    return (1 - inside / total).clamp_min(0).sqrt()
