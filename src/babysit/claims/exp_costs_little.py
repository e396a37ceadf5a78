"""What an activation costs beside the matrix product before it."""

from __future__ import annotations

import time

import numpy as np
import torch

from ..nn import ACTIVATIONS as TABLE
from ..nn import activation
from ..views.panel import Bars, Panel, Value
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
    weights that stands before it; medians of paired ratios, so that a busy machine slows all of them alike.

    Criterion: what an activation takes beyond ReLU is at most 10 % of what the matrix product takes.
    """
    rounds = 15 if quick else 60
    names = [name for name in TABLE if name != "maxout"]
    found = {name: [] for name in ("sigmoid", "tanh", "elu")}
    nanoseconds: dict[str, list[float]] = {name: [] for name in names}
    products = []
    for seed in seeds:
        x = torch.randn(BATCH, WIDTH, generator=generator(seed))
        weights = torch.randn(WIDTH, WIDTH, generator=generator(seed + 1))
        modules = {name: activation(name) for name in names}
        times: dict[str, list[float]] = {name: [] for name in [*names, "product"]}
        for turn in range(rounds + 2):
            took = {name: _seconds(module, x) for name, module in modules.items()}
            took["product"] = _product(x, weights)
            if turn >= 2:
                for name, value in took.items():
                    times[name].append(value)
        relu, product = np.array(times["relu"]), np.array(times["product"])
        for name in found:
            found[name].append(float(np.median((np.array(times[name]) - relu) / product)))
        for name in names:
            nanoseconds[name].append(float(np.median(times[name])) / (BATCH * WIDTH) * 1e9)
        products.append(float(np.median(product)) / (BATCH * WIDTH) * 1e9)
    told = {name: float(np.median(values)) for name, values in nanoseconds.items()}
    order = sorted(told, key=told.__getitem__)
    product = float(np.median(products))
    figure = Panel(
        "Nanoseconds per element, forward and backward", [Bars([*order, "the matrix product"], [*(told[one] for one in order), product], [*["blue"] * len(order), "dim"])],
        values=[Value("ReLU", f"{told['relu']:.2g} ns"), Value("sigmoid", f"{told['sigmoid']:.2g} ns"), Value("product", f"{product:.3g} ns")],
        height=330,
    )  # fmt: skip
    return Measured(
        found, figure,
        "An exponential is some tens of machine instructions, done once for each unit; the matrix product before it does a "
        f"multiplication for each incoming weight, here {WIDTH}, forward and twice more backward. With narrower layers the "
        "share grows in proportion.",
    )  # fmt: skip


def _seconds(module, x):
    inputs = x.clone().requires_grad_()
    began = time.perf_counter()
    module(inputs).backward(x)
    return time.perf_counter() - began


def _product(x, weights):
    inputs, matrix = x.clone().requires_grad_(), weights.clone().requires_grad_()
    began = time.perf_counter()
    (inputs @ matrix).backward(x)
    return time.perf_counter() - began
