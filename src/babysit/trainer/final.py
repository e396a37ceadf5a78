"""The one test at the end, with how sure it is: Wilson's interval for a share right, the bootstrap's for R²."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..data import Part
from .network import Network
from .saved import forward

Z = 1.959963984540054
"""Two-sided 95 %."""


def judge(network: Network, part: Part, task: str) -> dict[str, Any]:
    """The score of a whole network on the raw examples of a part, with its 95 % interval.

    Gives:
        {"accuracy" or "r2": float, "interval": [low, high], "n": int}; only n = 0 for an empty part.
    """
    count = len(part)
    if not count:
        return {"n": 0}
    device = network.unit.device
    batches = part.to("cpu").batches(1024)
    outputs = np.concatenate([forward(network, x.to(device)).float().cpu().numpy() for x, _ in batches])
    targets = part.y.cpu().numpy()
    if task == "classification":
        right = int((outputs.argmax(1) == targets).sum())
        return {"accuracy": right / count, "interval": list(wilson(right, count)), "n": count}
    value = r2(outputs.astype(np.float64), targets.astype(np.float64)) if count > 1 else float("nan")
    return {"r2": value, "interval": list(bootstrap_r2(outputs, targets)), "n": count}


def confusion(network: Network, part: Part, classes: int) -> np.ndarray:
    """(K, K) counts, rows true, columns predicted."""
    found = np.zeros((classes, classes), np.int64)
    for x, y in part.batches(1024):
        guessed = forward(network, x).argmax(1).cpu().numpy()
        np.add.at(found, (y.cpu().numpy(), guessed), 1)
    return found


WORST = 24


def worst(network: Network, part: Part, task: str, classes: Sequence[str]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The examples of a part that cost most, worst first: themselves (n, …), and what is to be said of each.

    The cost of a class is -ln of its probability, of a regression the squared error.

    Gives:
        Rows `{"row": in its source, counted from 0, "true": …, "predicted": …, "loss": …}`.
    """
    outputs = torch.cat([forward(network, x).float() for x, _ in part.batches(1024)])
    if task == "classification":
        costs = functional.cross_entropy(outputs, part.y, reduction="none")
        true, guessed = ([str(classes[one]) for one in ids] for ids in (part.y.tolist(), outputs.argmax(1).tolist()))
    else:
        costs = (outputs - part.y).square()
        true, guessed = part.y.tolist(), outputs.tolist()
    order = torch.nan_to_num(costs, torch.inf).argsort(descending=True)[:WORST]
    rows = part.index[order].tolist()
    told = [
        {"row": row, "true": true[at], "predicted": guessed[at], "loss": float(costs[at])}
        for row, at in zip(rows, order.tolist(), strict=True)
    ]
    return part.gather(order)[0].float().numpy(), told


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, good also near 0 and 1 and for small counts.

    Examples:
        >>> low, high = wilson(351, 360)
        >>> round(low, 4), round(high, 4)
        (0.9532, 0.9868)

    Source:
        Wilson 1927; Agresti & Coull 1998.
    """
    share, room = right / count, Z * Z / count
    centre = (share + room / 2) / (1 + room)
    half = Z / (1 + room) * math.sqrt(share * (1 - share) / count + room / (4 * count))
    return (0.0 if right == 0 else centre - half), (1.0 if right == count else centre + half)


def r2(outputs: np.ndarray, targets: np.ndarray) -> float:
    """1 - residual / total sum of squares; outputs and targets (N,)."""
    return float(1 - np.square(outputs - targets).sum() / max(np.square(targets - targets.mean()).sum(), 1e-300))


def bootstrap_r2(outputs: np.ndarray, targets: np.ndarray, *, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of R² over examples drawn again with replacement."""
    random = np.random.default_rng(seed)
    outputs, targets = outputs.astype(np.float64), targets.astype(np.float64)
    values = []
    for _ in range(draws):
        index = random.integers(0, len(targets), len(targets))
        if np.ptp(targets[index]) > 0:
            values.append(r2(outputs[index], targets[index]))
    if not values:
        return math.nan, math.nan
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
