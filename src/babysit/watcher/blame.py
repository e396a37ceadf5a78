"""Which operation first gave something that isn't finite: read off the graph of a loss before it is used up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MOST = 3000
_INPUTS = {"_saved_self": 0, "_saved_other": 1, "_saved_mat1": 1, "_saved_mat2": 2}


def first_operation(loss: Tensor) -> str | None:
    """The name of the operation ("log", "div", "exp") nearest to the inputs whose result is NaN or infinite.

    Each node of the graph keeps tensors for the backward pass; in the order of the forward pass the first
    of them that isn't finite tells. None where none is kept.
    """
    for node in _forward_order(loss.grad_fn):
        if _outside_its_domain(node):
            return _plain(node.name())
        for name in dir(node):
            if not name.startswith("_saved_"):
                continue
            value = _saved(node, name)
            if value is None or bool(torch.isfinite(value).all()):
                continue
            index = _INPUTS.get(name)
            if index is not None and index < len(node.next_functions):
                made_by = node.next_functions[index][0]
                if made_by is not None and "AccumulateGrad" not in made_by.name():
                    return _plain(made_by.name())
            return _plain(node.name())
    return _plain(loss.grad_fn.name()) if loss.grad_fn is not None else None


_POLES = {
    "log": "_saved_self",
    "log2": "_saved_self",
    "log10": "_saved_self",
    "div": "_saved_other",
    "reciprocal": "_saved_self",
}


def _outside_its_domain(node: Any) -> bool:
    """log of 0, division by 0: what it was given is finite, what it gives isn't, and only the former is kept."""
    name = _plain(node.name())
    if name not in _POLES:
        return False
    value = _saved(node, _POLES[name])
    return value is not None and bool(((value <= 0) if name.startswith("log") else (value == 0)).any())


def _saved(node: Any, name: str) -> Tensor | None:
    try:
        value = getattr(node, name)
    except RuntimeError:  # freed by an earlier backward
        return None
    return value if isinstance(value, Tensor) and value.is_floating_point() and value.numel() else None


def _forward_order(last: Any) -> list[Any]:
    """Nodes with their inputs before them."""
    found: list[Any] = []
    seen: set[Any] = set()
    waiting: list[tuple[Any, bool]] = [(last, False)]
    while waiting and len(seen) < MOST:
        node, done = waiting.pop()
        if node is None or (node in seen and not done):
            continue
        if done:
            found.append(node)
            continue
        seen.add(node)
        waiting.append((node, True))
        waiting += [(before, False) for before, _ in node.next_functions]
    return found


def _plain(name: str) -> str:
    """LogBackward0 is "log"."""
    name = name.rsplit("::", 1)[-1].partition("Backward")[0]
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
