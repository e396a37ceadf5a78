"""The lecture's experiment: ten layers of 500 units on unit gaussian input, and what becomes of the signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..nn import ACTIVATIONS, init, mlp
from ..views.panel import Axis, Heat, Line, Panel, Table, Value
from ._fleet import generator
from ._networks import rms, signal
from ._verdict import short

DEPTH, WIDTH, INPUTS = 10, 500, 500


@dataclass
class Tower:
    """One seed's layers: mean, std, share saturated of outputs, rms of gradients (L,); histograms (L, bins) of the outputs and
    of the gradients' sizes in decades, against layer 10's rms."""

    mean: np.ndarray
    std: np.ndarray
    saturated: np.ndarray
    gradient: np.ndarray
    histogram: np.ndarray
    gradient_histogram: np.ndarray


BINS = np.linspace(-1, 1, 42)
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DECADES = np.linspace(-8, 6, 43)


def towers(activation: str, how: str, seeds: Sequence[int], *, quick: bool) -> list[Tower]:
    """One for each seed: other weights, other inputs."""
    return [_tower(activation, how, seed, 200 if quick else 1000) for seed in seeds]


def _tower(activation: str, how: str, seed: int, count: int) -> Tower:
    random = generator(seed)
    x = torch.randn(count, INPUTS, generator=random)
    y = torch.randint(10, (count,), generator=random)
    net = init(mlp((INPUTS,), 10, width=WIDTH, depth=DEPTH, activation=activation), how, generator=random)
    outputs, gradients = signal(net, x, y)
    low, high = ACTIVATIONS[activation].saturated_outputs

    def flat(one: Tensor) -> float:
        beyond = torch.zeros_like(one, dtype=torch.bool)
        if low is not None:
            beyond |= one <= low
        if high is not None:
            beyond |= one >= high
        return float(beyond.double().mean())

    return Tower(
        np.array([float(one.mean()) for one in outputs]),
        np.array([float(one.double().std(correction=0)) for one in outputs]),
        np.array([flat(one) for one in outputs]),
        np.array([float(one.double().square().mean().sqrt()) for one in gradients]),
        np.stack([_histogram(one, BINS) for one in outputs]),
        np.stack([_sizes(one, rms(gradients[-1])) for one in gradients]),
    )


def _histogram(one: Tensor, bins: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(one.detach().numpy().ravel().clip(bins[0], bins[-1]), bins)
    return counts / max(counts.max(), 1)


def _sizes(one: Tensor, scale: float) -> np.ndarray:
    """How |values| / scale are spread over decades; what lies outside of them, exact zeros too, is left out."""
    sizes = (one.detach().double().abs().flatten() / max(scale, 1e-300)).log10().numpy()
    counts, _ = np.histogram(sizes, DECADES)
    return counts / max(counts.max(), 1)


def table(found: Sequence[Tower]) -> Table:
    """The lecture's table: mean and std of each layer's outputs, and the rms of the gradient that comes back to it."""
    mean, std, gradient = (np.mean([getattr(one, name) for one in found], 0) for name in ("mean", "std", "gradient"))
    rows = [
        (f"layer {layer + 1}", f"{mean[layer]:.6f}", f"{std[layer]:.6f}", f"{gradient[layer]:.1e}")
        for layer in range(DEPTH)
    ]
    return Table(("", "mean", "std", "gradient (rms)"), rows)


def through_depth(title: str, found: Sequence[Tower], beside: Sequence[tuple[str, Sequence[Tower], str]] = ()) -> Panel:
    """Std of the outputs and rms of the gradients by layer, against layer 1's outputs and layer 10's gradients."""
    at = np.arange(1, DEPTH + 1)
    std = np.mean([one.std / one.std[0] for one in found], 0)
    marks = [Line("outputs", at, std, "blue")]
    gradient = np.mean([one.gradient / one.gradient[-1] for one in found], 0)
    marks.append(Line("gradients", at, gradient, "orange"))
    for name, others, tone in beside:
        marks.append(Line(name, at, np.mean([one.std / one.std[0] for one in others], 0), tone, "dash"))
    values = [Value("std, layer 1", short(float(np.mean([one.std[0] for one in found]))), "blue"), Value("layer 10", short(float(np.mean([one.std[-1] for one in found]))), "blue")]  # fmt: skip
    return Panel(
        title, [*marks, table(found)], x=Axis("layer"), y=Axis("relative to where it began", log=True), values=values, height=300,
    )  # fmt: skip


def histograms(title: str, found: Sequence[Tower]) -> Panel:
    """The lecture's picture, layer by layer: the outputs from -1 to 1, and the sizes of the gradients on the way back."""
    outputs = np.mean([one.histogram for one in found], 0)
    gradients = np.mean([one.gradient_histogram for one in found], 0)
    between = np.zeros((DEPTH, 6))
    cells = np.concatenate([outputs, between, gradients], 1)
    names = [""] * cells.shape[1]
    names[0], names[outputs.shape[1] // 2], names[outputs.shape[1] - 1] = "−1", "0", "1"
    start = outputs.shape[1] + between.shape[1]
    for exponent in range(int(DECADES[0]), int(DECADES[-1]) + 1, 2):
        at = int(np.searchsorted(DECADES, exponent + 1e-9)) - 1
        names[start + min(max(at, 0), gradients.shape[1] - 1)] = (
            "10" + str(exponent).translate(RAISED) if exponent else "1"
        )
    heat = Heat(
        [f"layer {layer + 1}" for layer in range(DEPTH)], np.arange(len(names)), cells, "counts", column_names=names
    )
    return Panel(
        title, [heat, table(found)], x=Axis("left: outputs  ·  right: |gradients| / rms at layer 10"), height=340
    )
