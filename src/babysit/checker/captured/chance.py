"""What a criterion costs a network that knows nothing: the criterion itself, on equal outputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...hosts.edits.stage import original
from .step import Criterion


def uniform(call: Criterion) -> float:
    """The criterion on outputs that prefer nothing: zeros, or equal probabilities where it wants those."""
    if call.name == "nll_loss":
        return _value(call, torch.full_like(call.output, -math.log(call.output.shape[1])))
    return _value(call, torch.full_like(call.output, 0.5 if call.name == "binary_cross_entropy" else 0.0))


def chance(call: Criterion) -> float:
    """The criterion on the best constant: the class frequencies, or the targets' mean.

    For cross-entropy the entropy of the labels in the batch, H(y).
    """
    target = call.target
    if call.name in ("cross_entropy", "nll_loss") and not target.is_floating_point():
        shares = _shares(call)
        logs = shares.clamp_min(1e-12).log().to(call.output)
        shape = [1] * call.output.ndim
        shape[1 if call.output.ndim > 1 else 0] = -1
        return _value(call, logs.reshape(shape).expand_as(call.output))
    if call.name in ("binary_cross_entropy", "binary_cross_entropy_with_logits") and target.shape == call.output.shape:
        mean = target.float().mean(0, keepdim=True).clamp(1e-6, 1 - 1e-6).expand_as(call.output)
        return _value(call, mean if call.name == "binary_cross_entropy" else torch.logit(mean))
    if target.is_floating_point() and target.shape == call.output.shape and target.ndim:
        return _value(call, target.mean(0, keepdim=True).expand_as(call.output))
    return uniform(call)


def _shares(call: Criterion) -> Tensor:
    classes = call.output.shape[1 if call.output.ndim > 1 else 0]
    ignored = int(call.options.get("ignore_index", -100))
    labels = call.target.reshape(-1)
    labels = labels[(labels != ignored) & (labels >= 0) & (labels < classes)]
    counts = torch.bincount(labels, minlength=classes).double()
    return counts / counts.sum().clamp_min(1)


def _value(call: Criterion, output: Tensor) -> float:
    options = {name: value for name, value in call.options.items() if name not in ("label_smoothing", "reduction")}
    try:
        with torch.no_grad():
            value = original(call.name)(output.to(call.output.dtype), call.target, **options)
            if call.reduction == "mean":
                return float(value)
            if call.reduction == "sum":
                return float(original(call.name)(output, call.target, reduction="sum", **options))
            return float(value)
    except (RuntimeError, ValueError, TypeError):
        return math.nan
