"""What an activation costs beside the matrix product before it."""

from __future__ import annotations

import time

import numpy as np
import torch

from ..nn import ACTIVATIONS as TABLE
from ..nn import activation
from ..nn.maxout import MaxPieces
from ..views.panel import Axis, Line, Panel, Table
from ._claim import claim
from ._fleet import generator
from ._lecture import ACTIVATIONS, KRIZHEVSKY_2012
from ._verdict import Criterion, Measured

BATCH, WIDTH = 128, 512
LITTLE = Criterion("time beyond ReLU's / time of the matrix product, forward and backward", high=0.1, share=True)


@claim(
    ACTIVATIONS, paper=KRIZHEVSKY_2012, order=3, timed=True, criteria={"sigmoid": LITTLE, "tanh": LITTLE, "elu": LITTLE}
)
def exp_costs_little(data, *, seeds, quick):
    """The exponential in sigmoid, tanh and ELU costs little beside the matrix product before it.

    Each activation on 128 x 512 values, forward and backward, timed in turns with ReLU and with the product by 512 x 512
    weights that stands before it (of maxout its max over two pieces alone); medians of paired ratios, so that a busy machine slows all of them alike.

    Criterion: what an activation takes beyond ReLU is at most 10 % of what the matrix product takes.
    """
    rounds = 15 if quick else 60
    names = list(TABLE)
    found = {name: [] for name in ("sigmoid", "tanh", "elu")}
    elements = BATCH * WIDTH
    medians = []
    for seed in seeds:
        random = generator(seed)
        x, weights = torch.randn(BATCH, WIDTH, generator=random), torch.randn(WIDTH, WIDTH, generator=random)
        wide = torch.randn(BATCH, 2 * WIDTH, generator=random)
        modules = {name: MaxPieces(2) if name == "maxout" else activation(name) for name in names}
        took = np.array(
            [
                [
                    *(_seconds(module, wide if name == "maxout" else x, x) for name, module in modules.items()),
                    _product(x, weights),
                ]
                for _ in range(rounds + 2)
            ]
        )[2:]  # (rounds, activations and the product, forward and backward)
        both = took.sum(2)
        for name in found:
            beyond = both[:, names.index(name)] - both[:, names.index("relu")]
            found[name].append(float(np.median(beyond / both[:, -1])))
        medians.append(np.median(took, 0) / elements * 1e9)
    forward, backward = np.median(medians, 0).T
    names = ["maxout, 2 pieces" if name == "maxout" else name for name in names] + ["the matrix product"]
    order = np.argsort(forward + backward)
    rows = np.arange(len(names))
    marks = [
        Line("forward", forward[order], rows, "blue", "dots", label=False), Line("backward", backward[order], rows, "orange", "dots", label=False),
        Table(("ns per element", "forward", "backward", "both"), [(names[k], *(f"{one:.2f}" for one in (forward[k], backward[k], forward[k] + backward[k]))) for k in order]),
    ]  # fmt: skip
    figure = Panel(
        "Nanoseconds per element: forward (blue) and backward (orange)", marks, x=Axis("ns per element", log=True),
        y=Axis(names=tuple(names[k] for k in order), low=-0.6, high=len(names) - 0.4), height=60 + 28 * len(names),
    )  # fmt: skip
    return Measured(
        found, figure,
        "An exponential is some tens of machine instructions, done once for each unit; the matrix product before it does a "
        f"multiplication for each incoming weight, here {WIDTH}, forward and twice more backward. With narrower layers the "
        "share grows in proportion.",
    )  # fmt: skip


def _seconds(module, x, gradient):
    """Forward and backward, on inputs that are a copy."""
    inputs = x.clone().requires_grad_()
    began = time.perf_counter()
    outputs = module(inputs)
    between = time.perf_counter()
    outputs.backward(gradient)
    return between - began, time.perf_counter() - between


def _product(x, weights):
    inputs, matrix = x.clone().requires_grad_(), weights.clone().requires_grad_()
    began = time.perf_counter()
    outputs = inputs @ matrix
    between = time.perf_counter()
    outputs.backward(x)
    return between - began, time.perf_counter() - between
