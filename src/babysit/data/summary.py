"""What the data is like, in plain values: the first thing to look at."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .part import Part
from .split import Split

CHUNK = 1 << 24


def summary(split: Split) -> dict[str, Any]:
    """Facts about a split, as plain JSON values; each example is looked at once.

    Gives:
        `source`, `task`, `shape`, `examples` per part, `missing` cells (and
        `missing_by_column`), `dropped` rows,
        `range` [least, greatest] of train's inputs, `constant` names of features that don't vary
        in train (for images their number), `duplicates` (see below); and for classes `classes`
        [{name, train, val, test}], `entropy` H(y) of train in nats and `majority`, the share of its
        largest class; for a regression `target` {mean, std, min, max} of train.

        `duplicates`: `within` {part: examples equal to an earlier one of their part}, `across`
        {"train-test": examples of the second part that the first holds too}, `conflicting`
        examples equal to another one with a different target, and `first`, up to five of them as
        [part, row, part, row] with rows of the source counted from 1.

    Examples:
        >>> from babysit import Recipe
        >>> from babysit.data import load
        >>> facts = summary(load(Recipe(data="iris")))
        >>> facts["examples"], facts["constant"], round(facts["majority"], 2)
        ({'train': 98, 'val': 22, 'test': 30}, [], 0.34)
    """
    scans = {name: _Scan(part) for name, part in split.parts.items()}
    low, high = scans["train"].low, scans["train"].high
    constant = np.flatnonzero(low == high)
    named = [split.features[place] for place in constant] if split.features else constant.tolist()
    facts: dict[str, Any] = {
        "source": split.source,
        "task": split.task,
        "shape": list(split.shape),
        "examples": {name: len(part) for name, part in split.parts.items()},
        "missing": int(split.notes.get("missing", 0)),
        "missing_by_column": dict(split.notes.get("missing_by_column", {})),
        "dropped": int(split.notes.get("dropped", 0)),
        "range": [float(low.min()), float(high.max())],
        "constant": named,
        "duplicates": _duplicates(split, scans),
    }
    return {**facts, **(_classes(split) if split.task == "classification" else _target(split.train.y))}


def entropy(counts: np.ndarray) -> float:
    """H in nats of a distribution given as counts.

    Examples:
        >>> round(entropy(np.array([5, 5])), 4)
        0.6931
    """
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log(shares)).sum())


def _classes(split: Split) -> dict[str, Any]:
    count = len(split.classes)
    counts = {name: np.bincount(part.y.cpu().numpy(), minlength=count) for name, part in split.parts.items()}
    rows = [
        {"name": name, **{part: int(found[number]) for part, found in counts.items()}}
        for number, name in enumerate(split.classes)
    ]
    return {
        "classes": rows,
        "entropy": entropy(counts["train"]),
        "majority": float(counts["train"].max() / max(1, counts["train"].sum())),
    }


def _target(y: Tensor) -> dict[str, Any]:
    y = y.double()
    std = float(y.std(unbiased=False)) if len(y) else math.nan
    return {"target": {"mean": float(y.mean()), "std": std, "min": float(y.min()), "max": float(y.max())}}


class _Scan:
    """One pass over a part: least and greatest value of each feature, and a hash of each example."""

    def __init__(self, part: Part) -> None:
        width = math.prod(part.shape)
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)
        self.hashes = np.empty(len(part), np.uint64)
        keys = _keys(width * part.x.dtype.itemsize)
        start = 0
        size = max(1, CHUNK // max(1, width * part.x.dtype.itemsize))
        for x, _ in part.batches(size):
            flat = _flat(x)
            self.low = np.minimum(self.low, flat.min(axis=0))
            self.high = np.maximum(self.high, flat.max(axis=0))
            self.hashes[start : start + len(flat)] = _hash(flat, keys)
            start += len(flat)


def _flat(x: Tensor) -> np.ndarray:
    """(n, D) with one zero: -0.0 is 0.0."""
    flat = x.reshape(len(x), -1).cpu()
    return (flat + 0.0 if flat.dtype.is_floating_point else flat).numpy()


def _keys(size: int) -> np.ndarray:
    """Odd random multipliers, one for each 8 bytes of an example."""
    return np.random.default_rng(20231).integers(0, 1 << 63, math.ceil(size / 8), np.uint64) * np.uint64(2) + np.uint64(
        1
    )


def _hash(flat: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(n,) uint64: a multiply-and-mix hash of each row's bytes, for all rows at once."""
    rows = np.zeros((len(flat), len(keys) * 8), np.uint8)
    raw = np.ascontiguousarray(flat).view(np.uint8).reshape(len(flat), -1)
    rows[:, : raw.shape[1]] = raw
    words = rows.view(np.uint64)
    words = (words ^ (words >> np.uint64(29))) * keys
    mixed = words ^ (words >> np.uint64(32))
    return (mixed * keys).sum(axis=1, dtype=np.uint64)


def _duplicates(split: Split, scans: dict[str, _Scan]) -> dict[str, Any]:
    names = [name for name in scans if len(split.parts[name])]
    hashes = np.concatenate([scans[name].hashes for name in names])
    which = np.concatenate([np.full(len(split.parts[name]), number) for number, name in enumerate(names)])
    rows = np.concatenate([np.arange(len(split.parts[name])) for name in names])
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    candidates = np.flatnonzero(counts[inverse] > 1)
    result: dict[str, Any] = {
        "within": dict.fromkeys(names, 0),
        "across": {f"{a}-{b}": 0 for at, a in enumerate(names) for b in names[at + 1 :]},
        "conflicting": 0,
        "first": [],
    }
    if not len(candidates):
        return result
    content = _contents(split, names, which[candidates], rows[candidates])
    groups: dict[bytes, list[int]] = {}
    for place, one in zip(candidates.tolist(), content, strict=True):
        groups.setdefault(one, []).append(place)
    for group in groups.values():
        if len(group) > 1:
            _count(split, names, [(names[which[place]], int(rows[place])) for place in group], result)
    return result


def _contents(split: Split, names: list[str], which: np.ndarray, rows: np.ndarray) -> list[bytes]:
    """The bytes of some examples: equal hashes are only candidates."""
    found: list[bytes] = [b""] * len(which)
    for number, name in enumerate(names):
        here = np.flatnonzero(which == number)
        for start in range(0, len(here), 4096):
            some = here[start : start + 4096]
            x, _ = split.parts[name].gather(torch.from_numpy(rows[some]))
            for place, row in zip(some.tolist(), _flat(x), strict=True):
                found[place] = row.tobytes()
    return found


def _count(split: Split, names: list[str], group: list[tuple[str, int]], result: dict[str, Any]) -> None:
    """Add one group of equal examples to the counts."""
    by_part = {name: sum(part == name for part, _ in group) for name in names}
    for name, count in by_part.items():
        result["within"][name] += max(0, count - 1)
    for pair in result["across"]:
        first, second = pair.split("-")
        result["across"][pair] += by_part[second] if by_part[first] else 0
    if len({float(split.parts[part].y[row]) for part, row in group}) > 1:
        result["conflicting"] += len(group)
    if len(result["first"]) < 5:
        (a, i), (b, j) = group[0], group[1]
        result["first"].append([a, int(split.parts[a].index[i]) + 1, b, int(split.parts[b].index[j]) + 1])
