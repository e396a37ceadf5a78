"""The one test at the end, with how sure it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Part
from .interval import bootstrap_r2, r2, wilson
from .network import Network
from .saved import forward


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
