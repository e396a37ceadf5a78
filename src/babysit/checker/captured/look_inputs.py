"""The inputs of the recorded steps: size, scale, centring, constant features."""

from __future__ import annotations

import torch
from torch import Tensor

from ...record import Run
from .asking import Asking


def look(asking: Asking) -> Run:
    """`batch.*` as docs/readings.md has them, of each input, over all recorded examples."""
    asking.playable()
    run = Run()
    subject = asking.subject
    run.set_fact("task", {"kind": subject.kind, "classes": subject.classes})
    kinds = []
    for which in range(len(subject.first.inputs)):
        x = subject.inputs(which)
        kinds.append("numbers" if x.is_floating_point() else "ids")
        run.append(0, {(f"batch.{name}", str(which)): value for name, value in _of(x).items()})
    run.set_fact("inputs", kinds)
    return run


def _of(x: Tensor) -> dict[str, float]:
    finite = torch.isfinite(x) if x.is_floating_point() else torch.ones_like(x, dtype=torch.bool)
    found = {"size": float(len(x)), "nonfinite": 1 - float(finite.float().mean())}
    plain = x[finite].double()
    if not plain.numel():
        return found
    found |= {
        "mean": float(plain.mean()),
        "std": float(plain.std(correction=0)),
        "min": float(plain.min()),
        "max": float(plain.max()),
    }
    if not x.is_floating_point() or x.ndim < 2 or len(x) < 8:
        return found
    features = torch.nan_to_num(x.double())
    axes = [0, *range(2, x.ndim)] if x.ndim >= 4 else list(range(x.ndim - 1))  # images: channels; sequences: last axis
    mean, std = features.mean(axes), features.std(axes, correction=0)
    tiny = 1e-7 * (mean.abs() + 1e-30)
    alive = std > tiny
    if not bool(alive.any()):
        return found | {"constant_features": 1.0}
    each = features.flatten(1).std(0, correction=0)
    offsets = (mean.abs() / std.clamp_min(1e-30))[alive]
    found |= {
        "feature_offset": float(offsets.max()),
        "feature_offset_median": float(offsets.median()),
        "feature_spread": float(std[alive].max() / std[alive].quantile(0.05).clamp_min(1e-30))
        if len(std) < 10_000
        else 1.0,
        "feature_mean": float(mean[alive].abs().median()),
        "feature_largest": float(std[alive].max()),
        "constant_features": float((each <= 1e-7 * (features.flatten(1).mean(0).abs() + 1e-30)).double().mean()),
    }
    return found
